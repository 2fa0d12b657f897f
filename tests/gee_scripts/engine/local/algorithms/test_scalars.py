"""Numbers, lists, strings, dictionaries, dates, geometries and projections against Python, shapely and pyproj."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import ee
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agrispec.errors import EngineError
from agrispec.grid import cells_in

FEW = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)


@given(start=st.integers(-20, 20), end=st.integers(-20, 20), step=st.integers(1, 7))
@FEW
def test_a_sequence_holds_both_ends(world: Any, start: int, end: int, step: int) -> None:
    found = world.value(ee.List.sequence(start, end, step))
    assert found == list(range(start, end + 1, step))
    assert all(isinstance(number, int) for number in found)


def test_sequences_of_fractions_and_counts(world: Any) -> None:
    assert len(world.value(ee.List.sequence(0, 1, 0.1))) == 11
    assert world.value(ee.List.sequence(0, 1, count=5)) == [0, 0.25, 0.5, 0.75, 1]
    assert world.value(ee.List.sequence(2, None, 3, 4)) == [2, 5, 8, 11]
    with pytest.raises(EngineError, match="At least one"):
        world.value(ee.List.sequence(2))


def test_numbers_compute_and_are_formatted_as_printf_does(world: Any) -> None:
    three = ee.Number(3)
    assert world.value(three.divide(2).ceil()) == 2
    assert world.value(ee.Number(-7).mod(3)) == -1
    assert world.value(three.pow(2).subtract(1).max(5)) == 8
    assert world.value(three.gt(2).And(three.lt(3).Not())) == 1
    assert world.value(ee.Number(300).toByte()) == 255
    assert world.value(ee.Number(-2.7).toInt()) == -2
    assert world.value(three.format("%03d")) == "003"
    assert world.value(three.divide(7).format("x%.2fy")) == "x0.43y"
    assert world.value(three.format()) == "3"
    with pytest.raises(EngineError, match="whole number"):
        world.value(ee.Number(1.5).format("%d"))
    with pytest.raises(EngineError, match="not a valid format"):
        world.value(three.format("%d%d"))


@pytest.mark.parametrize("name", ["byte", "uint8", "int8", "uint16", "int16", "short", "uint32", "int32", "int"])
def test_numbers_lose_their_fractions_and_stay_within_the_type_as_documented(world: Any, name: str) -> None:
    # https://developers.google.com/earth-engine/apidocs/ee-number-tobyte, and the pages of the other types
    limits = np.iinfo({"byte": "uint8", "short": "int16", "int": "int32"}.get(name, name))
    for method in (name, f"to{name.capitalize()}"):
        def cast(number: float, method: str = method) -> Any:
            return world.value(getattr(ee.Number(number), method)())

        assert cast(100) == 100
        assert cast(1.7) == 1
        assert cast(int(limits.max) + 12345) == limits.max
        assert cast(int(limits.min) - 12345) == limits.min


def test_lists_do_what_pythons_do(world: Any) -> None:
    one = ee.List([3, 1, 2, 1])
    for graph, expected in [(one.sort(), [1, 1, 2, 3]), (one.distinct(), [3, 1, 2]), (one.reverse(), [1, 2, 1, 3]),
                            (one.slice(1, 3), [1, 2]), (one.get(-1), 1), (one.size(), 4), (one.contains(2), True),
                            (one.remove(1), [3, 2, 1]), (one.removeAll([1]), [3, 2]), (one.indexOf(1), 1),
                            (one.add(9), [3, 1, 2, 1, 9]), (one.cat([9]), [3, 1, 2, 1, 9]), (one.frequency(1), 2),
                            (one.zip([5, 6]), [[3, 5], [1, 6]]), (ee.List([[1, [2]], 3]).flatten(), [1, 2, 3]),
                            (one.set(0, 7), [7, 1, 2, 1]), (one.join("-"), "3-1-2-1"),
                            (ee.List.repeat(1, 3), [1, 1, 1]),
                            (one.sort([1, 4, 2, 3]), [3, 2, 1, 1]), (one.reduce(ee.Reducer.mean()), 1.75),
                            (one.iterate(lambda x, t: ee.Number(t).add(x), 10), 17),
                            (one.filter(ee.Filter.gt("item", 1)), [3, 2])]:
        assert world.value(graph) == expected


def test_strings_and_dictionaries(world: Any) -> None:
    text, table = ee.String("S2_2023"), ee.Dictionary({"b": 2, "a": 1})
    for graph, expected in [(text.cat("!"), "S2_2023!"), (text.slice(3), "2023"), (text.split("_"), ["S2", "2023"]),
                            (text.replace("2", "x"), "Sx_2023"), (text.replace("2", "x", "g"), "Sx_x0x3"),
                            (text.match("(\\d)_(\\d+)"), ["2_2023", "2", "2023"]), (text.toLowerCase(), "s2_2023"),
                            (text.length(), 7), (text.index("_"), 2), (table.keys(), ["a", "b"]),
                            (table.values(), [1, 2]), (table.get("b"), 2), (table.get("c", 5), 5),
                            (table.set("c", 3).size(), 3), (table.contains("a"), True), (table.remove(["a"]), {"b": 2}),
                            (table.select(["a"]), {"a": 1}), (table.combine({"a": 9}), {"a": 9, "b": 2}),
                            (table.map(lambda k, v: ee.Number(v).add(1)), {"a": 2, "b": 3}),
                            (ee.Dictionary.fromLists(["x"], [1]), {"x": 1})]:
        assert world.value(graph) == expected
    with pytest.raises(EngineError, match="does not contain key: 'c'"):
        world.value(table.get("c"))


DAYS = st.datetimes(datetime(1985, 1, 1), datetime(2035, 1, 1)).map(lambda d: d.replace(microsecond=0, tzinfo=UTC))


@given(when=DAYS, amount=st.integers(-400, 400))
@FEW
def test_dates_advance_by_calendars(world: Any, when: datetime, amount: int) -> None:
    start = ee.Date(int(when.timestamp() * 1000))
    for unit, expected in [("day", timedelta(days=amount)), ("hour", timedelta(hours=amount)),
                           ("week", timedelta(weeks=amount))]:
        moved = world.value(start.advance(amount, unit).millis()) / 1000
        assert moved == (when + expected).timestamp()
        assert world.value(start.advance(amount, unit).difference(start, unit)) == amount
    months = when.year * 12 + when.month - 1 + amount
    moved = datetime.fromtimestamp(world.value(start.advance(amount, "month").millis()) / 1000, UTC)
    assert (moved.year * 12 + moved.month - 1, moved.time()) == (months, when.time())
    assert moved.day == when.day or (moved.day < when.day and (moved + timedelta(days=1)).day == 1)


def test_dates_are_read_written_and_taken_apart(world: Any) -> None:
    millis = 1_683_025_445_000
    for text, expected in [("2023-05-02", 1_682_985_600_000), ("2023-122", 1_682_985_600_000),
                           ("2023-05-02T11:04:05", millis), ("2023-05-02T11:04:05Z", millis),
                           ("2023", 1_672_531_200_000)]:
        assert world.value(ee.Date(text).millis()) == expected
    date = ee.Date(millis)
    assert world.value(date.format("YYYY-MM-dd'T'HH:mm:ss")) == "2023-05-02T11:04:05"
    assert world.value(date.format("yyyyMMdd DDD MMM")) == "20230502 122 May"
    assert world.value(date.format()) == "2023-05-02T11:04:05"
    assert [world.value(date.get(unit)) for unit in ("year", "month", "day", "hour")] == [2023, 5, 2, 11]
    assert world.value(date.getRelative("day", "year")) == 121
    assert world.value(date.getRange("month").end().format("YYYY-MM-dd")) == "2023-06-01"
    assert world.value(ee.Date.fromYMD(2024, 2, 29).millis()) == 1_709_164_800_000
    assert world.value(ee.Date("2023-05-02", "Europe/Paris").millis()) == 1_682_978_400_000
    with pytest.raises(EngineError, match="is no date"):
        world.value(ee.Date("yesterday"))
    with pytest.raises(EngineError, match="no unit of time"):
        world.value(ee.Date(0).advance(1, "fortnight"))


ZONES = st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])


@given(when=DAYS, days=st.integers(-400, 400), zone=ZONES)
@FEW
def test_days_of_a_zone_later_the_zones_clock_shows_the_same_time(world: Any, when: datetime, days: int,
                                                                  zone: str) -> None:
    local = when.astimezone(ZoneInfo(zone))
    expected = local.replace(tzinfo=None) + timedelta(days=days)
    millis = world.value(ee.Date(int(when.timestamp() * 1000)).advance(days, "day", zone).millis())
    found = datetime.fromtimestamp(millis / 1000, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    skipped = expected.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert found in (expected, skipped)


# Joda-Time: DateTime.plusDays and plusMonths keep the offset where the clock shows a time twice, and go on by the
# hour that it skips.
@pytest.mark.parametrize(("start", "amount", "unit", "expected"), [
    ("2024-03-31T00:00:00+01:00", 1, "day", "2024-04-01T00:00:00+02:00"),
    ("2024-03-31T00:00:00+01:00", 1, "week", "2024-04-07T00:00:00+02:00"),
    ("2024-03-31T00:00:00+01:00", 24, "hour", "2024-04-01T01:00:00+02:00"),
    ("2024-03-31T00:00:00+01:00", 1.5, "day", "2024-04-01T12:00:00+02:00"),
    ("2024-03-30T02:30:00+01:00", 1, "day", "2024-03-31T03:30:00+02:00"),
    ("2024-04-01T02:30:00+02:00", -1, "day", "2024-03-31T03:30:00+02:00"),
    ("2024-10-26T02:30:00+02:00", 1, "day", "2024-10-27T02:30:00+02:00"),
    ("2024-10-28T02:30:00+01:00", -1, "day", "2024-10-27T02:30:00+01:00"),
    ("2024-10-27T02:30:00+01:00", 0, "day", "2024-10-27T02:30:00+01:00"),
    ("2024-11-27T02:30:00+01:00", -1, "month", "2024-10-27T02:30:00+01:00"),
    ("2024-02-29T02:30:00+01:00", 1, "month", "2024-03-29T02:30:00+01:00")])
def test_dates_advance_over_summer_time_as_joda_does(world: Any, start: str, amount: float, unit: str,
                                                     expected: str) -> None:
    moved = world.value(ee.Date(start).advance(amount, unit, "Europe/Paris").millis())
    assert datetime.fromtimestamp(moved / 1000, UTC) == datetime.fromisoformat(expected)


def test_days_of_the_year_are_counted_by_the_zones_clock(world: Any) -> None:
    for text, day in [("2024-01-01", 0), ("2024-03-31", 90), ("2024-04-01", 91), ("2024-12-31", 365)]:
        date = ee.Date(text, "Europe/Paris")
        assert world.value(date.getRelative("day", "year", "Europe/Paris")) == day
    summer = ee.Date("2024-03-31", "Europe/Paris").getRange("day", "Europe/Paris")
    assert world.value(summer.end().format("YYYY-MM-dd HH:mm", "Europe/Paris")) == "2024-04-01 00:00"


def test_a_covering_grid_of_tenths_of_a_degree_is_the_grid_of_cells(world: Any) -> None:
    bounds = (4.45, 48.7, 4.81, 48.93)
    region = ee.Geometry.Rectangle(list(bounds), "EPSG:4326", False)
    found = world.value(region.coveringGrid(ee.Projection("EPSG:4326").scale(0.1, 0.1))).items
    expected = sorted(tuple(round(edge, 6) for edge in cell.bounds) for cell in cells_in(bounds))
    assert sorted(tuple(round(edge, 6) for edge in f.geometry.shape.bounds) for f in found) == expected
    assert len({f.properties["system:index"] for f in found}) == len(expected)
    whole = ee.Geometry.Rectangle([4.5, 48.7, 4.6, 48.8], "EPSG:4326", False)
    assert world.value(whole.coveringGrid(ee.Projection("EPSG:4326").scale(0.1, 0.1)).size()) == 1


def test_geometries_are_measured_on_the_globe_and_combined_as_shapely_does(world: Any) -> None:
    box = ee.Geometry.Rectangle([500_000, 5_399_000, 501_000, 5_400_000], "EPSG:32631", False)
    # The scale on UTM's central meridian is 0.9996.
    np.testing.assert_allclose(world.value(box.area(1)), 1e6 / 0.9996**2, rtol=1e-4)
    assert world.value(box.area(1, ee.Projection("EPSG:32631"))) == 1e6
    np.testing.assert_allclose(world.value(box.perimeter(1)), 4000 / 0.9996, rtol=1e-4)
    np.testing.assert_allclose(world.value(ee.Geometry.Point([3, 48]).buffer(100).area(1)), math.pi * 1e4, rtol=0.01)
    other = ee.Geometry.Rectangle([500_500, 5_399_500, 502_000, 5_401_000], "EPSG:32631", False)
    assert world.value(box.intersection(other, 1)).shape.area == 250_000
    assert world.value(box.difference(other, 1)).shape.area == 750_000
    assert world.value(box.intersects(other, 1))
    assert not world.value(box.contains(other, 1))
    assert world.value(box.bounds(1, "EPSG:32631")).shape.equals(shapely.box(500_000, 5_399_000, 501_000, 5_400_000))
    assert world.info(ee.Geometry.Point([3, 48]))["coordinates"] == [3, 48]


def test_a_centre_is_in_degrees_unless_a_projection_is_given(world: Any) -> None:
    from pyproj import Transformer

    square = ee.Geometry.Rectangle([500000, 5400000, 500400, 5400200], "EPSG:32631", False)
    to_degrees = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    np.testing.assert_allclose(world.info(square.centroid(1).coordinates()), to_degrees.transform(500200, 5400100),
                               atol=1e-7)
    np.testing.assert_allclose(world.info(square.centroid(1, ee.Projection("EPSG:32631")).coordinates()),
                               (500200, 5400100), atol=1e-3)


def test_projections_scale_and_know_metres(world: Any) -> None:
    assert world.value(ee.Projection("EPSG:32631").atScale(10).nominalScale()) == 10
    np.testing.assert_allclose(world.value(ee.Projection("EPSG:4326").nominalScale()), 111319.490793)
    scaled = ee.Projection("EPSG:32631", [10, 0, 5, 0, -10, 7]).scale(2, 2)
    assert world.value(scaled).transform == (20, 0, 5, 0, -20, 7)
    with pytest.raises(EngineError, match="could not be parsed"):
        world.value(ee.Projection("EPSG:99"))


def test_longitude_and_latitude_are_those_of_pixel_centres(world: Any) -> None:
    from pyproj import Transformer

    found = world.pixels(ee.Image.pixelLonLat())
    to_utm = Transformer.from_crs("EPSG:4326", "EPSG:32631", always_xy=True)
    x, y = to_utm.transform(found["longitude"].data, found["latitude"].data)
    columns, rows = np.meshgrid(np.arange(24), np.arange(20))
    np.testing.assert_allclose(x, 500_005 + columns * 10, atol=1e-5)
    np.testing.assert_allclose(y, 5_399_995 - rows * 10, atol=1e-5)
    places = world.pixels(ee.Image.pixelCoordinates(ee.Projection("EPSG:32631", [10, 0, 500_000, 0, -10, 5_400_000])))
    np.testing.assert_allclose(places["x"].data, columns + 0.5)
    np.testing.assert_allclose(places["y"].data, rows + 0.5)


# "Symbols" of https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
@pytest.mark.parametrize(("pattern", "zone", "written"), [
    ("G", None, "AD"), ("C", None, "20"), ("Y YY YYYY", None, "2024 24 2024"), ("x xx", None, "2025 25"),
    ("w ww", None, "1 01"), ("e", None, "1"), ("E EE EEE EEEE", None, "Mon Mon Mon Monday"), ("y yy", None, "2024 24"),
    ("D", None, "365"), ("M MM MMM MMMM", None, "12 12 Dec December"), ("d", None, "30"), ("a", None, "PM"),
    ("K KK", None, "0 00"), ("h hh", None, "12 12"), ("H HH", None, "12 12"), ("k", None, "12"), ("m", None, "5"),
    ("s ss", None, "7 07"), ("S SS SSS", None, "0 04 045"), ("z", None, "UTC"), ("Z ZZ ZZZ", None, "+0000 +00:00 UTC"),
    ("Z ZZ ZZZ z", "America/Los_Angeles", "-0800 -08:00 America/Los_Angeles PST"),
    ("Z ZZ ZZZ", "Asia/Kolkata", "+0530 +05:30 Asia/Kolkata"), ("'o''clock' '' H", None, "o'clock ' 12"),
    ("k K h a", "Pacific/Kiritimati", "2 2 2 AM")])
def test_every_letter_of_jodas_patterns_is_written(world: Any, pattern: str, zone: str | None, written: str) -> None:
    assert world.value(ee.Date("2024-12-30T12:05:07.045").format(pattern, zone)) == written


def test_midnight_is_24_0_and_12_by_the_letters_of_hours(world: Any) -> None:
    assert world.value(ee.Date("2024-12-30").format("H k K h a")) == "0 24 0 12 AM"


@pytest.mark.parametrize("letter", ["b", "q", "L", "u", "zzzz"])
def test_what_is_no_letter_of_jodas_is_refused_by_name(world: Any, letter: str) -> None:
    with pytest.raises(EngineError, match=f"Illegal pattern component: {letter}"):
        world.value(ee.Date("2024-12-30").format(f"yyyy {letter}"))


def test_weeks_are_read_as_they_are_written(world: Any) -> None:
    for day in ("2024-12-30", "2021-01-03", "2020-12-31", "2023-06-15"):
        text = ee.Date(day).format("xxxx-ww-e")
        assert world.value(ee.Date.parse("xxxx-ww-e", text).millis()) == world.value(ee.Date(day).millis())
    with pytest.raises(EngineError, match="is no date"):
        world.value(ee.Date.parse("xxxx-ww-e", "2021-54-1"))


def test_not_a_number_repeats_itself(world: Any) -> None:
    nothing = ee.Number(-1).sqrt()
    assert len(world.value(ee.List([nothing, 1, ee.Number(-2).sqrt(), 1]).distinct())) == 2
    features = ee.FeatureCollection([ee.Feature(None, {"p": nothing}), ee.Feature(None, {"p": ee.Number(-2).sqrt()})])
    assert world.value(features.distinct("p").size()) == 1
