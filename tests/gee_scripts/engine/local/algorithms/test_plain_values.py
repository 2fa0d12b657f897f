"""Lists, dictionaries, dates, ranges, numbers, pixel types and elements against Python, Java's words and the
documentation's examples."""

from __future__ import annotations

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ee
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agrispec.errors import EngineError

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
LISTS = st.lists(st.integers(0, 4), max_size=7)


@given(items=LISTS, target=LISTS.map(lambda items: items[:2]), index=st.integers(-7, 7), distance=st.integers(-9, 9))
@FEW
def test_lists_are_changed_as_pythons_are(world: Any, items: list[int], target: list[int], index: int,
                                          distance: int) -> None:
    graph = ee.List(items)
    found = [place for place in range(len(items) - len(target) + 1) if items[place:place + len(target)] == target]
    assert world.value(graph.indexOfSublist(target)) == (found[0] if found else -1)
    assert world.value(graph.lastIndexOfSubList(target)) == (found[-1] if found else -1)
    once = [9 if place == items.index(2) else item for place, item in enumerate(items)] if 2 in items else items
    assert world.value(graph.replace(2, 9)) == once
    # Collections.rotate: the element at index i moves to (i + distance) mod size.
    turned = world.value(graph.rotate(distance))
    assert all(turned[(place + distance) % len(items)] == item for place, item in enumerate(items))
    if -len(items) <= index <= len(items):
        expected = [*items]
        expected.insert(index, 7)
        assert world.value(graph.insert(index, 7)) == expected
        start = index % len(items) if index < 0 else index
        assert world.value(graph.splice(index, 2, target)) == items[:start] + target + items[start + 2:]
    else:
        with pytest.raises(EngineError, match="List index must be between"):
            world.value(graph.insert(index, 7))
    if items and -len(items) <= index < len(items):
        expected = [*items]
        expected[0], expected[index] = expected[index], expected[0]
        assert world.value(graph.swap(0, index)) == expected


# https://developers.google.com/earth-engine/apidocs/ee-list-splice
def test_lists_are_spliced_as_documented(world: Any) -> None:
    graph = ee.List([0, 1, 2, 3, 4])
    for made, expected in [(graph.splice(2, 1, None), [0, 1, 3, 4]), (graph.splice(-2, 1), [0, 1, 2, 4]),
                           (graph.splice(1, 3), [0, 4]), (graph.splice(2, 0, ["X", "Y"]), [0, 1, "X", "Y", 2, 3, 4]),
                           (graph.splice(2, 3, ["X", "Y", "Z"]), [0, 1, "X", "Y", "Z"])]:
        assert world.value(made) == expected


# https://developers.google.com/earth-engine/apidocs/ee-dictionary-rename and -toarray
def test_dictionaries_are_renamed_and_made_arrays_and_images(world: Any) -> None:
    table = ee.Dictionary({"B1": 182, "B3": 443, "B2": 219})
    assert world.value(table.rename(["B2", "B3"], ["Band_2", "Band_3"])) == {"B1": 182, "Band_2": 219, "Band_3": 443}
    assert world.value(table.rename(["B3"], ["B1"], True)) == {"B1": 443, "B2": 219}
    assert world.value(table.rename(["B1", "B2"], ["B2", "B1"])) == {"B2": 182, "B1": 219, "B3": 443}
    assert world.value(table.toArray(["B1", "B2"])).tolist() == [182, 219]
    assert world.value(table.toArray()).tolist() == [182, 219, 443]
    assert world.value(table.toArray(["B1", "B2"], 1)).tolist() == [[182, 219]]
    pair = ee.Dictionary({"a": [1, 2], "b": [3, 4]})
    assert world.value(pair.toArray(axis=1)).tolist() == [[1, 3], [2, 4]]
    assert {name: int(band[0, 0]) for name, band in world.pixels(table.toImage()).items()} == {
        "B1": 182, "B2": 219, "B3": 443}
    assert list(world.pixels(table.toImage(["B3", "B1"]))) == ["B3", "B1"]
    assert world.value(ee.Dictionary({}).toImage()).bands == ()
    for graph, message in [(table.rename(["B9"], ["x"]), "does not contain key: 'B9'"),
                           (table.rename(["B3"], ["B1"]), "would have the same key: B1"),
                           (table.rename(["B1", "B2"], ["x", "x"]), "names are repeated"),
                           (table.rename(["B1"], []), "1 keys and 0 new names"),
                           (ee.Dictionary({"a": "x"}).toImage(), "no numbers"),
                           (ee.Dictionary({"a": "x"}).toArray(), "is no array")]:
        with pytest.raises(EngineError, match=message):
            world.value(graph)


