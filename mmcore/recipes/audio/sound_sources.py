"""Where the tagger's sounds come from: packages of Debian's main archive, all of them free.

    fetch(folder)      download, take out sounds, soundfonts and copyright files; needs apt and dpkg
    sources(folder)    what lies there, one source a package

A package that is held out is never trained on; the figures of the model card are measured on it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

SUFFIXES = (".ogg", ".oga", ".wav", ".flac", ".opus", ".mp3", ".aiff", ".aif", ".au")
ARCHIVES = (".zip", ".pk3")
LONGEST = 10.0
"""Seconds of one window; longer files give several."""


@dataclass(frozen=True)
class Source:
    """Sounds of one origin."""

    name: str
    most: int = 350
    """Windows that are taken of it at most, spread over its files."""
    windows_a_file: int = 3
    held_out: bool = False
    passed_over: tuple[str, ...] = ()
    """Parts of file names that are left out."""


SPEECH = 120
"""Windows of a package that is nothing but recorded speech."""

PACKAGES = (
    Source("sound-theme-freedesktop"),
    Source("oxygen-sounds"),
    Source("yaru-theme-sound"),
    Source("deepin-sound-theme"),
    Source("lomiri-sounds", held_out=True),
    Source("sound-icons"),
    Source("psi-plus-sounds"),
    Source("eiskaltdcpp-sounds"),
    Source("tuxpaint-stamps-default", most=900, passed_over=("_desc",)),
    Source("sonic-pi-samples"),
    Source("minetest-data", held_out=True),
    Source("openttd-opensfx"),
    Source("bucklespring-data", most=60),
    Source("scratch", most=500),
    Source("pysiogame"),
    Source("klettres-data", most=SPEECH),
    Source("ktuberling-data", most=2 * SPEECH),
    Source("ufoai-sound"),
    Source("searchandrescue-data"),
    Source("lincity-ng-data", most=500),
    Source("colobot-common-sounds"),
    Source("hydrogen-drumkits-effects"),
    Source("unknown-horizons"),
    Source("freedink-data", held_out=True),
    Source("ardentryst"),
    Source("lugaru-data"),
    Source("xmoto-data"),
    Source("pingus-data"),
    Source("frozen-bubble-data"),
    Source("hedgewars-data", most=SPEECH),
    Source("warmux-data"),
    Source("freecol"),
    Source("asterisk-core-sounds-en-wav", most=SPEECH),
    Source("asterisk-core-sounds-fr-wav", most=SPEECH),
    Source("asterisk-core-sounds-ru-wav", most=SPEECH),
    Source("asterisk-core-sounds-es-wav", most=SPEECH),
    Source("asterisk-core-sounds-it-wav", most=40, held_out=True),
    Source("wesnoth-1.16-data", held_out=True),
    Source("boswars-data"),
    Source("7kaa-data"),
    Source("scorched3d-data"),
    Source("openclonk-data"),
    Source("blobwars-data"),
    Source("flare-game"),
    Source("trigger-rally-data"),
    Source("extremetuxracer-data"),
    Source("warzone2100-data"),
    Source("qabcs-data"),
    Source("brainparty-data"),
    Source("raincat-data"),
    Source("gamine-data"),
    Source("pychess"),
    Source("pokerth-data"),
    Source("adonthell-data"),
    Source("pekka-kana-2-data"),
    Source("lmms-common"),
    Source("hydrogen-data"),
    Source("chuck-data"),
    Source("supercollider-common"),
    Source("codec2-examples", most=SPEECH),
    Source("tuxtype-data"),
    Source("tuxmath-data"),
    Source("linphone-common"),
    Source("renpy-demo"),
    Source("kanagram"),
    Source("khangman"),
    Source("blinken"),
    Source("fillets-ng-data", most=2 * SPEECH),
    Source("torcs-data"),
    Source("megaglest-data"),
    Source("supertux-data"),
    Source("endless-sky-data"),
    Source("freedroidrpg-data"),
    Source("supertuxkart-data"),
    *(
        Source(name, most=200)
        for name in (
            "abe-data",
            "alienblaster-data",
            "amphetamine-data",
            "biniax2-data",
            "blobby-data",
            "bomberclone-data",
            "btanks-data",
            "bzflag-data",
            "caveexpress-data",
            "chromium-bsu-data",
            "csmash-data",
            "enigma-data",
            "focuswriter",
            "foobillardplus-data",
            "freegish-data",
            "freetennis-common",
            "glob2-data",
            "granatier",
            "gunroar-data",
            "holotz-castle-data",
            "kapman",
            "kolf",
            "lbreakout2-data",
            "meritous-data",
            "moon-lander-data",
            "naev-data",
            "netpanzer-data",
            "njam-data",
            "open-invaders-data",
            "opencity-data",
            "pidgin-data",
            "ri-li-data",
            "sdl-ball-data",
            "starfighter-data",
            "tecnoballz-data",
            "tuxfootball",
            "widelands-data",
        )
    ),
)
INSTRUMENTS = "fluid-soundfont-gm"
"""A soundfont, rendered by fluidsynth (made_sounds.py)."""


EVERYTHING = (*(one.name for one in PACKAGES), INSTRUMENTS)


def fetch(folder: Path, packages: tuple[str, ...] = EVERYTHING) -> list[str]:
    """Bring the packages into ``folder``; what is there already stays. Returns the names that could not be had.

    Raises FileNotFoundError where the machine has no apt-get or dpkg.
    """
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise FileNotFoundError(f"{tool} is not here; the sounds come from Debian packages")
    missing = []
    for name in packages:
        inside = folder / name
        if (inside / ".done").exists():
            continue
        inside.mkdir(parents=True, exist_ok=True)
        if subprocess.run(["apt-get", "download", "-q", name], cwd=inside, capture_output=True, check=False).returncode:
            missing.append(name)
            continue
        archive = next(inside.glob("*.deb"))
        kept = [f"*{suffix}" for suffix in (*SUFFIXES, *ARCHIVES, ".sf2", "/copyright")]
        unpack = subprocess.Popen(["dpkg", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE)
        command = ["tar", "-x", "-C", str(inside), "--wildcards", "--no-anchored", "--ignore-case", *kept]
        # tar complains about a pattern that fits nothing; what it found lies there all the same
        subprocess.run(command, stdin=unpack.stdout, capture_output=True, check=False)
        unpack.wait()
        archive.unlink()
        (inside / ".done").touch()
    return missing


def unpack_archives(folder: Path) -> None:
    """Take the sounds out of the game archives (.zip, .pk3) below ``folder``; each archive is deleted."""
    for archive in [path for path in folder.rglob("*") if path.suffix.lower() in ARCHIVES and path.is_file()]:
        try:
            with ZipFile(archive) as members:
                for name in members.namelist():
                    if name.lower().endswith(SUFFIXES):
                        members.extract(name, archive.with_suffix(""))
        except BadZipFile:
            pass
        archive.unlink()


def files_of(folder: Path, source: Source) -> list[Path]:
    """The sound files of a source, in a steady order; links are passed over, since their targets are there as well."""
    return sorted(
        path
        for path in (folder / source.name).rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not path.is_symlink()
        and not any(part in path.name for part in source.passed_over)
    )
