"""Baselines classify as scikit-learn does, come back from their folder, and refuse what they cannot use."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from agrispec.errors import ConfigError, CorruptRecord, DataError, RunError, SchemaMismatch
from agrispec_tf import calibration, model_folder
from agrispec_tf.baselines import baseline as baselines
from agrispec_tf.baselines import boosting, forest
from agrispec_tf.baselines.features import Coefficients, Medians
from agrispec_tf.data.samples import Series
from agrispec_tf.predict import series as predicted


def vectors(count, *, classes=4, seed=0):
    """Vectors with values that repeat, so that limits fall between neighbours, and noisy labels."""
    random = np.random.default_rng(seed)
    found = random.normal(0, 1, (count, 5)).astype(np.float32)
    found[:, 2] = np.round(found[:, 2], 1)
    score = found[:, 0] + np.abs(found[:, 1]) + 0.5 * found[:, 2] + random.normal(0, 0.7, count)
    return found, np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


@pytest.fixture(scope="module", params=baselines.METHODS)
def trained(request, grown, class_names):
    if request.param == "random-forest":
        # Few trees, quickly grown; how many there are is checked below.
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(forest.grown, "__kwdefaults__", {**forest.grown.__kwdefaults__, "trees": 40})
            return baselines.fit(request.param, grown(240), class_names=class_names, features=Coefficients(), seed=3)
    return baselines.fit(request.param, grown(240), class_names=class_names, features=Medians(), seed=3)


@pytest.fixture
def folder(trained, tmp_path):
    trained.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_forest_votes_as_scikit_learns_whole_trees_do():
    x, y = vectors(500)
    ours = forest.grown(x, y, 4, seed=5, trees=60)
    model = RandomForestClassifier(60, class_weight="balanced", random_state=5).fit(x, y)
    other, _ = vectors(3000, seed=1)
    np.testing.assert_allclose(ours.probabilities(other), model.predict_proba(other), atol=1e-6)
    np.testing.assert_array_equal(ours.probabilities(other).argmax(axis=1), model.predict(other))


def test_a_forest_with_few_leaves_has_the_votes_of_its_trees():
    x, y = vectors(500)
    ours = forest.grown(x, y, 4, seed=5, trees=60, leaves=12)
    model = RandomForestClassifier(60, class_weight="balanced", random_state=5, max_leaf_nodes=12).fit(x, y)
    votes = np.stack([tree.predict(x) for tree in model.estimators_])
    for number in range(4):
        np.testing.assert_allclose(ours.probabilities(x)[:, number], (votes == number).mean(axis=0), atol=1e-6)


def test_limits_of_a_forest_are_single_numbers_that_tell_the_same_inputs_apart():
    x, y = vectors(500)
    x = (x * 1e-4).astype(np.float32)
    ours = forest.grown(x, y, 4, seed=5, trees=60)
    limits = ours.trees.limits[ours.trees.inputs >= 0]
    np.testing.assert_array_equal(limits, limits.astype(np.float32))
    model = RandomForestClassifier(60, class_weight="balanced", random_state=5).fit(x, y)
    theirs = np.concatenate([tree.tree_.threshold[tree.tree_.children_left >= 0] for tree in model.estimators_])
    assert (limits <= theirs).all()
    assert (np.nextafter(limits.astype(np.float32), np.float32(np.inf)) > theirs).all()


@pytest.mark.parametrize("classes", [2, 4])
def test_boosting_gives_scikit_learns_probabilities(classes):
    x, y = vectors(150, classes=classes)
    ours = boosting.grown(x, y, classes, seed=5)
    model = HistGradientBoostingClassifier(class_weight="balanced", early_stopping=False, random_state=5).fit(x, y)
    other, _ = vectors(3000, seed=1)
    np.testing.assert_allclose(ours.probabilities(other), model.predict_proba(other), atol=1e-6)


def test_a_forest_has_500_trees(grown, class_names):
    made = baselines.fit("random-forest", grown(30), class_names=class_names, features=Coefficients(), seed=0)
    assert made.training["trees"] == len(made.estimator.trees) == 500


def test_a_baseline_learns_and_repeats_itself(trained, grown, class_names):
    held_out = grown(150, seed=9)
    found = trained.probabilities(held_out.series)
    assert (found.argmax(axis=1) == held_out.labels).mean() > 0.9
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(trained.probabilities(held_out.series, batch=37), found)
    assert predicted(trained, held_out.series).classes.tolist() == found.argmax(axis=1).tolist()
    assert trained.probabilities(held_out.series.take(np.arange(0))).shape == (0, 3)


def test_a_saved_baseline_comes_back_whole(trained, grown, tmp_path):
    series = grown(50, seed=9).series
    for number, kept in enumerate((trained, trained.tempered(0.7))):
        kept.save(tmp_path / str(number))
        again = baselines.load(tmp_path / str(number))
        for name in ("features", "cube", "class_names", "training", "temperature"):
            assert getattr(again, name) == getattr(kept, name)
        np.testing.assert_array_equal(again.probabilities(series), kept.probabilities(series))


def test_a_digest_is_of_trees_and_of_their_temperature(trained, tmp_path):
    found = {}
    for name, model in (("one", trained), ("again", trained), ("tempered", trained.tempered(2.5)), ("other", trained)):
        model.save(tmp_path / name)
        if name == "other":
            (tmp_path / name / "trees.npz").write_bytes(b"other trees")
        found[name] = model_folder.digest(tmp_path / name)
    assert found["one"] == found["again"]
    assert len(set(found.values())) == 3


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_tempered_baseline_has_tempered_probabilities_and_the_same_classes(trained, temperature, grown):
    series = grown(200, seed=9).series
    before, after = trained.probabilities(series), trained.tempered(temperature).probabilities(series)
    np.testing.assert_array_equal(after, calibration.tempered(before, temperature, trained.pseudocount))
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert np.abs(after - before).max() > 0.01


def test_a_class_without_a_vote_is_improbable_not_impossible(grown, class_names):
    forest = baselines.fit("random-forest", grown(30), class_names=class_names, features=Coefficients(), seed=0)
    votes, found = (one.probabilities(grown(60, seed=9).series) for one in (forest, forest.tempered(2.0)))
    none = votes == 0
    assert none.any()
    assert (found[none] > 0.04).all()


def test_no_file_of_a_baseline_holds_code(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "trees.npz"]
    with np.load(folder / "trees.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


@pytest.mark.parametrize("name", ["model.json", "trees.npz"])
def test_a_truncated_file_is_refused(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:len(content) // 2])
    with pytest.raises(CorruptRecord, match="cannot be read"):
        baselines.load(folder)


def test_trees_that_never_end_or_leave_their_arrays_are_refused(folder):
    with np.load(folder / "trees.npz") as arrays:
        whole = dict(arrays)
    inner = int(np.flatnonzero(whole["inputs"] >= 0)[-1])
    for name, value in (("left", 0), ("right", len(whole["left"])), ("left", -5), ("inputs", 10_000), ("roots", -1)):
        broken = whole[name].copy()
        broken[0 if name == "roots" else inner] = value
        with open(folder / "trees.npz", "wb") as file:
            np.savez(file, **{**whole, name: broken})
        with pytest.raises(CorruptRecord, match="cannot be read"):
            baselines.load(folder)


def test_a_card_that_was_edited_is_refused(folder):
    card = json.loads((folder / "model.json").read_text())
    for edit in ({"cube": {**card["cube"], "fill": 0.0}}, {"architecture": "cropnet"}, {"features": {"kind": "x"}},
                 {"inputs": 4}, {"classes": ["wheat"]} if card["architecture"] != "random-forest" else {"inputs": 4}):
        (folder / "model.json").write_text(json.dumps({**card, **edit}))
        with pytest.raises(CorruptRecord, match="cannot be read"):
            baselines.load(folder)


def test_a_folder_without_a_baseline_is_named(tmp_path):
    with pytest.raises(RunError, match="trees.npz, model.json is missing"):
        baselines.load(tmp_path)


def test_series_of_another_cube_are_refused_with_the_difference(trained, grown, small_cube):
    other = replace(small_cube, features=("B4", "B11", "B8"))
    with pytest.raises(SchemaMismatch, match=r"\['B4', 'B11', 'B8'\] instead of \['B4', 'B8', 'B11'\]"):
        trained.probabilities(grown(5, cube=other).series)


@pytest.mark.parametrize("method", baselines.METHODS)
@pytest.mark.parametrize("features", [Medians(), Coefficients()], ids=str)
@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_clear_looks_that_are_no_numbers_are_named(method, features, broken, trained, grown, class_names):
    samples = grown(60)
    values = samples.series.values.copy()
    step = int(np.flatnonzero(samples.series.counts[7, 6:20])[0]) + 6
    values[7, step, 1] = broken
    wrong = replace(samples, series=Series(cube=samples.series.cube, values=values, counts=samples.series.counts))
    words = f"1 of 60 series .*first is B8 of step {step} in series 7"
    with pytest.raises(DataError, match=words):
        baselines.fit(method, wrong, class_names=class_names, features=features, seed=0)
    with pytest.raises(DataError, match=words):
        trained.probabilities(wrong.series)


def test_a_class_without_a_sample_one_class_and_strange_labels_are_named(grown, class_names):
    samples = grown(60)
    for broken, words in ((samples.take(samples.labels != 1), "no training sample is of class maize"),
                          (replace(samples, labels=samples.labels + 1), "labels 1 ... 3"),
                          (samples.take(np.arange(0)), "no training samples")):
        with pytest.raises(DataError, match=words):
            baselines.fit("random-forest", broken, class_names=class_names, features=Medians(), seed=0)
    with pytest.raises(DataError, match="1 class has nothing to decide"):
        baselines.fit("random-forest", samples.take(samples.labels == 0), class_names=("wheat",), features=Medians(),
                      seed=0)
    with pytest.raises(ConfigError, match="no baseline 'svm'"):
        baselines.fit("svm", samples, class_names=class_names, features=Medians(), seed=0)


def test_embeddings_are_vectors_like_any_other(class_names):
    random = np.random.default_rng(0)
    labels = np.arange(90) % 3
    directions = random.normal(0, 1, (90, 64)) + 3 * np.eye(64)[labels]
    names = tuple(f"A{number:02d}" for number in range(64))
    unit = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    made = baselines.of_vectors("histogram-boosting", unit, labels, class_names=class_names, names=names, seed=0)
    assert (made.probabilities(unit).argmax(axis=1) == labels).all()
    with pytest.raises(DataError, match=r"\(90, 64\) come with 90 labels and 63 names"):
        baselines.of_vectors("random-forest", unit, labels, class_names=class_names, names=names[1:], seed=0)
    unit[4, 63] = np.nan
    with pytest.raises(DataError, match="A63 of vector 4: nan"):
        baselines.of_vectors("random-forest", unit, labels, class_names=class_names, names=names, seed=0)
