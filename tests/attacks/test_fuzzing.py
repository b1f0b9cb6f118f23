"""A fixed few of the drawn files and requests; ``python -m tests.attacks.fuzzing`` draws thousands."""

from __future__ import annotations

from tests.attacks import fuzzing
from tests.demo.serving import Server


def test_mutated_files_are_read_or_refused() -> None:
    tally = fuzzing.files(300)
    assert sum(tally.outcomes.values()) >= 290  # hypothesis may draw one twice
    assert tally.outcomes["read"] > 10
    assert len(tally.outcomes) > 5
    assert not tally.outcomes["without a sentence"]


def test_drawn_bodies_are_answered_or_refused_with_a_sentence(target: Server) -> None:
    tally = fuzzing.api(target, 40)
    assert tally.outcomes["refused"] > 5
    assert tally.outcomes["answered"]
    assert "Traceback" not in target.log()


def test_drawn_calls_of_tools_are_answered(target: Server) -> None:
    tally = fuzzing.mcp(target, 30)
    assert sum(tally.outcomes.values()) >= 29
    assert "Traceback" not in target.log()
