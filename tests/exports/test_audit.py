"""An audit counts what a count record by record counts, and tells it."""

import csv
import io
import json
import shutil
from collections import Counter
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps, image

import cli
from agrispec.cube import CubeSpec
from agrispec.errors import CorruptRecord, DataError, SchemaMismatch
from agrispec.formats import example
from agrispec.grid import Cell
from agrispec.season import Window
from exports import manifest, runs, samples, shards
from exports.audit import audit, label_agreement, page, plots, report
from exports.audit.contents import Contents
from exports.export import cubes, places
from gee_scripts import engine as engines
from gee_scripts import export as graphs

SPEC = CubeSpec(features=("B2", "NDVI", "B8"), step_days=60, exported=Window(1, 6), window=Window(2, 4), gdd_base=0.0)
FLAT = SPEC.shape[0] * SPEC.shape[1]
NAMES = ("wheat", "maize")
CELLS = (Cell(1845, 1387).id, Cell(1846, 1387).id, Cell(1700, 600).id)
VALUES = np.array([SPEC.fill, SPEC.fill, 0.0, 0.1, -0.15, 1.9, -0.3, 2.5, np.nan, np.inf, -np.inf, 1.0], np.float32)
COUNTS = np.array([0.0, 0.0, 1.0, 2.0, np.nan], np.float32)


def silent(done):
    pass


def table_of(rows, random):
    label = random.integers(-1, len(NAMES), len(rows))
    return pd.DataFrame({"row": rows, "lon": random.random(len(rows)), "lat": random.random(len(rows)),
                         "cell": random.choice(CELLS, len(rows)), "season": random.integers(2021, 2024, len(rows)),
                         "fold": "train", "label": label})


def cubes_of(count, random):
    cubes = random.choice(VALUES, (count, *SPEC.shape))
    cubes[..., -1] = random.choice(COUNTS, cubes.shape[:2])
    return cubes


def write(folder, files):
    """Files, name -> (rows, cubes), and what they are."""
    for name, (rows, values) in files.items():
        path = folder / f"{name}.tfrecord.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        example.write(path, {"row": np.array(rows, np.float32), "cube": values.reshape(-1, FLAT)})
    shards.describe(folder, SPEC)
    return folder


