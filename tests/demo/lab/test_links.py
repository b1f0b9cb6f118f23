"""A setting travels as a link, and comes back as it was."""

from __future__ import annotations

from dataclasses import fields

import pytest

from demo.lab import links, service
from demo.lab.links import FIELDS, Setting, query_of, setting_of, start
from mmcore.errors import InputError, UnknownNameError
from mmcore.results import TrainingOptions


def test_there_and_back() -> None:
    setting = Setting(
        "taste", ("weighted", "multitask"), dict(zip(FIELDS, ("sgd", 0.05, 16, 7, 0.25, 0.1, 0, 42), strict=True))
    )
    query = query_of(setting)
    assert query.startswith("tab=lab&data=taste&fusions=weighted,multitask&optimiser=sgd&learning_rate=0.05&")
    assert setting_of(f"?{query}&lang=zh") == (setting, None)


def test_the_start_is_a_valid_setting_that_compares_two_fusions() -> None:
    setting = start()
    assert len(setting.fusions) == 2
    assert setting.data in service.data_names()
    assert service.options_of(setting.fusions[0], setting.form).seed == 0
    assert setting_of(query_of(setting)) == (setting, None)


@pytest.mark.parametrize("query", ["", "?", "lang=zh", "tab=models", "?data=taste"])
def test_other_links_are_not_for_the_lab(query: str) -> None:
    assert setting_of(query) == (None, None)


def test_what_is_left_out_is_as_at_the_start() -> None:
    setting, problem = setting_of("tab=lab&seed=3")
    assert problem is None
    assert setting is not None
    assert setting.form == {**start().form, "seed": 3}
    assert setting.fusions == start().fusions


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("data=secret", UnknownNameError),
        ("fusions=late,early", UnknownNameError),
        ("optimiser=lion", InputError),
        ("learning_rate=fast", InputError),
        ("learning_rate=nan", InputError),
        ("epochs=1e9", InputError),
        ("epochs=2.5", InputError),
        ("seed=<script>", InputError),
        ("dropout=-1", InputError),
    ],
)
def test_a_part_that_cannot_be_used_is_named_and_left_out(query: str, kind: type[Exception]) -> None:
    setting, problem = setting_of(f"tab=lab&{query}&batch_size=8")
    assert isinstance(problem, kind)
    assert setting is not None
    assert setting.form["batch_size"] == 8
    service.options_of(setting.fusions[0], setting.form)  # what is left can be trained


def test_a_link_without_end_is_cut() -> None:
    setting, _ = setting_of("tab=lab&fusions=" + "late," * 100_000)
    assert setting is not None
    assert setting.fusions == ("late",)


def test_the_fields_are_options() -> None:
    assert set(links.FIELDS) < {one.name for one in fields(TrainingOptions)}
