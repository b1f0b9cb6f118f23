"""From a waveform to a timeline: windows, the log-mel spectrogram, events."""