@st.composite
def exported_tables(draw):
    """A table with holes in its rows, and files, some empty, with losses, repetitions and records nobody asked for."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = np.array(sorted(draw(st.sets(st.integers(0, 60), min_size=1, max_size=30))))
    came = np.array(draw(st.one_of(st.sampled_from([[*rows], [*rows, rows[0]], [*rows[1:]], [*rows, 71]]),
                                   st.lists(st.integers(0, 70), max_size=50))), np.int64)
    file = random.integers(0, 3, len(came))
    cubes = cubes_of(len(came), random)
    return table_of(rows, random), {f"{2021 + number}/{number}": (came[file == number], cubes[file == number])
                                    for number in range(3)}


@given(exported=exported_tables())
def test_an_audit_equals_a_count_record_by_record(exported, tmp_path_factory):
    table, files = exported
    found = audit(table, write(tmp_path_factory.mktemp("shards"), files), SPEC, NAMES, silent)
    records = [(int(row), f"{name}.tfrecord.gz", cube) for name, (rows, cubes) in files.items()
               for row, cube in zip(rows, cubes, strict=True)]
    times = Counter(row for row, _, _ in records)
    asked = {sample.row: sample for sample in table.itertuples()}
    assert found.missing["row"].tolist() == [row for row in asked if not times[row]]
    assert set(found.missing["reason"]) <= {"did not come"}
    assert rows_of(found.unexpected) == sorted((row, file) for row, file, _ in records if row not in asked)
    assert rows_of(found.duplicates) == sorted((row, file) for row, file, _ in records if times[row] > 1)
    assert found.complete == (sorted(times.elements()) == list(asked))
    assert (found.expected, found.received) == (len(asked), len(asked.keys() & times.keys()))
    classes = (*NAMES, "unlabelled")
    for counted, of in ((found.cells, lambda sample: (sample.season, sample.cell)),
                        (found.classes, lambda sample: (sample.season, classes[sample.label]))):
        wanted, got = (Counter(of(sample) for sample in asked.values() if keep(sample.row))
                       for keep in (lambda row: True, lambda row: times[row]))
        assert {(season, name): (expected, received) for season, name, expected, received
                in counted.itertuples(index=False)} == {key: (wanted[key], got[key]) for key in wanted}
    assert_contents(found, [(asked[row].season, cube) for row, _, cube in records if row in asked])


def rows_of(frame):
    return list(frame.itertuples(index=False, name=None))


def assert_contents(found, records):
    columns, fill = SPEC.columns, np.float32(SPEC.fill)
    cubes, missing, never, not_finite, outside = Counter(), Counter(), Counter(), Counter(), Counter()
    for season, cube in records:
        cubes[season] += 1
        never[season] += all(cube[step - 1, -1] == 0 for step in (2, 3))
        for step, column in np.ndindex(*SPEC.shape):
            value, name = cube[step, column], columns[column]
            absent = value == 0 if name == "count" else value == fill
            missing[season, step, column] += absent
            not_finite[name] += not np.isfinite(value)
            outside[name] += bool(name in ("B2", "B8") and np.isfinite(value) and not absent
                                  and not np.float32(-0.2) <= value <= 2)
    contents = found.contents
    assert [cubes[season] for season in found.seasons] == contents.cubes.tolist()
    assert [never[season] for season in found.seasons] == [one.never for one in contents.looks]
    assert [not_finite[name] for name in columns] == contents.not_finite.tolist()
    assert [outside[name] for name in columns] == contents.outside.tolist()
    for number, season in enumerate(found.seasons):
        own = np.array([missing[season, step, column] for step, column in np.ndindex(*SPEC.shape)])
        np.testing.assert_array_equal(contents.missing[number].ravel(), own)
        blind = [bool(cubes[season]) and missing[season, step, 4] == cubes[season] for step in range(5)]
        assert contents.blind[number].tolist() == blind
        if not cubes[season]:
            assert np.isnan(contents.window_shares[number])
            continue
        own = own.reshape(SPEC.shape) / cubes[season]
        assert contents.window_shares[number] == pytest.approx(own[1:3, :3].mean())
        step, worst = contents.worst(number)
        assert step in (2, 3)
        assert worst == pytest.approx(own[step - 1, :3].mean()) == pytest.approx(own[1:3, :3].mean(axis=1).max())
        assert contents.unknown_warmth[number] == pytest.approx(own[:, 3].mean())


@given(seed=st.integers(0, 2**32), count=st.integers(0, 40), cut=st.floats(0, 1))
def test_two_halves_add_up_to_the_whole(seed, count, cut):
    random = np.random.default_rng(seed)
    flat, season = cubes_of(count, random).reshape(-1, FLAT), random.integers(0, 2, count)
    half = int(cut * count)
    whole = Contents.of(flat, season, SPEC, 2)
    added = Contents.of(flat[:half], season[:half], SPEC, 2) + Contents.of(flat[half:], season[half:], SPEC, 2)
    for name in ("cubes", "missing", "blind", "not_finite", "outside"):
        np.testing.assert_array_equal(getattr(added, name), getattr(whole, name))


def test_more_cubes_than_a_batch_holds_are_all_counted(tmp_path):
    random = np.random.default_rng(3)
    table, cubes = table_of(np.arange(2500), random), cubes_of(2500, random)
    found = audit(table, write(tmp_path, {"a": (table["row"], cubes)}), SPEC, NAMES, silent)
    assert found.complete
    assert found.contents.cubes.sum() == 2500
    np.testing.assert_array_equal(found.contents.missing.sum(axis=0)[:, :-1], (cubes == -9999).sum(axis=0)[:, :-1])


def damaged(folder):
    path = next(folder.rglob("*.tfrecord.gz"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    return path


def test_a_damaged_shard_is_named(tmp_path):
    random = np.random.default_rng(1)
    table = table_of(np.arange(9), random)
    write(tmp_path, {"2023/x-000": (table["row"], cubes_of(9, random))})
    damaged(tmp_path)
    with pytest.raises(CorruptRecord, match="2023/x-000.tfrecord.gz"):
        audit(table, tmp_path, SPEC, NAMES, silent)


@pytest.mark.parametrize("row", [0.5, -1, np.nan, np.inf])
def test_a_row_number_that_is_none_is_refused(tmp_path, row):
    random = np.random.default_rng(1)
    write(tmp_path, {"x": ([0, row], cubes_of(2, random))})
    with pytest.raises(CorruptRecord, match="no row number"):
        audit(table_of(np.arange(2), random), tmp_path, SPEC, NAMES, silent)


def test_a_table_that_no_draw_makes_is_refused(tmp_path):
    random = np.random.default_rng(1)
    table = table_of(np.arange(3), random)
    write(tmp_path, {"x": ([0], cubes_of(1, random))})
    with pytest.raises(DataError, match="do not ascend"):
        audit(table.assign(row=[0, 2, 2]), tmp_path, SPEC, NAMES, silent)
    with pytest.raises(DataError, match="label 2, and there are 2 classes"):
        audit(table.assign(label=[0, 1, 2]), tmp_path, SPEC, NAMES, silent)


def test_a_sample_given_up_is_missing_with_its_reason(tmp_path):
    random = np.random.default_rng(1)
    table = table_of(np.arange(0, 10, 2), random)
    write(tmp_path, {"x": ([0, 8], cubes_of(2, random))})
    found = audit(table, tmp_path, SPEC, NAMES, silent, lost={4: "outside of the imagery", 8: "came in the end"})
    assert dict(zip(found.missing["row"], found.missing["reason"], strict=True)) == {
        2: "did not come", 4: "outside of the imagery", 6: "did not come"}
    assert not found.complete
    assert page.verdict(found) == "Not complete: of 5 samples 3 have no cube (1 of them given up)."
    written = report.write(found, tmp_path / "report", simulated=False)
    rows = list(csv.DictReader((written.parent / "missing.csv").read_text().splitlines()))
    assert [(row["row"], row["reason"]) for row in rows][:2] == [("2", "did not come"), ("4", "outside of the imagery")]
    assert list(rows[0]) == ["row", "season", "cell", "lon", "lat", "label", "reason"]


def test_a_season_of_which_nothing_came_has_no_shares(tmp_path):
    random = np.random.default_rng(1)
    table = table_of(np.arange(8), random).assign(season=[2022] * 4 + [2023] * 4, cell=CELLS[0])
    write(tmp_path, {"2022/x": (range(4), cubes_of(4, random)), "2023/x": ([], cubes_of(0, random))})
    found = audit(table, tmp_path, SPEC, NAMES, silent)
    assert rows_of(found.cells) == [(2022, CELLS[0], 4, 4), (2023, CELLS[0], 4, 0)]
    told = list(page.lines(found, ()))
    assert f"  season 2023, {CELLS[0]}: 4 of 4 missing" in told
    assert "Season 2023: no cube" in told
    written = report.write(found, tmp_path / "report", simulated=False)
    # JSON knows no NaN.
    numbers = json.loads((written.parent / "audit.json").read_text(), parse_constant=pytest.fail)
    assert numbers["contents"]["seasons"]["2023"]["missing_share_of_window"] is None


@given(exported=exported_tables())
def test_pages_say_what_is_simulated_and_name_every_gap(exported, tmp_path_factory):
    table, files = exported
    found = audit(table, write(tmp_path_factory.mktemp("shards"), files), SPEC, NAMES, silent)
    text = page.markdown(found, (), (), simulated=True)
    assert "(simulated)" in text
    assert "simulated" not in page.markdown(found, (), (), simulated=False)
    assert text.splitlines()[0].startswith("Complete" if found.complete else "Not complete")
    for season, cell, expected, received in rows_of(found.cells):
        line = f"| {season} | {cell} | {expected} | {received} | {expected - received} |"
        assert (line in text) == (received < expected)
    widths = {}
    for block in text.split("\n\n"):
        if block.startswith("|"):
            widths[block] = {line.count("|") for line in block.splitlines()}
    assert all(len(width) == 1 for width in widths.values())


def centre(picture, colour):
    """Mean row and column of a picture's pixels of a colour, and how many there are."""
    near = (np.abs(image.imread(io.BytesIO(picture))[..., :3] - colour[:3]) < 0.02).all(axis=-1)
    return *np.argwhere(near).mean(axis=0), near.sum()


