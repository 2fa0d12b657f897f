"""The benchmark on real fields reads what the files say, divides no block, and goes on where it stopped."""

import csv
import gzip
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from agrispec.cube import FILL
from agrispec.grid import Cell
from agrispec_tf.data.thermal_axis import continued
from agrispec_tf.protocols import folds

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def modules():
    """(fields_data, bench_fields)."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import bench_fields
        import fields_data
    finally:
        sys.path.remove(str(BENCHMARKS))
    return fields_data, bench_fields


@pytest.fixture(scope="module")
def asia(modules, real_data):
    return modules[0].central_asia(real_data)


@pytest.fixture(scope="module")
def france(modules, real_data):
    return modules[0].france(real_data)


def test_central_asia_is_read_as_its_table_says(asia, real_data):
    with gzip.open(real_data / "cawa" / "central_asia_ndvi.csv.gz", "rt") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    samples = asia.samples
    assert len(asia.class_names) == 10
    assert samples.series.cube.shape == (23, 2)
    for place in (0, 1000, len(samples) - 1):
        row = rows[samples.ids[place]]
        assert asia.class_names[samples.labels[place]] == row["label_1"]
        for step in range(23):
            written = row[f"ndvi_doy{16 * step + 1}"]
            empty = written in ("", "nan", "NaN")
            assert samples.series.counts[place, step] == (not empty)
            assert samples.series.values[place, step, 0] == (FILL if empty else np.float32(written))


def test_every_season_of_central_asia_lies_in_its_region(asia, real_data):
    with gzip.open(real_data / "cawa" / "central_asia_ndvi.csv.gz", "rt") as file:
        region = {row["row"]: row["region"] for row in csv.DictReader(file)}
    bounds = {"Fergana": (70.3, 40.1, 72.6, 41.4), "Samarkand": (63.9, 38.4, 67.6, 40.4)}
    for cell, name in set(zip(asia.samples.cells, (region[row] for row in asia.samples.ids), strict=True)):
        west, south, east, north = Cell.parse(str(cell)).bounds
        limits = bounds[name]
        assert limits[0] <= west
        assert limits[1] <= south
        assert east <= limits[2]
        assert north <= limits[3]


def test_france_is_read_as_its_table_says(france, real_data):
    table = pq.read_table(next((real_data / "points").glob("2023_FRA*dekad*"))).to_pandas()
    samples = france.samples
    assert len(france.class_names) == 9
    assert samples.series.cube.shape == (37, 10)
    # Days 11 to 20 of June are days 162 to 171, in the middle of which step 16 (days 161 to 170) has its own.
    for place in (0, 200, len(samples) - 1):
        look = table[(table["sample_id"] == samples.ids[place]) & (table["timestamp"] == "2023-06-11")].iloc[0]
        clear = look["S2-L2A-B08"] != 65535
        assert samples.series.counts[place, 16] == clear
        assert samples.series.values[place, 16, 6] == (np.float32(look["S2-L2A-B08"]) / np.float32(1e4) if clear
                                                       else FILL)
    looks = table[(table["timestamp"].dt.year == 2023) & table["sample_id"].isin(samples.ids)]
    assert samples.series.counts.sum() == (looks["S2-L2A-B08"] != 65535).sum()
    samples.series.check_finite()


def test_no_block_is_divided_and_every_sample_is_held_out_once(asia, france):
    for fields in (asia, france):
        held = np.zeros(len(fields.samples), int)
        for training, held_out in folds.of_cells(fields.samples.labels, fields.samples.cells):
            assert not set(fields.samples.cells[training]) & set(fields.samples.cells[held_out])
            assert len(set(fields.samples.labels[training])) == len(fields.class_names)
            held[held_out] += 1
        assert (held == 1).all()


def test_what_was_predicted_is_not_predicted_again(modules, france, tmp_path):
    bench, told = modules[1], []
    course = bench.Course(batch=32, epochs=1, patience=1)
    samples = france.samples
    fold, found = bench.run(france, course, ["majority"], 5, tmp_path)
    for number in range(folds.FOLDS):
        most = np.bincount(samples.labels[fold != number]).argmax()
        assert (found["majority"].predicted[0, fold == number] == most).all()
    bench.METHODS["majority"], made = lambda *asked: told.append(asked), bench.METHODS["majority"]
    try:
        _, again = bench.run(france, course, ["majority"], 5, tmp_path)
    finally:
        bench.METHODS["majority"] = made
    np.testing.assert_array_equal(again["majority"].predicted, found["majority"].predicted)
    assert told == []
    rows = bench.report(france, fold, found)["methods"]
    assert rows["majority"]["accuracy"] == (found["majority"].predicted[0] == samples.labels).mean()


def test_points_in_france_are_warmer_in_the_south_and_some_stop_before_the_year_ends(modules, real_data):
    samples = modules[0].warmed_france(real_data, 0.0).samples
    found = samples.series.heat
    north = np.array([int(cell[-4:]) for cell in samples.cells]) > 460
    assert np.isfinite(found[:, :-2]).all()
    assert continued(samples.series) == np.isnan(found[:, -1]).sum() == 5  # no row of theirs for 21 December
    assert 4000 < found[north, -3].mean() < 5000
    assert found[~north, -3].mean() > found[north, -3].mean() + 300
