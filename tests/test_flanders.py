"""Two real squares of Flanders through the whole chain: from NetCDF to a published map, and fields held out."""

import json
from dataclasses import dataclass
from datetime import date

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from scipy import ndimage

from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell
from agrispec.season import Season
from agrispec.splits import Split
from cli import main
from exports import manifest, runs, samples, shards
from scenes import importing

from .configuration import configuration
from .flanders import CELLS, Square, read_square

# Codes of the label maps, as legend/wc2eurocrops_map.csv names them: of their crops, these have three fields or
# more in the two squares together, 20 m away from every edge.
CROPS = {1110: "winter wheat", 1200: "maize", 9120: "permanent grass"}
NAMES = tuple(CROPS.values())
ERODE_M = 20
RESAMPLES = 2000


@pytest.fixture(scope="module")
def squares(real_data) -> dict[int, Square]:
    """By the year in which the crops were mapped."""
    return {year: read_square(real_data / "flanders" / str(year)) for year in CELLS}


@pytest.fixture(scope="module")
def exported(squares, tmp_path_factory):
    """A run whose landscape holds both squares, after `agrispec-gee export`."""
    home = tmp_path_factory.mktemp("flanders")
    tree = AssetTree(home / "landscape")
    for year, square in squares.items():
        fine, coarse, labels = square.files
        importing.import_netcdf(tree, fine, coarse)
        importing.import_labels(tree, labels, variable="CT", collection="projects/agrispec-local/assets/labels",
                                season=Season.of(year))
    run = runs.create(home, configured(squares[2018]))
    command("export", run)
    return run


def configured(mapped: Square) -> str:
    """The square of 2019 grows every crop and trains; that of 2018 chooses the epoch and is mapped."""
    wanted = ["validation", "train"]
    seed = next(seed for seed in range(100) if wanted == [
        Split(validation=0.5, test=0, seed=seed).fold(Cell.parse(cell)) for cell in CELLS.values()])
    return configuration(
        classes=[{"name": name, "codes": [code], "colour": colour} for (code, name), colour
                 in zip(CROPS.items(), ("#e6c229", "#1a8fe3", "#7a9e7e"), strict=True)],
        area={"cells": list(CELLS.values())}, season={"source": list(CELLS), "target": 2020},
        labels={"band": "CT", "erode_m": ERODE_M}, samples={"per_class": 60, "per_cell": 5},
        split={"validation": 0.5, "test": 0, "seed": seed}, map={"bounds": list(mapped.bounds)})


def command(stage: str, run: runs.Run, *options: str) -> str:
    """What a command of agrispec-gee prints, run as a user runs it."""
    done = CliRunner().invoke(main, [stage, str(run.path), *options])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_every_exported_cube_is_the_medians_of_the_files(squares, exported):
    table = samples.read(exported.samples)
    cubes = shards.read(exported.shards, exported.config.spec)
    for year, square in squares.items():
        chosen = (table["season"] == year).to_numpy()
        row, column = square.pixels(table["lon"][chosen].to_numpy(), table["lat"][chosen].to_numpy())
        medians, counts = square.composites(date(year, 1, 1), row, column)
        # Only the files of 2018 hold days with two acquisitions. The median of two looks is their mean, so what
        # tells the two apart is test_contract.py.
        assert set(np.unique(counts)) == ({0, 1, 2} if year == 2018 else {0, 1})
        np.testing.assert_array_equal(cubes.counts[chosen], counts)
        np.testing.assert_allclose(cubes.values[chosen], np.where(counts[..., None] > 0, medians, -9999), rtol=2e-7)


def test_every_sample_lies_inside_a_field_of_its_crop(squares, exported):
    table = samples.read(exported.samples)
    for year, square in squares.items():
        of_year = table[table["season"] == year]
        row, column = square.pixels(of_year["lon"].to_numpy(), of_year["lat"].to_numpy())
        assert square.inner(ERODE_M)[row, column].all()
        assert [NAMES[label] for label in of_year["label"]] == [CROPS[code] for code in square.codes[row, column]]
        grown = [code for code in CROPS if (square.codes[square.inner(ERODE_M)] == code).any()]
        assert of_year["label"].value_counts().tolist() == [60] * len(grown)