MOST, LEAST = colormaps["cividis"](1.0), colormaps["cividis"](0.0)
FRAME = np.array([0xD5, 0x5E, 0x00]) / 255


@pytest.mark.parametrize("side", [3, 9])
def test_a_cell_is_drawn_where_it_lies_and_framed_where_it_lacks_samples(side):
    cells = pd.DataFrame([(2023, Cell(1800 + column, 1400 + row).id, 9, 9) for column in range(side)
                          for row in range(side)], columns=["season", "cell", "expected", "received"])
    north_east = cells.assign(received=[9] * (side**2 - 1) + [0])
    picture = plots.coverage(north_east, "")
    (low, left, _), (high, right, _) = centre(picture, MOST), centre(picture, LEAST)
    assert high < low
    assert right > left
    more = plots.coverage(north_east.assign(received=[8] * (side**2 - 1) + [0]), "")
    assert centre(more, FRAME)[2] > 2 * centre(picture, FRAME)[2]


def test_gaps_are_drawn_by_step_from_the_left_and_by_column_from_the_top():
    def drawn(step, column):
        cube = np.ones((1, *SPEC.shape), np.float32)
        cube[0, step, column] = SPEC.fill
        return centre(plots.gaps(Contents.of(cube.reshape(1, -1), np.zeros(1, np.int64), SPEC, 1), [2023], ""), MOST)

    (first, early, _), (second, late, _) = drawn(0, 0), drawn(4, 2)
    assert first < second
    assert early < late


