"""Which requests pass, and which are refused by the name of a field."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from ee import _cloud_api_utils
from hypothesis import given
from hypothesis import strategies as st

from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.fields import REQUEST, checked

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["value", "width", "uris", "sources", "x"]), inner, max_size=3), max_leaves=8)


@pytest.mark.parametrize("request_", [
    {"expression": {"result": "0", "values": {}}, "pageSize": 10, "pageToken": "a-10"},
    {"pageSize": "10"}, {"maxPixels": {"value": "100000000"}, "priority": {"value": 100}}, {"unknown": [{"a": 1}]},
    {"asset": {"properties": {"a": None, "b": [1]}}, "updateMask": {"paths": ["properties"]}},
    {"imageManifest": {"name": "a", "startTime": {"seconds": "1714521600"}, "memo": 5}},
    {"imageManifest": {"endTime": "2024-05-01T00:00:00Z", "missingData": {"values": [-9999, "NaN"]}}},
    {"assetExportOptions": {"pyramidingPolicyOverrides": {"crop": "MODE"}}}])
def test_what_the_service_takes_passes_as_it_is(request_: dict[str, Any]) -> None:
    assert checked(request_) == request_


@pytest.mark.parametrize("name", ["gamma", "opacity"])
@pytest.mark.parametrize("number", [0.5, 2, "1.5"])
def test_a_number_stands_as_it_is_or_wrapped_as_the_client_does(name: str, number: Any) -> None:
    # https://developers.google.com/earth-engine/reference/rest/v1/VisualizationOptions: "gamma": number
    wrapped = {"visualizationOptions": {name: {"value": number}}}
    assert checked({"visualizationOptions": {name: number}}) == checked(wrapped) == wrapped
    with pytest.raises(Refusal, match=f"'visualizationOptions.{name}': 'red' is not a number"):
        checked({"visualizationOptions": {name: "red"}})


@pytest.mark.parametrize("name", ["maxPixels", "priority", "maxWorkers", "maxVertices"])
def test_whole_numbers_of_exports_stand_as_they_are_or_wrapped(name: str) -> None:
    # https://developers.google.com/earth-engine/reference/rest/v1/projects.image/export
    assert checked({name: "100"}) == checked({name: {"value": "100"}}) == {name: {"value": "100"}}
    with pytest.raises(Refusal, match=f"'{name}': '-1' is not an integer of 0 or more"):
        checked({name: -1})


def test_the_client_wraps_gamma() -> None:
    sent = _cloud_api_utils.convert_to_visualization_options({"gamma": "1.5"})
    assert sent == {"gamma": {"value": 1.5}}
    assert checked({"visualizationOptions": sent}) == {"visualizationOptions": sent}


def test_null_is_as_good_as_absent() -> None:
    assert checked({"grid": None, "priority": {"value": None}, "other": None}) == {"priority": {}}


@pytest.mark.parametrize(("given_", "left"), [
    ({"requestId": "", "description": "", "pageToken": "", "fileFormat": ""}, {}),
    ({"fileFormat": "IMAGE_FILE_FORMAT_UNSPECIFIED", "grid": {"crsCode": ""}}, {"grid": {}}),
    ({"imageManifest": {"name": "", "startTime": "", "pyramidingPolicy": "PYRAMIDING_POLICY_UNSPECIFIED",
                        "tilesets": [{"id": "", "crs": "", "dataType": "DATA_TYPE_UNSPECIFIED"}],
                        "bands": [{"id": "", "tilesetId": "", "pyramidingPolicy": ""}]}},
     {"imageManifest": {"tilesets": [{}], "bands": [{}]}}),
    ({"tableManifest": {"sources": [{"charset": "", "csvDelimiter": "", "csvQualifier": "", "xColumn": "",
                                     "yColumn": "", "primaryGeometryColumn": "", "crs": ""}], "uriPrefix": "",
                        "columnDataTypeOverrides": {"a": "COLUMN_DATA_TYPE_UNSPECIFIED", "": "COLUMN_DATA_TYPE_LONG"}}},
     {"tableManifest": {"sources": [{}], "columnDataTypeOverrides": {"": "COLUMN_DATA_TYPE_LONG"}}}),
    ({"assetExportOptions": {"pyramidingPolicy": "", "pyramidingPolicyOverrides": {"crop": ""}}},
     {"assetExportOptions": {"pyramidingPolicyOverrides": {}}})])
def test_an_empty_string_and_a_choice_left_open_are_as_good_as_absent(given_: Any, left: Any) -> None:
    # https://protobuf.dev/programming-guides/field_presence/#presence-in-proto3-apis
    assert checked(given_) == left


@pytest.mark.parametrize("request_", [
    {"imageManifest": {"properties": {"note": "", "policy": "X_UNSPECIFIED"}, "memo": ""}},
    {"bandIds": [""]}, {"other": ""}, {"imageManifest": {"name": "projects/p/assets/A_UNSPECIFIED"}},
    {"asset": {"properties": {"note": ""}}}])
def test_what_is_not_ours_may_be_empty(request_: dict[str, Any]) -> None:
    assert checked(request_) == request_


@pytest.mark.parametrize(("request_", "words"), [
    ({"overwrite": "true"}, "'overwrite': 'true' is not true or false"),
    ({"pageSize": True}, "'pageSize': 'True' is not an integer"),
    ({"pageSize": 1.5}, "'pageSize': '1.5' is not an integer"),
    ({"grid": {"dimensions": {"width": "9" * 5000}}}, "'grid.dimensions.width'"),
    ({"grid": {"affineTransform": {"scaleX": 10**400}}}, "'grid.affineTransform.scaleX'"),
    ({"imageManifest": {"startTime": 5}}, "'imageManifest.startTime': '5' is not a time"),
    ({"imageManifest": {"startTime": {"seconds": "x"}}}, "'imageManifest.startTime.seconds'"),
    ({"assetExportOptions": {"pyramidingPolicyOverrides": {"crop": 5}}}, r"pyramidingPolicyOverrides.crop'")])
def test_what_it_does_not_take_is_refused_by_its_path(request_: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        checked(request_)


@given(name=st.sampled_from(sorted(REQUEST)), value=JSON)
def test_any_value_passes_or_is_refused_by_name(name: str, value: Any) -> None:
    with _refused_by(name):
        found = checked({name: value})
        assert repr(checked(found)) == repr(found)


@contextlib.contextmanager
def _refused_by(name: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        if refusal.code != 400 or not refusal.message.startswith(f"Invalid value at '{name}"):
            raise
