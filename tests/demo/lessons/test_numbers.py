"""Where each number of each step is checked: by a formula written out, by another library, or by the model itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from demo.lessons.catalogue import LESSONS

TESTS = Path(__file__).parents[2]
LEARNT, PAGE = "demo/lessons/test_{}.py", "e2e/test_lessons_page.py"
FOLLOW = "{}::test_the_numbers_of_lesson_{}_follow_the_controls"


def page(lesson: int) -> str:
    return FOLLOW.format(PAGE, lesson)


def own(name: str, test: str) -> str:
    return f"{LEARNT.format(name)}::test_{test}"


NUMBERS: dict[str, tuple[str, ...]] = {
    "1.1": (own("lessons", "lesson_1_says_what_becomes_of_a_pixel"), page(1)),
    "1.2": (own("lessons", "lesson_1_says_what_the_retriever_makes_of_changed_pictures"), page(1)),
    "1.3": (own("live", "patches"),),
    "1.4": (own("lessons", "lesson_1_cuts_words_as_the_retriever_does"), page(1)),
    "1.5": (own("live", "log_mel_by_another_transform"), page(1)),
    "1.6": (own("lessons", "lesson_1_says_what_the_retriever_makes_of_changed_pictures"), page(1)),
    "1.7": (
        own("lessons", "the_squares_of_lesson_1_are_cut_from_the_picture"),
        own("lessons", "lesson_1_says_what_the_retriever_makes_of_changed_pictures"),
    ),
    "2.1": (own("encoders_lesson", "a_convolution_is_scipys_correlation"), page(2)),
    "2.2": (
        own("encoders_lesson", "maps_are_those_that_the_network_makes_on_its_way"),
        own("encoders_lesson", "a_cell_sees_as_many_pixels_as_is_said"),
        page(2),
    ),
    "2.3": (own("encoders_lesson", "words_are_as_near_as_is_said"), page(2)),
    "2.4": (own("encoders_lesson", "parameters_are_those_of_the_networks"), page(2)),
    "3.1": (own("live", "cosine_forgets_the_length"), page(3)),
    "3.2": (own("lessons", "lesson_3_says_what_the_retriever_does"),),
    "3.3": (own("live", "softmax_is_the_share_of_the_powers"), page(3)),
    "3.4": (own("live", "info_nce_written_out"), page(3)),
    "4.1": (
        own("live", "attention_by_hand"),
        own("lessons", "lesson_4_works_an_example_out_as_one_does_on_paper"),
        page(4),
    ),
    "4.2": (own("lessons", "the_weights_of_a_head_are_a_softmax_over_cells_and_tags"), page(4)),
    "4.3": (
        own("live", "entropy_counts_equal_places"),
        own("lessons", "lesson_4_says_what_the_captioner_does"),
    ),
    "4.4": (own("lessons", "lesson_4_says_what_the_captioner_does"),),
    "4.5": (
        own("lessons", "covering_a_place_costs_what_the_model_itself_says"),
        own("live", "correlation_is_pearsons"),
        page(4),
    ),
    "5.1": (
        own("fusion_lesson", "a_view_is_what_the_sentiment_task_answers"),
        own("fusion_lesson", "what_the_lesson_says_of_its_posts"),
        own("fusion_lesson", "the_page_gets_the_numbers_of_the_model"),
    ),
    "5.2": (own("fusion_lesson", "what_the_lesson_says_of_its_posts"), page(5)),
    "5.3": (own("fusion_lesson", "what_the_lesson_says_of_its_posts"), page(5)),
    "5.4": (
        own("fusion_lesson", "the_page_gets_the_numbers_of_the_model"),
        own("fusion_lesson", "what_the_lesson_says_of_its_posts"),
    ),
    "5.5": (own("fusion_lesson", "what_the_lesson_says_of_its_posts"), page(5)),
    "5.6": (
        own("fusion_lesson", "late_fusion_guesses_where_cross_attention_knows"),
        own("fusion_lesson", "the_rule_of_the_examples_is_that_of_the_table"),
    ),
    "6.1": (own("training_lesson", "cross_entropy_and_its_slopes_written_out"), page(6)),
    "6.2": (own("training_lesson", "what_the_lesson_says_of_its_valley"), page(6)),
    "6.3": (own("training_lesson", "the_ways_down_are_those_of_torch"), page(6)),
    "6.4": (own("training_lesson", "the_overfitted_head_does_what_the_lesson_says"), page(6)),
    "6.5": (own("training_lesson", "a_memory_of_spelling_looks_good_only_where_families_are_torn_apart"),),
    "6.6": (own("training_lesson", "what_was_learnt_before_is_worth_more_than_a_hundred_words"),),
    "7.1": (
        own("live", "f1_is_the_harmonic_mean"),
        own("lessons", "lesson_7_says_what_the_sentiment_model_does"),
        page(7),
    ),
    "7.2": (own("live", "a_threshold_parts_right_and_wrong"), page(7)),
    "7.3": (own("lessons", "lesson_7_says_what_the_retriever_finds"), page(7)),
    "7.4": (own("lessons", "lesson_7_says_what_the_retriever_finds"), page(7)),
    "7.5": (own("lessons", "cider_by_hand"), own("lessons", "the_captions_of_lesson_7_get_what_is_said"), page(7)),
    "7.6": (own("lessons", "lesson_7_says_what_the_retriever_finds"), page(7)),
    "7.7": (own("lessons", "lesson_7_says_what_the_retriever_finds"), page(7)),
    "8.1": (own("lessons", "lesson_8_says_what_the_captioner_does"), page(8)),
    "8.2": (
        own("lessons", "lesson_8_says_what_the_sentiment_model_does"),
        own("live", "mean_and_standard_error"),
        page(8),
    ),
    "8.3": (own("lessons", "lesson_8_says_how_its_maps_compare"), page(8)),
    "8.4": (own("lessons", "lesson_8_says_what_is_left_of_a_file"),),
    "8.5": (own("lessons", "licences_add_up"), page(8)),
    "8.6": (own("lessons", "lesson_8_reads_the_cards"), page(8)),
    "8.7": (own("lessons", "an_alarm_by_natural_frequencies"), page(8)),
}
"""Step -> tests of what it shows."""


def test_every_step_is_in_the_list() -> None:
    steps = [f"{lesson.number}.{place}" for lesson in LESSONS for place in range(1, len(lesson.steps) + 1)]
    assert list(NUMBERS) == steps


@pytest.mark.parametrize("file", sorted({test.partition("::")[0] for tests in NUMBERS.values() for test in tests}))
def test_every_test_of_the_list_exists(file: str) -> None:
    there = set(re.findall(r"^def (test_\w+)", (TESTS / file).read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {test.partition("::")[2] for tests in NUMBERS.values() for test in tests if test.startswith(file)}
    assert named <= there