@pytest.fixture(scope="module")
def home(tiny, tmp_path_factory):
    """The tiny season through the export stage."""
    run = runs.open(tiny.copy(tmp_path_factory.mktemp("audit") / "run"))
    with opened(run) as (config, engine):
        table = places.draw(config, engine, graphs, silent)
        did = cubes.export(run, config, engine, graphs, table, silent)
    manifest.record(run.path, "export", did)
    return run


@contextmanager
def opened(run):
    engine = engines.open(run.config.engine, run.path)
    try:
        yield run.config, engine
    finally:
        engine.close()


@pytest.fixture
def run(home, tmp_path):
    return runs.open(shutil.copytree(home.path, tmp_path / "run", ignore=shutil.ignore_patterns("landscape")))


def audited(run, *options, code=0):
    done = CliRunner().invoke(cli.main, ["audit", str(run.path), *options], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 or done.stdout else done.stderr


def test_the_tiny_seasons_shards_are_complete_and_their_gaps_those_of_numpy(run):
    told = audited(run)
    assert told.startswith("Complete: the cubes of all 260 samples came, each once.\n")
    assert f"Report: {run.path / 'report/export/index.md'}" in told
    assert "simulated" not in told
    cubes, spec = shards.read(run.shards, run.config.spec), run.config.spec
    numbers = json.loads((run.report / "export" / "audit.json").read_text())
    assert numbers["complete"]
    for season, part in (("2023", slice(None, 60)), ("2024", slice(60, None))):
        found = numbers["contents"]["seasons"][season]
        missing = np.array(found["missing"])
        np.testing.assert_array_equal(missing[:, :-1], (cubes.values[part] == spec.fill).sum(axis=0))
        np.testing.assert_array_equal(missing[:, -1], (cubes.counts[part] == 0).sum(axis=0))
        assert found["without_clear_look_in_window"] == (cubes.counts[part, 24:67].sum(axis=1) == 0).sum()
    assert numbers["contents"]["seasons"]["2024"]["missing_share_of_window"] == 1
    for name in ("coverage.png", "gaps.png"):
        assert image.imread(run.report / "export" / name).std() > 0.05


def test_a_shard_that_was_removed_is_told_by_cell_and_class(run):
    cell = run.config.area.cells[0]
    (run.shards / "2023" / f"{cell}-000.tfrecord.gz").unlink()
    told = audited(run, code=1)
    assert told.startswith("Not complete: of 260 samples 60 have no cube.\n")
    assert f"  season 2023, {cell}: 60 of 60 missing\n" in told
    assert "  season 2023, by class: wheat 30, maize 30\n" in told
    missing = pd.read_csv(run.report / "export" / "missing.csv")
    pd.testing.assert_frame_equal(missing.drop(columns="reason"),
                                  samples.read(run.samples).iloc[:60].drop(columns="fold")[
                                      ["row", "season", "cell", "lon", "lat", "label"]], check_dtype=False)


def test_a_shard_that_came_twice_is_told(run):
    [path] = (run.shards / "2023").iterdir()
    shutil.copy(path, path.with_name(path.name.replace("-000", "-001")))
    told = audited(run, code=1)
    assert told.startswith("Not complete: 60 cubes came more than once.\n")
    assert f"  more than once: 60 in 2023/{path.name} and 2023/{path.name.replace('-000', '-001')}\n" in told


def test_cubes_of_other_samples_are_refused(run):
    table = samples.read(run.samples)
    run.samples.write_bytes(samples.encode(table.assign(lon=table["lon"] + 0.001)))
    assert "were exported for other samples" in audited(run, code=1)
    run.samples.unlink()
    assert "agrispec-gee export" in audited(run, code=1)


def test_cubes_of_another_cube_are_refused(run):
    run.config_file.write_text(run.config_file.read_text() + "\n[clear]\nthreshold = 0.5\n")
    with pytest.raises(SchemaMismatch, match=r"\(clear differ\)"):
        audit(samples.read(run.samples), run.shards, run.config.spec, run.config.taxonomy.names, silent)


class ClosedTarget:
    """The graphs of `gee_scripts.export`, which must not be asked for the target season's labels."""

    def label_maps(self, where, season, cell):
        assert season.start.year == 2023
        return graphs.label_maps(where, season, cell)

    def labels_at(self, where, taxonomy, season, cell, at, scale_m):
        assert season.start.year == 2023
        return graphs.labels_at(where, taxonomy, season, cell, at, scale_m)


def test_labels_agree_but_where_they_were_changed(home):
    table = samples.read(home.samples)
    wheat = table.index[table["label"] == 0]
    table.loc[wheat[:3], "label"] = 1
    table.loc[wheat[3:5], "lat"] += 0.02  # beyond the map
    table.loc[table["season"] == 2024, "label"] = 0  # a target's labels are not asked for, whatever stands there
    with opened(home) as (config, engine):
        wheat, maize = label_agreement(table, engine, ClosedTarget(), config, silent)
    assert (wheat.name, wheat.asked, wheat.agreeing, wheat.other, wheat.unknown) == ("wheat", 27, 25, 0, 2)
    assert (maize.name, maize.asked, maize.agreeing, maize.other, maize.unknown) == ("maize", 33, 30, 3, 0)


def test_labels_without_a_map_are_unknown(home):
    table = samples.read(home.samples).assign(cell=CELLS[2])
    with opened(home) as (config, engine):
        found = label_agreement(table, engine, ClosedTarget(), config, silent)
    assert [(row.asked, row.unknown) for row in found] == [(30, 30), (30, 30)]


def test_labels_are_read_again_where_that_is_asked_for(home):
    told = audited(home, "--labels")
    assert "Labels: 60 of 60 are what the label map says\n" in told
    assert "| wheat | 30 | 30 | 0 | 0 |" in (home.report / "export" / "index.md").read_text()
