"""Unmodified Earth Engine scripts, run by `agrispec-gee engine run`, against NumPy on the same pixels."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import shapely
from click.testing import CliRunner
from shapely.geometry import box, mapping
from sklearn.ensemble import RandomForestClassifier

import cli

SCRIPTS = Path(__file__).parent / "scripts"
B3, B4, B8, B11 = 1, 2, 6, 8
FIELD = (5, 5, 20, 15)  # columns and rows of the rectangle that scripts ask about: west, north, east, south


@pytest.fixture(scope="module")
def world(tiny, tmp_path_factory) -> Path:
    """A folder of assets that scripts may write into."""
    return Path(shutil.copytree(tiny.home / "landscape", tmp_path_factory.mktemp("scripts") / "assets"))


def run(world, script, *arguments) -> str:
    done = CliRunner().invoke(cli.main, ["engine", "run", "--data", str(world), str(SCRIPTS / script),
                                         *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def inside(stack):
    west, north, east, south = FIELD
    return stack[..., north:south, west:east].astype(np.float64)


def ndvi(tiny):
    """(scene, row, column) NDVI of what has data in both bands, NaN elsewhere."""
    red, nir = tiny.dn[:, B4].astype(np.float64), tiny.dn[:, B8].astype(np.float64)
    return np.where((red > 0) & (nir > 0), (nir - red) / np.maximum(nir + red, 1), np.nan)


def millis(day: date) -> float:
    return datetime(day.year, day.month, day.day, 10, 50, 31, tzinfo=UTC).timestamp() * 1000


def by_time(tiny):
    """Scene numbers, oldest first; scenes of one moment as they are stored."""
    return sorted(range(len(tiny.days)), key=lambda number: (tiny.days[number], number))


def test_ndvi_median(tiny, world, tmp_path):
    said = run(world, "ndvi_median.py", tmp_path / "ndvi.npy")
    chosen = [date(2023, 5, 1) <= day < date(2023, 10, 1) for day in tiny.days]
    assert said == f"{sum(chosen)} scenes\n"
    series = ndvi(tiny)[chosen]
    expected = np.full(tiny.grid.shape, -2.0)
    seen = ~np.isnan(series).all(axis=0)
    expected[seen] = np.nanmedian(series[:, seen], axis=0)
    np.testing.assert_allclose(np.load(tmp_path / "ndvi.npy"), expected, rtol=1e-6)


def test_cloud_free_mosaic(tiny, world, tmp_path):
    run(world, "cloud_free_mosaic.py", tmp_path / "mosaic.npy")
    expected = np.zeros((3, *tiny.grid.shape), np.uint16)
    for number in by_time(tiny):
        clear = np.nan_to_num(tiny.cs[number], nan=0) >= np.float32(0.75)
        for place in range(3):
            seen = clear & (tiny.dn[number, place] > 0)
            expected[place][seen] = tiny.dn[number, place][seen]
    np.testing.assert_array_equal(np.load(tmp_path / "mosaic.npy"), expected)


def test_statistics_of_a_region(tiny, world, tmp_path):
    run(world, "region_statistics.py", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    first = by_time(tiny)[0]
    for name, place in (("B4", B4), ("B8", B8)):
        values = inside(tiny.dn[first, place])
        values = values[values > 0]
        assert found[f"{name}_mean"] == pytest.approx(values.mean())
        assert found[f"{name}_stdDev"] == pytest.approx(values.std())
        assert (found[f"{name}_min"], found[f"{name}_max"]) == (values.min(), values.max())
        assert found[f"{name}_count"] == len(values)
        for rank in (25, 75):
            # The service interpolates within a histogram's bucket; up to one gap between neighbours is its error.
            ordered = np.sort(values)
            place_ = rank / 100 * (len(ordered) - 1)
            low, high = ordered[math.floor(place_) - 1], ordered[math.ceil(place_) + 1]
            assert low <= found[f"{name}_p{rank}"] <= high
    codes, counts = np.unique(tiny.codes[tiny.codes > 0], return_counts=True)
    assert found["crops"] == {str(code): count for code, count in zip(codes, counts, strict=True)}


def test_a_table_of_a_time_series(tiny, world, tmp_path):
    run(world, "time_series_table.py", tmp_path / "table.csv")
    with (tmp_path / "table.csv").open(newline="") as source:
        found = list(csv.DictReader(source))
    series, classes = ndvi(tiny), tiny.scl
    expected = []
    for number in (n for n in range(len(tiny.days)) if date(2023, 3, 1) <= tiny.days[n] < date(2023, 8, 1)):
        clear = (inside(classes[number]) >= 4) & (inside(classes[number]) <= 7)
        values = inside(series[number])[clear]
        if len(values := values[~np.isnan(values)]):
            expected.append((tiny.days[number].isoformat(), values.mean(), clear.mean()))
    assert len(found) == len(expected) > 5
    for row, (day, mean, share) in zip(sorted(found, key=lambda row: row["date"]), sorted(expected), strict=True):
        assert row["date"] == day
        assert float(row["ndvi"]) == pytest.approx(mean)
        assert float(row["clear"]) == pytest.approx(share)


def fields(tiny) -> dict:
    """Three polygons as GeoJSON in longitude and latitude's stead the grid's own CRS, with a crop each."""
    west, north = tiny.grid.transform[2], tiny.grid.transform[5]
    shapes = [box(west + 20, north - 60, west + 80, north - 20), box(west + 105, north - 155, west + 195, north - 95),
              shapely.Polygon([(west + 130, north - 10), (west + 235, north - 20), (west + 150, north - 90)])]
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    return {"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"crop": number + 1}, "geometry": {**mapping(shape), "crs": crs,
                                                                             "geodesic": False}}
        for number, shape in enumerate(shapes)]}


def shares(tiny, feature) -> np.ndarray:
    """(row, column) how much of each pixel a polygon covers."""
    shape = shapely.geometry.shape({k: feature["geometry"][k] for k in ("type", "coordinates")})
    a, _, c, _, e, f = tiny.grid.transform
    rows, columns = np.indices(tiny.grid.shape)
    pixels = shapely.box(c + columns * a, f + (rows + 1) * e, c + (columns + 1) * a, f + rows * e)
    return shapely.area(shapely.intersection(pixels, shape)) / (a * -e)


def test_zonal_statistics(tiny, world, tmp_path):
    (tmp_path / "fields.json").write_text(json.dumps(fields(tiny)))
    run(world, "zonal_statistics.py", tmp_path / "fields.json", tmp_path / "found.json")
    found = {row["crop"]: row for row in json.loads((tmp_path / "found.json").read_text())}
    last = max(range(len(tiny.days)), key=lambda number: tiny.days[number])
    for feature in fields(tiny)["features"]:
        weights = shares(tiny, feature)
        # Weights are of 8 bits: https://developers.google.com/earth-engine/guides/reducers_weighting
        weights = np.floor(weights * 256) / 256
        for name, place in (("B4", B4), ("B8", B8)):
            values = tiny.dn[last, place].astype(np.float64)
            used = weights * (values > 0)
            mean = (values * used).sum() / used.sum()
            deviation = math.sqrt(((values - mean) ** 2 * used).sum() / used.sum())
            row = found[feature["properties"]["crop"]]
            assert row[f"{name}_mean"] == pytest.approx(mean, rel=2e-3)
            assert row[f"{name}_stdDev"] == pytest.approx(deviation, rel=5e-3)


def test_joins_of_two_collections(tiny, world, tmp_path):
    run(world, "join_collections.py", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    names = [f"{day:%Y%m%d}T105031_{number:02d}" for number, day in enumerate(tiny.days)]
    twinless = np.isnan(tiny.cs).all(axis=(1, 2))
    assert sorted(found["joined"]) == sorted(np.array(names)[~twinless])
    assert found["unmatched"] == [names[int(np.flatnonzero(twinless)[0])]]
    times = np.array([millis(day) for day in tiny.days])
    near = [(np.abs(times[~twinless] - moment) <= 7 * 86400000).sum() for moment in times]
    assert sorted(found["near"]) == sorted(count for count in near if count)
    means = dict(zip(found["joined"], found["means"], strict=True))
    for number, name in enumerate(names):
        if not twinless[number]:
            assert means[name] == pytest.approx(tiny.cs[number].astype(np.float64).mean(), rel=1e-5)


def test_a_harmonic_fit(tiny, world, tmp_path):
    run(world, "harmonic_fit.py", tmp_path / "fit.npy")
    found = np.load(tmp_path / "fit.npy")
    year = 365.25 * 86400000
    years = np.array([(millis(day) - datetime(2023, 1, 1, tzinfo=UTC).timestamp() * 1000) / year for day in tiny.days])
    terms = np.stack([np.ones_like(years), years, np.cos(2 * np.pi * years), np.sin(2 * np.pi * years)], axis=1)
    series = ndvi(tiny)
    clear = np.isin(tiny.scl, (4, 5, 6, 7)) & ~np.isnan(series)
    for row in range(tiny.grid.height):
        for column in range(tiny.grid.width):
            used = clear[:, row, column]
            if used.sum() >= 6:
                expected, *_ = np.linalg.lstsq(terms[used], series[used, row, column], rcond=None)
                np.testing.assert_allclose(found[:, row, column], expected, rtol=1e-4, atol=1e-5)
    assert (found[:, 7, 9] == 0).all()


def as_text(tree) -> str:
    """A tree of scikit-learn as R prints one, which is what the service reads.

    https://developers.google.com/earth-engine/apidocs/ee-classifier-decisiontree
    """
    names = ["B3", "B4", "B8", "B11"]
    lines = ["1) root 1 1 1 (1)"]

    def grow(node: int, number: int, indent: int) -> None:
        for side, child in enumerate((tree.children_left[node], tree.children_right[node])):
            sign = "<=" if side == 0 else ">"
            label = float(np.argmax(tree.value[child][0]) + 1)
            leaf = tree.children_left[child] < 0
            lines.append(f"{' ' * indent}{2 * number + side}) {names[tree.feature[node]]} {sign}"
                         f" {float(tree.threshold[node])!r} 1 1 {label}{' *' if leaf else ''}")
            if not leaf:
                grow(child, 2 * number + side, indent + 2)

    grow(0, 1, 2)
    return "\n".join(lines)


def test_classification_by_a_forest(tiny, world, tmp_path):
    first = by_time(tiny)[0]
    planes = tiny.dn[first][[B3, B4, B8, B11]].astype(np.float64)
    whole = (planes > 0).all(axis=0)
    labels = np.where((planes[1] > 4500) ^ (planes[2] > planes[3]), 2, 1)
    forest = RandomForestClassifier(9, max_depth=5, random_state=0).fit(planes[:, whole].T, labels[whole])
    (tmp_path / "trees").mkdir()
    for number, tree in enumerate(forest.estimators_):
        (tmp_path / "trees" / f"{number}.txt").write_text(as_text(tree.tree_))
    run(world, "tree_classification.py", tmp_path / "trees", tmp_path / "classes.npy")
    votes = np.stack([tree.predict(planes[:, whole].T) for tree in forest.estimators_]).astype(int)
    expected = np.full(tiny.grid.shape, -1)
    expected[whole] = 1 + (votes.sum(axis=0) > len(votes) / 2)
    np.testing.assert_array_equal(np.load(tmp_path / "classes.npy"), expected)


def test_export_to_an_asset_and_back(tiny, world, tmp_path):
    said = run(world, "export_and_back.py", tmp_path / "back.npy")
    assert said.split("\n")[0] == "spring ['red', 'nir'] 10"
    chosen = [date(2023, 4, 1) <= day < date(2023, 7, 1) for day in tiny.days]
    stack = np.where(tiny.dn[chosen] > 0, tiny.dn[chosen].astype(np.float64), np.nan)[:, [B4, B8]]
    found = np.load(tmp_path / "back.npy")
    odd = (~np.isnan(stack)).sum(axis=0) % 2 == 1
    np.testing.assert_array_equal(found[odd], np.nanmedian(stack, axis=0)[odd].astype(np.float32))
    # Of an even number the service takes a value between the two in the middle.
    ordered = np.sort(stack, axis=0)
    count = (~np.isnan(stack)).sum(axis=0)
    low, high = (np.take_along_axis(ordered, place[None], axis=0)[0] for place in (np.maximum(count // 2 - 1, 0),
                                                                                 count // 2))
    even = ~odd & (count > 0)
    assert ((low <= found) & (found <= high))[even].all()


def test_samples_of_regions_to_a_table(tiny, world, tmp_path):
    (tmp_path / "fields.json").write_text(json.dumps(fields(tiny)))
    said = run(world, "sample_table.py", tmp_path / "fields.json")
    with next((world / "buckets" / "samples" / "tiny").glob("*.csv")).open(newline="") as source:
        found = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(source)]
    first, expected = by_time(tiny)[0], []
    rows, columns = np.indices(tiny.grid.shape) + 0.5
    a, _, c, _, e, f = tiny.grid.transform
    for feature in fields(tiny)["features"]:
        shape = shapely.geometry.shape({k: feature["geometry"][k] for k in ("type", "coordinates")})
        within = shapely.contains_xy(shape, c + columns * a, f + rows * e) & (tiny.dn[first, [0, B8]] > 0).all(axis=0)
        expected += [(feature["properties"]["crop"], columns[y, x], rows[y, x], tiny.dn[first, 0, y, x],
                      tiny.dn[first, B8, y, x]) for y, x in np.argwhere(within)]
    assert sorted(tuple(row[n] for n in ("crop", "x", "y", "B2", "B8")) for row in found) == sorted(expected)
    assert said.startswith("COMPLETED {")


def test_a_script_reaches_a_server_that_others_use_too(tiny, world, tmp_path):
    command = [sys.executable, "-m", "cli", "engine"]
    with subprocess.Popen([*command, "serve", "--data", str(world)], stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip()
            scripts = [subprocess.Popen([*command, "run", "--url", url, str(SCRIPTS / "ndvi_median.py"),
                                         str(tmp_path / f"{n}.npy")]) for n in range(2)]
            assert [script.wait(120) for script in scripts] == [0, 0]
            np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), np.load(tmp_path / "1.npy"))
        finally:
            server.terminate()
    assert server.returncode == 0
