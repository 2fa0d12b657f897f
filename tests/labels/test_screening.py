"""Doubtful labels are found, and nothing is taken away; series and noise are simulated."""

import tracemalloc
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from agrispec.bands import SENTINEL2_IDS
from agrispec.cube import FILL, CubeSpec
from agrispec.errors import DataError
from agrispec.formats import example
from agrispec.sample import Sample
from agrispec.season import Season, Window
from agrispec.taxonomy import CropClass, Taxonomy
from cli import main
from exports import manifest, runs, samples, schema, shards
from labels import screening
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, label_image, landscape_window, scenes_of
from scenes.phenology import CROPS

CUBE = CubeSpec(features=("B4", "B8", "B11"), step_days=16, exported=Window(0, 23), window=Window(4, 20))
NAMES = ("wheat", "maize", "beet")


@dataclass(frozen=True)
class World:
    """N simulated series: `table` as in samples.parquet, `values` (N, T, F), `counts` (N, T)."""

    table: pd.DataFrame
    values: np.ndarray
    counts: np.ndarray

    def summary(self, cube=CUBE, chosen=slice(None)):
        return screening.summary(self.table["row"].to_numpy()[chosen], self.values[chosen], self.counts[chosen], cube)


def grown(count=300, seed=0):
    """Crops that peak at different times, in one season of three classes."""
    generator = np.random.default_rng(seed)
    label = np.arange(count) % 3
    curve = np.exp(-(((np.arange(23) + 0.5) / 23 - (0.35 + 0.12 * label)[:, None]) / 0.1) ** 2)
    values = 0.2 + curve[..., None] * np.array([-0.1, 0.4, 0.1]) + generator.normal(0, 0.02, (count, 23, 3))
    counts = generator.integers(0, 3, (count, 23)).astype(np.float32)
    values[counts == 0] = FILL
    place = np.arange(count)
    table = pd.DataFrame({"row": 2 * place, "lon": 4.5 + 1e-3 * (place % 90), "lat": 48.7 + 1e-3 * (place // 90),
                          "cell": "E0045N0487", "season": 2023, "fold": np.where(place % 2, "train", "test"),
                          "label": label})
    return World(table, values.astype(np.float32), counts)


def test_identical_series_are_found_exactly():
    world = grown()
    generator = np.random.default_rng(4)
    copies = {20: 10, 22: 10, 150: 151, 299: 0}
    for copy, of in copies.items():
        world.values[copy], world.counts[copy] = world.values[of], world.counts[of]
    # As near as can be: one bit of one look, one look more, and what unseen steps hold.
    near = {40: 41, 50: 51}
    for copy, of in near.items():
        world.values[copy], world.counts[copy] = world.values[of], world.counts[of]
    step = np.flatnonzero(world.counts[40] > 0)[0]
    world.values[40, step, 0] = np.nextafter(world.values[40, step, 0], 1, dtype=np.float32)
    world.counts[50, np.flatnonzero(world.counts[50] > 0)[0]] += 1
    world.values[20][world.counts[20] == 0] = generator.random(3)
    found = screening.screen(world.table, world.summary(), NAMES)
    expected = {frozenset(group) for group in ({10, 20, 22}, {150, 151}, {0, 299})}
    same = found.doubtful[found.doubtful["identical"] >= 0]
    assert {frozenset(group["row"] // 2) for _, group in same.groupby("identical")} == expected
    reasons = dict(zip(same["row"] // 2, same["reasons"], strict=True))
    assert all("identical, of other label" in reasons[row] for row in (10, 20, 22, 150, 151, 0, 299))
    assert " ".join(found.lines[1].split()) == "identical 7 in 3 sets: 3 with several labels, 2 in several folds"


def test_a_set_of_one_label_is_identical_and_no_more():
    world = grown()
    world.values[13], world.counts[13] = world.values[10], world.counts[10]
    found = screening.screen(world.table, world.summary(), NAMES).doubtful
    same = found[found["identical"] >= 0]
    assert (same["row"] // 2).tolist() == [10, 13]
    assert not same["reasons"].str.contains("other label").any()
    assert same["reasons"].str.startswith("identical").all()


def test_series_that_nobody_saw_are_counted_and_not_compared():
    world = grown()
    unseen = np.arange(30, 60)
    world.counts[unseen], world.values[unseen] = 0, FILL
    found = screening.screen(world.table, world.summary(), NAMES)
    assert not found.doubtful["row"].isin(2 * unseen).any()
    assert any(" ".join(line.split()).startswith("without a clear look 30:") for line in found.lines)
    assert found.classes["samples"].sum() == 270


def test_places_and_parcels_with_several_labels_in_a_season_conflict():
    world = grown()
    table = world.table.assign(parcel="")
    # The same pixel from two cells, whose zones round differently; two seasons are no conflict, nor are equal labels.
    for one, other, season in ((10, 11, 2023), (20, 21, 2022), (30, 33, 2023)):
        table.loc[other, ["lon", "lat"]] = table.loc[one, ["lon", "lat"]].to_numpy() + 1e-9
        table.loc[other, "season"] = season
    table.loc[[100, 101, 110], "parcel"] = "p1"
    table.loc[[120, 123], "parcel"] = "p2"
    table.loc[[140, 141], ["parcel", "label"]] = [["p3", 0], ["p3", -1]]
    found = screening.screen(table, world.summary(), NAMES).doubtful
    conflicts = found[found["reasons"].str.contains("several labels")]
    groups = {frozenset(group["row"] // 2) for _, group in conflicts.groupby("conflict")}
    assert groups == {frozenset({10, 11}), frozenset({100, 101, 110})}
    assert (found.loc[~found["row"].isin(conflicts["row"]), "conflict"] == -1).all()


def test_of_each_class_and_season_the_same_share_is_told_and_the_oddest_first():
    world = grown(600)
    odd = np.array([3, 30, 303])  # of class 0; they peak when nothing does
    world.values[odd] = np.where(world.counts[odd][..., None] > 0, world.values[odd][:, ::-1], FILL)
    table = world.table.assign(season=np.where(world.table["row"] < 600, 2022, 2023))
    found = screening.screen(table, world.summary(), NAMES, share=0.1)
    assert found.classes["unlike"].tolist() == [10] * 6
    assert set(zip(found.classes["class"], found.classes["season"], strict=True)) == {
        (name, year) for name in NAMES for year in (2022, 2023)}
    assert set(2 * odd) <= set(found.doubtful["row"])
    scores = found.doubtful.set_index("row")["isolation"]
    assert scores[2 * odd].min() > scores.drop(2 * odd).max()


def test_a_class_of_few_is_not_judged():
    world = grown(300)
    label = world.table["label"].to_numpy().copy()
    rare = np.flatnonzero(label == 2)[screening.FEWEST - 1:]
    label[rare] = -1
    found = screening.screen(world.table.assign(label=label), world.summary(), NAMES)
    assert found.classes.set_index("class").loc["beet"].tolist() == [2023, screening.FEWEST - 1, 0]
    assert f"    beet, 2023: {screening.FEWEST - 1} are too few to say" in found.lines
    assert not found.doubtful["row"].isin(2 * rare).any()


def test_nothing_depends_on_how_series_come_in_batches():
    world = grown()
    world.values[20], world.counts[20] = world.values[10], world.counts[10]
    shuffled = np.random.default_rng(1).permutation(300)
    parts = [world.summary(chosen=rows) for rows in np.array_split(shuffled, 7)]
    whole = screening.screen(world.table, world.summary(), NAMES)
    parted = screening.screen(world.table, screening.joined(parts), NAMES)
    pd.testing.assert_frame_equal(parted.doubtful, whole.doubtful)
    assert parted.lines == whole.lines


def test_a_series_without_a_sample_is_named():
    world = grown()
    with pytest.raises(DataError, match="1 of 300 series belong to no sample; the first is of row 14"):
        screening.screen(world.table.drop(index=7), world.summary(), NAMES)
    with pytest.raises(DataError, match="no series to screen"):
        screening.joined([])


@pytest.fixture(scope="module")
def simulated():
    """Ten-band series of simulated fields, seen through simulated clouds, 73 steps: values, counts, labels."""
    landscape, year = Landscape(seed=31, size=64), 2023
    table, season = CanopyTable.computed(), Season.of(year)
    parts = []
    for number in range(landscape.windows):
        window = landscape_window(landscape, number)
        crops, generator = label_image(window, year, landscape), np.random.default_rng([number])
        places = np.concatenate([generator.permutation(np.flatnonzero(crops == code))[:13]
                                 for code in range(1, len(CROPS) + 1)])
        scenes = scenes_of(landscape, window, year, table)
        looks = scenes.dn.reshape(len(scenes.dn), 10, -1)[:, :, places].transpose(0, 2, 1) / 1e4
        clear = scenes.cs.reshape(len(scenes.cs), -1)[:, places] >= 0.75
        step = np.array([season.step_of(date.fromordinal(time.toordinal())) for time in scenes.overhead.times])
        values, counts = np.full((len(places), 73, 10), FILL, np.float32), np.zeros((len(places), 73), np.float32)
        for one in np.unique(step):
            seen = clear[step == one].any(axis=0)
            stack = np.where(clear[step == one][..., None], looks[step == one], np.nan)[:, seen]
            values[seen, one], counts[:, one] = np.nanmedian(stack, axis=0), clear[step == one].sum(axis=0)
        parts.append((values, counts, crops.ravel()[places].astype(np.int64) - 1))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


@pytest.mark.parametrize("noise", [0.05, 0.1])
def test_flipped_labels_are_many_times_as_frequent_among_what_is_told(simulated, noise):
    values, counts, truth = simulated
    cube = CubeSpec(features=SENTINEL2_IDS, step_days=5, exported=Window(0, 73), window=Window.of_days(121, 334, 5))
    shares = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        flipped = generator.random(len(truth)) < noise
        label = np.where(flipped, (truth + generator.integers(1, len(CROPS), len(truth))) % len(CROPS), truth)
        table = pd.DataFrame({"row": np.arange(len(truth)), "lon": np.arange(len(truth)) * 1e-3, "lat": 48.0,
                              "cell": "E0000N0480", "season": 2023, "fold": "train", "label": label})
        found = screening.screen(table, screening.summary(table["row"].to_numpy(), values, counts, cube), CROPS.names)
        told = found.doubtful.loc[found.doubtful["reasons"].str.contains("unlike"), "row"]
        shares.append((flipped[told].mean(), flipped.mean(), flipped[told].sum() / flipped.sum(), len(told)))
    wrong, base, caught, told = np.mean(shares, axis=0)
    print(f"\n{len(truth)} simulated series of {len(CROPS)} crops, {base:.3f} of the labels flipped: {wrong:.3f} of the"
          f" {told:.0f} that are told as unlike their class, which are {caught:.3f} of the flipped (means of 3 draws)")
    assert wrong > 5 * base
    assert told == pytest.approx(screening.SHARE * len(truth), rel=0.1)


@pytest.fixture
def run(tmp_path):
    """An exported run of simulated series in three shards, of which two series are the same."""
    world = grown()
    world.values[20], world.counts[20] = world.values[10], world.counts[10]
    home = runs.Run(tmp_path / "run")
    (home.path / "shards" / "2023").mkdir(parents=True)
    home.config_file.write_text("# not read")
    home.samples.write_bytes(samples.encode(world.table.assign(**{
        name: field.default for name, field in Sample.__dataclass_fields__.items() if name not in world.table})))
    cubes = np.concatenate([world.values, world.counts[..., None]], axis=2).reshape(300, -1)
    for number, rows in enumerate(np.array_split(np.arange(300), 3)):
        example.write(home.shards / "2023" / f"part-{number}.tfrecord.gz", {
            schema.ROW: world.table["row"].to_numpy(np.float32)[rows, None], schema.CUBE: cubes[rows]})
    taxonomy = Taxonomy(tuple(CropClass(name=name, codes=(number,), colour="#000000")
                              for number, name in enumerate(NAMES)))
    shards.describe(home.shards, CUBE, sampling=shards.Sampling.of(manifest.digest(home.samples), taxonomy))
    return home


def test_the_command_writes_what_is_doubtful_and_leaves_the_samples_alone(run):
    before = run.samples.read_bytes()
    told = CliRunner().invoke(main, ["labels", "screen", str(run.path)], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    table = pq.read_table(run.screening).to_pandas()
    assert set(table.loc[table["identical"] >= 0, "row"]) == {20, 40}
    assert f"300 series, {len(table)} of them doubtful; none is left out" in told.stdout
    assert "wheat, 2023: 5 of 100" in told.stdout
    assert str(run.screening) in told.stdout
    assert run.samples.read_bytes() == before
    assert list(table)[:7] == ["row", "lon", "lat", "cell", "season", "fold", "label"]


def test_cubes_of_other_samples_are_refused(run):
    run.samples.write_bytes(samples.encode(samples.read(run.samples).iloc[:-1]))
    told = CliRunner().invoke(main, ["labels", "screen", str(run.path)])
    assert told.exit_code == 1
    assert "were exported for other samples" in told.stderr
    assert not run.screening.exists()


def test_a_run_without_an_export_is_told_so(tmp_path):
    (tmp_path / "agrispec.toml").write_text("# not read")
    told = CliRunner().invoke(main, ["labels", "screen", str(tmp_path)])
    assert told.exit_code == 1
    assert f"make it with: agrispec-gee export {tmp_path}" in told.stderr


def test_batches_hold_no_more_than_their_summaries(run):
    """Thirty times as many series in as many shards take little more memory: their summaries are a third of them."""
    def peak():
        tracemalloc.start()
        try:
            parts = [screening.summary(part.rows, part.values, part.counts, CUBE)
                     for part in shards.batches(run.shards, CUBE)]
            return tracemalloc.get_traced_memory()[1], sum(len(part.rows) for part in parts)
        finally:
            tracemalloc.stop()
    peak()
    few, count = peak()
    source = run.shards / "2023" / "part-0.tfrecord.gz"
    for number in range(3, 90):
        (run.shards / "2023" / f"part-{number}.tfrecord.gz").write_bytes(source.read_bytes())
    many, more = peak()
    kept = 8 + 4 * 8 + 3 * 7 * 4 + 1
    assert more == 30 * count
    assert many - few < 1.5 * kept * (more - count)
