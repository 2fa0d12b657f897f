"""Nothing: an empty text, list, dictionary, array, range, geometry or collection."""

from typing import Any

from gee_scripts.engine.local.language.registry import signatures


def test_empty_arguments_are_answered_or_refused_in_words(every: Any, taker: str) -> None:
    for arguments in every.with_others(taker, every.EMPTY):
        every.answered(taker, arguments)


def test_every_function_is_tested_or_takes_nothing_that_can_be_null_or_empty(every: Any) -> None:
    known = set(every.NULLS) | set(every.EMPTY) | every.WHOLES
    for name in every.NAMES:
        kinds = {every.plain(argument.type) for argument in signatures()[name]}
        assert kinds <= known, f"{name} takes a type without a null or empty value in conftest.py"
    assert not set(every.BY_FUNCTION) - set(every.NAMES), "a table names what is not implemented"