def test_a_model_of_one_square_maps_the_other_in_its_own_season_and_publishes_it(squares, exported):
    assert "no labelled sample is held out" in command(
        "train", exported, "--model", "bigru", "--preset", "demo")
    command("predict", exported, "--model", "bigru", "--season", "2018")
    said = command("publish", exported)
    stages = manifest.read(exported.path)["stages"]
    assert stages["train bigru"]["held_out"] is None
    assert stages["predict"]["season"] == 2018
    assert not stages["predict"]["simulated"]
    assert stages["predict"]["unseen"] == 0
    assert list(stages["publish"]["compared"].values()) == [64 * 64] * 7
    assert said.count("4,096 compared, all equal") == 7
    with rasterio.open(exported.predictions / "class.tif") as found:
        assert tuple(found.bounds) == squares[2018].bounds
        classes = found.read(1)
    inner, codes = squares[2018].inner(ERODE_M), squares[2018].codes
    right = {name: np.mean(classes[inner & (codes == code)] == number) for number, (code, name)
             in enumerate(CROPS.items()) if (inner & (codes == code)).any()}
    print("\nThe square of 2018, mapped by a Bi-GRU trained on that of 2019 alone; share of inner pixels named right:",
          ", ".join(f"{name} {share:.2f}" for name, share in right.items()))


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Samples (N,) of known crop with the field they lie in, and what each model called them.

    `folds`: for each fold the rows that trained, chose the epoch and were predicted.
    """

    labels: np.ndarray
    fields: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    called: dict[str, np.ndarray]


def dealt(fields: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) fold of each sample: a crop's fields, in order of their names, go to the folds in turn.

    As many folds as the rarest crop has fields, so that each fold tests and teaches every crop.
    """
    crops = [np.unique(fields[labels == label]) for label in range(len(NAMES))]
    fold = {field: turn % min(map(len, crops)) for crop in crops for turn, field in enumerate(crop)}
    return np.array([fold[field] for field in fields])


