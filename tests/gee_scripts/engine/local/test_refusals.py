"""Errors of ours as answers: what was found, how to mend it, and nothing of Python where the fault is not ours."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import ee
import pytest

from agrispec.errors import AssetExists, AssetMissing, DataError
from gee_scripts.engine.local.language.registry import IMPLEMENTED
from gee_scripts.engine.local.refusals import inside, internal_error, refusal_of


@pytest.mark.parametrize(("error", "code", "words"), [
    (DataError("line 3 is odd", mend="mend line 3"), 400, "line 3 is odd. Mend line 3."),
    (DataError("Computation is too large.", mend="ask for less."), 400, "Computation is too large. Ask for less."),
    (AssetMissing("asset 'a' does not exist", mend="`a` is no id"), 404, "asset 'a' does not exist. `a` is no id."),
    (AssetExists("asset 'a' exists already", mend="EPSG"), 409, "asset 'a' exists already. EPSG.")])
def test_an_error_is_answered_by_what_was_found_and_then_how_to_mend_it(error: Any, code: int, words: str) -> None:
    assert (refusal_of(error).code, refusal_of(error).message) == (code, words)


def test_a_fault_of_ours_is_called_one_and_says_what_to_do_with_it() -> None:
    refusal = internal_error(KeyError("a"))
    assert refusal.message == ("Internal error of the local engine: KeyError: 'a'. Report it, with the graph or the "
                               "request and what the server printed.")
    assert refusal.code == 400, "the client would ask for a 500 five times"


def test_files_of_buckets_are_called_by_their_addresses_and_others_without_the_folder() -> None:
    root = Path("/srv/data")
    assert inside(root, "/srv/data/buckets/b/x.tif and /srv/data/assets/p/a.tif: odd") == \
        "gs://b/x.tif and assets/p/a.tif: odd"
    assert inside(root, "/srv/data/buckets/.a1.part/x: full") == "buckets/.a1.part/x: full"


def test_how_to_mend_it_reaches_the_client(running: Any) -> None:
    with pytest.raises(ee.EEException) as refused:
        ee.Image("projects/agrispec-local/assets/none").getInfo()
    assert "not found (does not exist or caller does not have access). Check the asset id" in str(refused.value)


def test_a_fault_in_a_function_is_answered_and_printed_as_ours(running: Any, monkeypatch: pytest.MonkeyPatch,
                                                              caplog: pytest.LogCaptureFixture) -> None:
    def faulty(*_: Any) -> Any:
        return {}["lost"]

    assert ee.Number(4).sqrt().getInfo() == 2
    monkeypatch.setitem(IMPLEMENTED, "Number.sqrt", replace(IMPLEMENTED["Number.sqrt"], function=faulty))
    with caplog.at_level(logging.ERROR), pytest.raises(ee.EEException) as refused:
        ee.Number(4).sqrt().getInfo()
    assert str(refused.value) == ("Number.sqrt: Internal error of the local engine: KeyError: 'lost'. Report it, with "
                                  "the graph or the request and what the server printed.")
    assert 'return {}["lost"]' in caplog.text
