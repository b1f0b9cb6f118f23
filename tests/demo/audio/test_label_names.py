"""Names of sounds in both languages."""

from __future__ import annotations

import re

import pytest

from demo.audio import label_names
from mmcore.errors import InputError
from mmcore.families import _audioset


def test_every_label_of_audioset_has_a_chinese_name() -> None:
    assert list(label_names.chinese()) == list(_audioset.names())
    assert len(label_names.chinese()) == 527


def test_the_names_are_chinese_and_all_different() -> None:
    names = list(label_names.chinese().values())
    assert len(set(names)) == len(names)
    assert all(re.search("[\u4e00-\u9fff]", name) for name in names)
    assert not any(re.search("[,;(){}<>]", name) for name in names)  # full-width marks only


def test_a_label_is_called_by_the_language() -> None:
    assert label_names.label_text("zh", "Dog") == "狗"
    assert label_names.label_text("en", "Dog") == "Dog"
    assert label_names.label_text("zh", "my dog Rex") == "my dog Rex"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("", ()),
        (None, ()),
        ("rain, dog", ("rain", "dog")),
        ("rain,,  ,dog, rain", ("rain", "dog")),
        ("狗、雨", ("Dog", "Rain")),
        ("狗，雨", ("Dog", "Rain")),
        ("Walk, footsteps", ("Walk, footsteps",)),
        ("Walk, footsteps; Dog", ("Walk, footsteps", "Dog")),
        ("走路、脚步声", ("Walk, footsteps",)),
        (["Dog", "Walk, footsteps"], ("Dog", "Walk, footsteps")),
    ],
)
def test_labels_that_a_person_writes(given: object, found: tuple[str, ...]) -> None:
    assert label_names.parse(given) == found


def test_labels_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(InputError, match="labels"):
        label_names.parse(7)