@pytest.fixture(scope="module")
def held_out(squares, exported) -> HeldOut:
    """Leave-one-field-out: every field is predicted by models that saw other fields only."""
    from sklearn.ensemble import RandomForestClassifier

    from agrispec_tf import train
    from agrispec_tf.collected import Collected
    from agrispec_tf.data.preparation import Preparation
    from agrispec_tf.data.samples import Samples
    from agrispec_tf.models.cropnet import CropNetOptions
    from agrispec_tf.recipes import Recipe
    spec = exported.config.spec
    collected = Collected(exported, exported.config)
    table, known = collected.table, (collected.table["season"] != 2020).to_numpy()
    fields = np.full(len(table), "", dtype=object)
    for year, square in squares.items():
        chosen = (table["season"] == year).to_numpy()
        numbers = square.fields(CROPS)[square.pixels(table["lon"][chosen].to_numpy(), table["lat"][chosen].to_numpy())]
        fields[chosen] = [f"{year} field {number:02d}" for number in numbers]
    places = Samples(series=collected.series.take(known), labels=table["label"].to_numpy(np.int64)[known],
                     cells=fields[known].astype(str), ids=table["row"].to_numpy()[known])
    features = Preparation().apply(places.series).reshape(len(places), -1)
    fold = dealt(places.cells, places.labels)
    count, folds = fold.max() + 1, []
    called = {name: np.full(len(places), -1) for name in ("majority", "forest", "cropnet")}
    for number in range(count):
        # The fold half way round chooses the epoch: with fields in order of season, both seasons are left to teach.
        chooses = (number + count // 2) % count
        testing, choosing, teaching = fold == number, fold == chooses, ~np.isin(fold, (number, chooses))
        folds.append((teaching, choosing, testing))
        forest = RandomForestClassifier(500, class_weight="balanced", random_state=0, n_jobs=2)
        network = train.fit(CropNetOptions.for_cube(spec, len(NAMES)), places.take(teaching), places.take(choosing),
                            class_names=NAMES, how=Recipe(epochs=10, batch=16, learning_rate=1e-3), seed=0)
        called["majority"][testing] = np.bincount(places.labels[teaching]).argmax()
        called["forest"][testing] = forest.fit(features[teaching], places.labels[teaching]).predict(features[testing])
        called["cropnet"][testing] = network.probabilities(places.take(testing).series).argmax(axis=1)
    return HeldOut(labels=places.labels, fields=places.cells, folds=folds, called=called)


def balanced_accuracy(held: HeldOut, model: str) -> tuple[float, float, float]:
    """Mean over crops of the share named right, and its 95 % interval when each crop's fields are drawn anew."""
    generator = np.random.default_rng(0)
    score, drawn = 0.0, np.zeros(RESAMPLES)
    right = held.called[model] == held.labels
    for label in range(len(NAMES)):
        _, field = np.unique(held.fields[held.labels == label], return_inverse=True)
        hits, total = np.bincount(field, right[held.labels == label]), np.bincount(field)
        again = generator.integers(0, len(total), (RESAMPLES, len(total)))
        score += hits.sum() / total.sum() / len(NAMES)
        drawn += hits[again].sum(axis=1) / total[again].sum(axis=1) / len(NAMES)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(score), float(low), float(high)


def test_no_field_teaches_chooses_and_tests_and_each_is_predicted_once(held_out):
    assert (sum(testing.astype(int) for _, _, testing in held_out.folds) == 1).all()
    tested = [field for _, _, testing in held_out.folds for field in np.unique(held_out.fields[testing])]
    assert sorted(tested) == np.unique(held_out.fields).tolist()
    for roles in held_out.folds:
        fields = [np.unique(held_out.fields[role]) for role in roles]
        assert len(np.unique(np.concatenate(fields))) == sum(map(len, fields)) == len(tested)
        assert all(set(held_out.labels[role]) == set(range(len(NAMES))) for role in roles)
    assert all((called >= 0).all() for called in held_out.called.values())


def test_the_crops_are_those_with_three_fields_or_more(squares, held_out):
    def fields(square, code):
        return len(np.unique(ndimage.label(square.codes == code)[0][
            square.inner(ERODE_M) & (square.codes == code)]))

    codes = set().union(*(np.unique(square.codes) for square in squares.values())) - {0}
    known = {code: sum(fields(square, code) for square in squares.values()) for code in codes}
    assert {code for code, fields in known.items() if fields >= 3} == set(CROPS)
    sampled = [len(np.unique(held_out.fields[held_out.labels == label])) for label in range(len(NAMES))]
    assert all(3 <= found <= known[code] for found, code in zip(sampled, CROPS, strict=True))


def test_models_are_judged_on_fields_they_never_saw(squares, held_out, tmp_path):
    scores = {model: balanced_accuracy(held_out, model) for model in held_out.called}
    assert np.isfinite(list(scores.values())).all()
    assert all(0 <= low <= score <= high <= 1 for score, low, high in scores.values())
    assert scores["forest"][0] > max(1 / len(NAMES), scores["majority"][0])
    apart_km = (squares[2019].bounds[0] - squares[2018].bounds[2]) / 1000
    counts = ", ".join(f"{name} {len(np.unique(held_out.fields[held_out.labels == label]))}"
                       for label, name in enumerate(NAMES))
    said = [f"Balanced accuracy on held-out fields ({counts}), 95 % interval over fields",
            *(f"  {model:<10}{score:.3f}  {low:.3f} ... {high:.3f}" for model, (score, low, high) in scores.items()),
            f"Two squares {apart_km:.0f} km apart, a season each, a few fields a crop: this does not rank models."]
    assert "73 km apart" in said[-1]
    print("\n" + "\n".join(said))
    (tmp_path / "held_out_fields.json").write_text(json.dumps({
        "fields": len(np.unique(held_out.fields)), "samples": len(held_out.labels), "folds": len(held_out.folds),
        "apart_km": apart_km, "balanced_accuracy": {
            model: {"score": score, "low": low, "high": high} for model, (score, low, high) in scores.items()},
        "caution": said[-1]}, indent=2))
