"""What made the bundle, a folder a task, each with a README. Imported by nothing else, and not in the wheel."""
