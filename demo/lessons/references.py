"""Sentences that the lessons compare captions with: five a picture, written for this project, Apache-2.0.

They are no benchmark: few people wrote them, and about eight pictures only.
"""

from __future__ import annotations

REFERENCES: dict[str, tuple[str, str, str, str, str]] = {
    "cat.jpg": (
        "A brown cat with green eyes looks to the side.",
        "The face of a striped cat seen from close by.",
        "A tabby cat with long whiskers looks at something.",
        "A close-up of a cat with large green eyes.",
        "A young cat lies on a blanket and looks up.",
    ),
    "coffee.jpg": (
        "A red cup of coffee stands on a wooden table.",
        "A cup of espresso on a red saucer with a spoon.",
        "A small red cup with a little coffee left in it.",
        "A red cup and saucer with a silver spoon on a table.",
        "Somebody has drunk half of a cup of coffee.",
    ),
    "two-dogs.jpg": (
        "Two brown dogs look out of a door.",
        "Two dogs with curly ears look over a wooden fence.",
        "Two cocker spaniels stand at the door of a house.",
        "A pair of dogs is looking out from behind a curtain.",
        "Two brown dogs wait at the window of a wooden house.",
    ),
    "astronaut.jpg": (
        "A woman in an orange space suit smiles at the camera.",
        "An astronaut in an orange suit stands before a flag.",
        "A smiling astronaut with her helmet beside her.",
        "A portrait of a woman in a space suit with a model of a rocket.",
        "A woman with short hair wears an orange suit.",
    ),
    "street.jpg": (
        "A glass building with a steel frame on a street.",
        "Cars are parked in front of a modern building.",
        "A building with a roof of steel beams under a blue sky.",
        "A street with trees and a large glass building.",
        "Two cars stand on a street beside a new building.",
    ),
    "mountain-path.jpg": (
        "A path leads over green grass to rocky mountains.",
        "A trail through a meadow with snowy mountains behind it.",
        "Steep grey mountains under a blue sky with a cloud.",
        "A narrow path in the mountains on a sunny day.",
        "Grass and rocks below high mountains with some snow.",
    ),
    "fig.jpg": (
        "Half of a fig lies in a red bowl.",
        "A red bowl with a cut fig on grey ground.",
        "A fig that was cut open in a red wooden bowl.",
        "A piece of fruit in a red bowl in the sun.",
        "A single fig in a bowl throws a shadow.",
    ),
    "rocket.jpg": (
        "A white rocket stands on a launch pad at night.",
        "A rocket between tall towers before its launch.",
        "A rocket waits for its start under a dark blue sky.",
        "A tall rocket with bright lights around it.",
        "Lights shine at the foot of a rocket in the evening.",
    ),
}