DAYS = st.datetimes(datetime(1985, 1, 1), datetime(2035, 1, 1)).map(
    lambda day: day.replace(microsecond=day.microsecond // 1000 * 1000, tzinfo=UTC))


def millis(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


@given(when=DAYS, zone=st.sampled_from([None, "Asia/Kolkata", "America/Bogota"]))
@FEW
def test_fractions_of_units_are_those_of_the_calendar(world: Any, when: datetime, zone: str | None) -> None:
    local = when.astimezone(ZoneInfo(zone or "UTC"))
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    year = day.replace(month=1, day=1)
    date = ee.Date(millis(when))
    for unit, start, length in [
            ("year", year, timedelta(days=366 if calendar.isleap(local.year) else 365)),
            ("month", day.replace(day=1), timedelta(days=calendar.monthrange(local.year, local.month)[1])),
            ("week", day - timedelta(days=local.weekday()), timedelta(weeks=1)), ("day", day, timedelta(days=1)),
            ("hour", local.replace(minute=0, second=0, microsecond=0), timedelta(hours=1)),
            ("second", local.replace(microsecond=0), timedelta(seconds=1))]:
        assert world.value(date.getFraction(unit, zone)) == pytest.approx((local - start) / length, abs=1e-12)


@given(when=DAYS, zone=st.sampled_from(["UTC", "Asia/Kolkata"]))
@FEW
def test_what_a_pattern_writes_it_reads(world: Any, when: datetime, zone: str) -> None:
    text = when.astimezone(ZoneInfo(zone))
    for pattern, shown in [("yyyy-MM-dd'T'HH:mm:ss.SSS", "%Y-%m-%dT%H:%M:%S.%f"),
                           ("yyyyMMddHHmmssSSS", "%Y%m%d%H%M%S%f"),
                           ("EEE, d MMM YYYY hh:mm:ss.SSS a", "%a, %-d %b %Y %I:%M:%S.%f %p"),
                           ("YYYY-DDD H:m:s.SSS", "%Y-%j %-H:%-M:%-S.%f")]:
        written = text.strftime(shown.replace("%f", f"{text.microsecond // 1000:03d}"))
        assert world.value(ee.Date.parse(pattern, written, zone).millis()) == millis(when)


# https://developers.google.com/earth-engine/apidocs/ee-date-parse
@pytest.mark.parametrize(("pattern", "text"), [
    ("YYYY MM dd", "2021 4 30"), ("YYYY-MM-dd", "2021-4-30"), ("YYYY/MM/dd", "2021/4/30"), ("MM/dd/YY", "4/30/21"),
    ("MMM. dd, YYYY", "Apr. 30, 2021"), ("MMMM dd, YYYY", "april 30, 2021"),
    ("YYYY-MM-dd HH:mm:ss", "2021-4-30 00:00:00"),
    ("yyyyDDD", "2021120"), ("yyyy-MM-dd Z", "2021-04-30 +0000"), ("yyyy-MM-dd HH ZZ", "2021-04-30 02 +02:00"),
    ("yyyy-MM-dd HH ZZZ", "2021-04-30 02 Europe/Paris"), ("'on' dd'''s of' MM yyyy", "on 30's of 04 2021")])
def test_patterns_read_as_documented(world: Any, pattern: str, text: str) -> None:
    assert world.value(ee.Date.parse(pattern, text).millis()) == millis(datetime(2021, 4, 30, tzinfo=UTC))


def test_what_a_pattern_does_not_name_is_jodas_default(world: Any) -> None:
    assert world.value(ee.Date.parse("HH:mm", "01:02").millis()) == 3_720_000
    assert world.value(ee.Date.parse("MM-dd", "02-29").millis()) == millis(datetime(2000, 2, 29, tzinfo=UTC))
    assert world.value(ee.Date.parse("yyyy", "2021").millis()) == millis(datetime(2021, 1, 1, tzinfo=UTC))
    for pattern, text, message in [("YYYY-MM-dd", "yesterday", "Invalid format"),
                                   ("yyyy-MM-dd", "2021-02-30", "no date"),
                                   ("yyyy-DDD", "2021-366", "is no date"), ("qq", "1", "Illegal pattern component: qq"),
                                   ("yyyy ZZZ", "2021 Mars/Base", "is no date")]:
        with pytest.raises(EngineError, match=message):
            world.value(ee.Date.parse(pattern, text))


# https://developers.google.com/earth-engine/apidocs/ee-date-update
def test_fields_of_dates_are_set_as_documented(world: Any) -> None:
    date = ee.Date("2021-4-30T07:15:31.24")
    whole = datetime(2021, 4, 30, 7, 15, 31, 240_000, UTC)
    assert world.value(date.millis()) == millis(whole)
    assert world.value(date.update(year=2010, minute=59).millis()) == millis(whole.replace(year=2010, minute=59))
    assert world.value(date.update(second=2.5).millis()) == millis(whole.replace(second=2, microsecond=500_000))
    local = whole.astimezone(ZoneInfo("Asia/Kolkata")).replace(day=1, hour=3)
    assert world.value(date.update(day=1, hour=3, timeZone="Asia/Kolkata").millis()) == millis(local)
    with pytest.raises(EngineError, match="There is no month 2 of 2021-04-30T07:15:31.240"):
        world.value(date.update(month=2))


def test_units_have_so_many_of_others(world: Any) -> None:
    for units, expected in [(("day", "minute"), 1440), (("week", "hour"), 168), (("year", "month"), 12),
                            (("year", "day"), 365.2425), (("month", "year"), 1 / 12)]:
        assert world.value(ee.Date.unitRatio(*units)) == expected


MOMENTS = st.integers(0, 9)


@given(a=MOMENTS, b=MOMENTS, c=MOMENTS, d=MOMENTS)
@FEW
def test_ranges_are_sets_of_milliseconds(world: Any, a: int, b: int, c: int, d: int) -> None:
    one, other = ee.DateRange(a, b), ee.DateRange(c, d)
    first, second = set(range(a, b)), set(range(c, d))
    assert world.value(one.isEmpty()) == (not first)
    assert world.value(one.intersects(other)) == bool(first & second)
    both = world.value(one.intersection(other))
    assert set(range(int(both.start), int(both.end))) == first & second
    either = world.value(one.union(other))
    found = set(range(int(either.start), int(either.end)))
    assert found >= first | second
    if first | second:
        assert (min(found), max(found)) == (min(first | second), max(first | second))


# https://developers.google.com/earth-engine/apidocs/ee-daterange-union
def test_unions_reach_from_the_earlier_start_to_the_later_end(world: Any) -> None:
    one, later = ee.DateRange("2017-06-24", "2017-07-24"), ee.DateRange("2017-06-30", "2018-07-10")
    earlier = ee.DateRange("1970-06-24", "1971-07-24")
    assert world.value(one.union(later)) == world.value(ee.DateRange("2017-06-24", "2018-07-10"))
    assert world.value(one.union(earlier)) == world.value(ee.DateRange("1970-06-24", "2017-07-24"))
    assert world.value(one.intersection(later)) == world.value(ee.DateRange("2017-06-30", "2017-07-24"))


def test_the_range_of_all_dates_has_no_ends(world: Any) -> None:
    everything = ee.DateRange.unbounded()
    assert world.value(everything.isUnbounded())
    assert not world.value(ee.DateRange(0, 1).isUnbounded())
    assert not world.value(everything.isEmpty())
    assert world.value(everything.contains(ee.Date(5)))
    june = ee.DateRange("2017-06-24", "2017-07-24")
    assert world.value(everything.intersection(june)) == world.value(june)
    with pytest.raises(EngineError, match="The range has no start"):
        world.value(everything.start())


def test_numbers_without_a_value_are_nan_or_infinite_as_those_of_images(world: Any) -> None:
    for name, number in [("sqrt", -1), ("log", -1), ("log", 0), ("asin", 2), ("exp", 1000), ("acos", 2), ("log10", 0)]:
        found = world.value(ee.ApiFunction.call_(f"Number.{name}", number))
        pixel = world.pixels(getattr(ee.Image(number), name)())["constant"].data[0, 0]
        assert found == pixel or (math.isnan(found) and math.isnan(pixel))
    assert math.isnan(world.value(ee.Number(-1).sqrt().ceil()))
    assert world.value(ee.Number(-1).sqrt().toInt()) == 0
    assert world.value(ee.Number(1000).exp().toByte()) == 255
    assert world.value(ee.Number(0).firstNonZero(7)) == 7


# https://developers.google.com/earth-engine/apidocs/ee-pixeltype
@pytest.mark.parametrize(("make", "expected"), [
    (lambda: ee.PixelType("int", 0, 1), {"precision": "int", "min": 0, "max": 1}),
    (lambda: ee.PixelType("int", -20, -10), {"precision": "int", "min": -20, "max": -10}),
    (lambda: ee.PixelType("float"), {"precision": "float"}), (lambda: ee.PixelType("double"), {"precision": "double"}),
    (lambda: ee.PixelType("double", None, None, 2), {"precision": "double", "dimensions": 2}),
    (lambda: ee.PixelType("double", 1, 3, 2), {"precision": "double", "min": 1, "max": 3, "dimensions": 2}),
    (lambda: ee.PixelType("double", None, 2.3, 0), {"precision": "double"}),
    (lambda: ee.PixelType("double", 3.4, None, 0), {"precision": "double"}),
    (lambda: ee.PixelType.int16(), {"precision": "int", "min": -32768, "max": 32767}),
    (lambda: ee.PixelType.uint32(), {"precision": "int", "min": 0, "max": 2**32 - 1})])
def test_pixel_types_are_as_documented(world: Any, make: Callable[[], Any], expected: dict[str, Any]) -> None:
    assert world.info(make()) == {"type": "PixelType", **expected}
    assert world.value(make().precision()) == expected["precision"]
    assert world.value(make().minValue()) == expected.get("min", -math.inf)
    assert world.value(make().maxValue()) == expected.get("max", math.inf)
    assert world.value(make().dimensions()) == expected.get("dimensions", 0)


def test_pixel_types_hold_their_limits_and_odd_ones_are_refused(world: Any) -> None:
    for low, high, dtype in [(0, 255, np.uint8), (-1, 255, np.int16), (0, 2**31, np.uint32), (-2**40, 0, np.int64)]:
        assert world.value(ee.PixelType("int", low, high)).dtype == dtype
    for graph, message in [(ee.PixelType("int"), "are required"), (ee.PixelType("half"), "is no precision"),
                           (ee.PixelType("int", 3, 2), "above"), (ee.PixelType("float", None, None, -1), "negative"),
                           (ee.PixelType("int", -1, 2**64 - 1), "64 bits")]:
        with pytest.raises(EngineError, match=message):
            world.value(graph)


def test_properties_of_an_element_are_replaced_by_those_of_another(world: Any) -> None:
    one, other = ee.Feature(None, {"a": 1, "b": 2}), ee.Feature(None, {"c": 3})
    assert dict(world.value(ee.ApiFunction.call_("Element.replaceProperties", one, other)).properties) == {"c": 3}
    assert not world.value(ee.ApiFunction.call_("Element.replaceProperties", one)).properties
