"""AudioSet's 527 classes, in the order of every model that was trained on it.

Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017; the display names are
those of class_labels_indices.csv (CC BY 4.0, Google).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType


@cache
def names() -> tuple[str, ...]:
    """The display names by class index."""
    return tuple(Path(__file__).with_name("audioset.txt").read_text(encoding="utf-8").splitlines())


LAST_BELOW: Mapping[str, str] = MappingProxyType(
    {
        "Speech": "Speech synthesizer",
        "Shout": "Children shouting",
        "Laughter": "Chuckle, chortle",
        "Crying, sobbing": "Whimper",
        "Singing": "Rapping",
        "Chant": "Mantra",
        "Breathing": "Snort",
        "Cough": "Throat clearing",
        "Hands": "Clapping",
        "Heart sounds, heartbeat": "Heart murmur",
        "Animal": "Whale vocalization",
        "Domestic animals, pets": "Caterwaul",
        "Dog": "Whimper (dog)",
        "Cat": "Caterwaul",
        "Livestock, farm animals, working animals": "Honk",
        "Horse": "Neigh, whinny",
        "Cattle, bovinae": "Cowbell",
        "Pig": "Oink",
        "Goat": "Bleat",
        "Fowl": "Honk",
        "Chicken, rooster": "Crowing, cock-a-doodle-doo",
        "Turkey": "Gobble",
        "Duck": "Quack",
        "Goose": "Honk",
        "Wild animals": "Whale vocalization",
        "Roaring cats (lions, tigers)": "Roar",
        "Bird": "Bird flight, flapping wings",
        "Bird vocalization, bird call, bird song": "Squawk",
        "Pigeon, dove": "Coo",
        "Crow": "Caw",
        "Owl": "Hoot",
        "Rodents, rats, mice": "Patter",
        "Insect": "Bee, wasp, etc.",
        "Fly, housefly": "Buzz",
        "Frog": "Croak",
        "Snake": "Rattle",
        "Music": "Scary music",
        "Musical instrument": "Scratching (performance technique)",
        "Plucked string instrument": "Ukulele",
        "Guitar": "Strum",
        "Keyboard (musical)": "Harpsichord",
        "Piano": "Electric piano",
        "Organ": "Hammond organ",
        "Synthesizer": "Sampler",
        "Percussion": "Steelpan",
        "Drum kit": "Drum machine",
        "Drum": "Tabla",
        "Snare drum": "Drum roll",
        "Cymbal": "Hi-hat",
        "Rattle (instrument)": "Maraca",
        "Mallet percussion": "Steelpan",
        "Brass instrument": "Trombone",
        "Bowed string instrument": "Double bass",
        "Violin, fiddle": "Pizzicato",
        "Wind instrument, woodwind instrument": "Clarinet",
        "Bell": "Bicycle bell",
        "Chime": "Change ringing (campanology)",
        "Hip hop music": "Beatboxing",
        "Rock music": "Psychedelic rock",
        "Rhythm and blues": "Soul music",
        "Country": "Bluegrass",
        "Classical music": "Opera",
        "Electronic music": "Trance music",
        "Vocal music": "A capella",
        "Wind": "Wind noise (microphone)",
        "Thunderstorm": "Thunder",
        "Water": "Gurgling",
        "Rain": "Rain on surface",
        "Ocean": "Waves, surf",
        "Fire": "Crackle",
        "Vehicle": "Skateboard",
        "Boat, Water vehicle": "Ship",
        "Motor vehicle (road)": "Traffic noise, roadway noise",
        "Car": "Race car, auto racing",
        "Vehicle horn, car horn, honking": "Toot",
        "Skidding": "Tire squeal",
        "Truck": "Ice cream truck, ice cream van",
        "Emergency vehicle": "Fire engine, fire truck (siren)",
        "Rail transport": "Subway, metro, underground",
        "Train": "Train wheels squealing",
        "Aircraft": "Fixed-wing aircraft, airplane",
        "Aircraft engine": "Propeller, airscrew",
        "Engine": "Accelerating, revving, vroom",
        "Light engine (high frequency)": "Chainsaw",
        "Door": "Squeak",
        "Doorbell": "Ding-dong",
        "Toothbrush": "Electric toothbrush",
        "Typing": "Computer keyboard",
        "Alarm": "Steam whistle",
        "Telephone": "Busy signal",
        "Siren": "Civil defense siren",
        "Whistle": "Steam whistle",
        "Mechanisms": "Single-lens reflex camera",
        "Clock": "Tick-tock",
        "Camera": "Single-lens reflex camera",
        "Tools": "Drill",
        "Power tool": "Drill",
        "Explosion": "Boom",
        "Gunshot, gunfire": "Cap gun",
        "Fireworks": "Firecracker",
        "Wood": "Crack",
        "Glass": "Shatter",
        "Liquid": "Boiling",
        "Pour": "Fill (with liquid)",
    }
)
"""A class -> the last of those that are kinds of it. The classes are in the ontology's order, depth first, so that
those in between are kinds of it, too; a class with two parents counts for the one that it follows."""


@cache
def kinds_of(name: str) -> frozenset[str]:
    """The classes that are kinds of that class, itself left out: those of "Dog" are "Bark", "Yip", ..."""
    if name not in LAST_BELOW:
        return frozenset()
    order = names()
    return frozenset(order[order.index(name) + 1 : order.index(LAST_BELOW[name]) + 1])
