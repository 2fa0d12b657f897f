"""Trees of scikit-learn, written as R prints them, classify as scikit-learn does."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from agrispec.errors import EngineError

SHAPE = (20, 24)
NAMES = ["B2", "B3", "B4"]
IRIS = """n= 150

node), split, n, loss, yval, (yprob)
      * denotes terminal node

1) root 150 100 0 (0.33333333 0.33333333 0.33333333)
  2) B2< 2.45 50   0 0 (1.00000000 0.00000000 0.00000000) *
  3) B2>=2.45 100  50 1 (0.00000000 0.50000000 0.50000000)
    6) B3< 1.75 54   5 1 (0.00000000 0.90740741 0.09259259) *
    7) B3>=1.75 46   1 2 (0.00000000 0.02173913 0.97826087) *
"""


def written(estimator: Any, names: list[str], value: Any) -> str:
    """A tree of scikit-learn as a text; limits with all their digits."""
    tree = estimator.tree_
    lines = []

    def node(at: int, number: int, split: str) -> None:
        leaf = tree.children_left[at] < 0
        lines.append(f"{'  ' * (number.bit_length() - 1)}{number}) {split} {tree.n_node_samples[at]} "
                     f"{tree.impurity[at]:.4f} {value(tree.value[at])}{' *' if leaf else ''}")
        if not leaf:
            name, limit = names[tree.feature[at]], repr(float(tree.threshold[at]))
            node(tree.children_left[at], 2 * number, f"{name} <= {limit}")
            node(tree.children_right[at], 2 * number + 1, f"{name} > {limit}")

    node(0, 1, "root")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    x = rng.uniform(0, 1, (400, 3)).astype(np.float32)
    y = np.array([3, 7, 12])[(np.sin(7 * x[:, 0]) + x[:, 1] > 0.6).astype(int) + (x[:, 2] > 0.7)]
    return x, y


@pytest.fixture
def planes(world: Any) -> np.ndarray:
    """(row, column, band) of the asset "scene"; its first band is masked where it is below 0.1."""
    values = np.random.default_rng(5).uniform(0, 1, (*SHAPE, 3)).astype(np.float32)
    world.images["scene"] = world.make({name: values[..., i] for i, name in enumerate(reversed(NAMES))}, {"a": 1})
    return values[..., ::-1]


def test_a_forest_classifies_pixels_as_scikit_learn_does(world: Any, planes: np.ndarray, samples: Any) -> None:
    model = RandomForestClassifier(25, random_state=0).fit(*samples)
    texts = [written(tree, NAMES, lambda value: model.classes_[value.argmax()]) for tree in model.estimators_]
    image = world.pixels(ee.Image("scene").classify(ee.Classifier.decisionTreeEnsemble(texts)))
    assert list(image) == ["classification"]
    np.testing.assert_array_equal(image["classification"], model.predict(planes.reshape(-1, 3)).reshape(SHAPE))
    assert image["classification"].dtype == np.int32


def test_probabilities_are_the_shares_of_the_votes(world: Any, planes: np.ndarray, samples: Any) -> None:
    model = RandomForestClassifier(25, random_state=0).fit(*samples)
    made = ee.Classifier.decisionTreeEnsemble(
        [written(tree, NAMES, lambda value: model.classes_[value.argmax()]) for tree in model.estimators_])
    expected = model.predict_proba(planes.reshape(-1, 3)).reshape(*SHAPE, 3)
    best = world.pixels(ee.Image("scene").classify(made.setOutputMode("PROBABILITY"), "p"))["p"]
    np.testing.assert_allclose(best, expected.max(axis=-1))
    every = world.value(ee.Image("scene").classify(made.setOutputMode("MULTIPROBABILITY")))
    assert every.bands[0].type.dimensions == 1
    for place in range(3):
        one = world.pixels(ee.Image("scene").classify(made.setOutputMode("MULTIPROBABILITY")).arrayGet([place]))
        np.testing.assert_allclose(one["classification"], expected[..., place])
    raw = world.pixels(ee.Image("scene").classify(made.setOutputMode("RAW")).arrayGet([4]))["classification"]
    np.testing.assert_array_equal(raw, model.classes_[model.estimators_[4].predict(
        planes.reshape(-1, 3)).astype(int)].reshape(SHAPE))


def test_a_regression_is_the_mean_of_the_trees(world: Any, planes: np.ndarray, samples: Any) -> None:
    x, _ = samples
    model = RandomForestRegressor(9, max_depth=4, random_state=0).fit(x, x[:, 0] * x[:, 1])
    texts = [written(tree, NAMES, lambda value: repr(float(value[0, 0]))) for tree in model.estimators_]
    made = ee.Classifier.decisionTreeEnsemble(texts).setOutputMode("REGRESSION")
    found = world.pixels(ee.Image("scene").classify(made))["classification"]
    np.testing.assert_allclose(found, model.predict(planes.reshape(-1, 3)).reshape(SHAPE), rtol=1e-12)
    assert world.value(made.mode()) == "REGRESSION"


def test_one_tree_of_any_depth(world: Any, planes: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(0, 1, 300)).astype(np.float32)[:, None]
    model = DecisionTreeClassifier(splitter="random", random_state=1).fit(x, np.arange(300) % 2)
    text = written(model, ["B3"], lambda value: value.argmax())
    found = world.pixels(ee.Image("scene").classify(ee.Classifier.decisionTree(text), "crop"))["crop"]
    np.testing.assert_array_equal(found, model.predict(planes[..., 1:2].reshape(-1, 1)).reshape(SHAPE))


def test_masked_inputs_give_masked_classes_and_unused_bands_do_not_matter(world: Any, planes: np.ndarray) -> None:
    image = ee.Image("scene")
    hidden = image.addBands(image.select("B2").updateMask(image.select("B2").gt(0.1)), None, True)
    made = ee.Classifier.decisionTree("1) root 9 0 0\n2) B2<0.5 4 0 1 *\n3) B2>=0.5 5 0 2 *")
    found = world.pixels(hidden.classify(made))
    np.testing.assert_array_equal(found["classification"].mask, planes[..., 0] <= 0.1)
    np.testing.assert_array_equal(found["classification"].compressed(),
                                  np.where(planes[..., 0] < 0.5, 1, 2)[planes[..., 0] > 0.1])
    other = image.updateMask(0).select(["B3", "B4"]).addBands(image.select("B2"))
    found = world.pixels(other.classify(made))
    assert not found["classification"].mask.any()


def test_the_text_of_rpart_is_read(world: Any) -> None:
    made = ee.Classifier.decisionTree(IRIS)
    assert world.value(made.schema()) == ["B2", "B3"]
    table = ee.FeatureCollection([ee.Feature(None, {"B2": a, "B3": b, "k": k}) for k, (a, b) in enumerate(
        [(2.4, 9), (2.45, 1.7), (2.45, 1.75), (5, 1.8)])])
    found = world.value(table.classify(made, "kind"))
    assert [item.properties["kind"] for item in found.items] == [0, 1, 2, 2]
    assert [item.properties["k"] for item in found.items] == [0, 1, 2, 3]
    assert len(world.value(table.filter("k > 9").classify(made)).items) == 0


def test_several_trees_of_one_text_vote(world: Any) -> None:
    text = "1) root 1 0 5 *\n1) root 1 0 4 *\n1) root 1 0 4 *\n"
    table = ee.FeatureCollection([ee.Feature(None, {})])
    assert world.value(table.classify(ee.Classifier.decisionTreeEnsemble([text])).first().get("classification")) == 4
    found = table.classify(ee.Classifier.decisionTreeEnsemble([text]).setOutputMode("MULTIPROBABILITY"), "p")
    np.testing.assert_allclose(world.value(found.first().get("p")), [2 / 3, 1 / 3])
    with pytest.raises(EngineError, match="3 trees"):
        world.value(ee.Classifier.decisionTree(text).schema())


@pytest.mark.parametrize(("text", "words"), [
    ("", "there is no tree"), ("n= 5\n", "there is no tree"), ("2) a<1 1 0 1 *", "begins with"),
    ("1) root 2 0 1\n2) a<1 1 0 1 *\n", "one child"), ("1) root 2 0 1\n", "neither a leaf"),
    ("1) root 2 0 1\n2) a<1 1 0 x *\n3) a>=1 1 0 1 *\n", "'x' of node 2"),
    ("1) root 2 0 1\n2) a<1 1 0 1 *\n3) b>=1 1 0 1 *\n", "no two sides"),
    ("1) root 2 0 1\n2) a<1 1 0 1 *\n3) a>=1 1 0 1 *\n5) a<3 1 1 1 *\n", "it is a leaf"),
    ("1) root 2 0 1\n2) a<1 1 0 1 *\n2) a>=1 1 0 1 *\n", "twice"), ("1) root 1 *", "lacks its value"),
    ("1) root 2 0 1\n2) a=x,y 1 0 1 *\n3) a=z 1 0 1 *\n", "cannot be read"),
    ("1) root 2 0 1\n2) a<1 1 0 1 *\n3) a>=1 1 0 1 *\n12) a<3 1 1 1 *\n", "no parent"),
])
def test_texts_that_are_no_whole_tree_are_refused(world: Any, text: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        world.value(ee.Classifier.decisionTreeEnsemble([text]).schema())


def test_inputs_and_modes_that_are_missing_are_named(world: Any, planes: np.ndarray) -> None:
    made = ee.Classifier.decisionTree(IRIS.replace("B3", "B99"))
    with pytest.raises(EngineError, match="needs band 'B99'"):
        world.value(ee.Image("scene").classify(made))
    with pytest.raises(EngineError, match="Property 'B99'"):
        world.value(ee.FeatureCollection([ee.Feature(None, {"B2": 1})]).classify(made))
    with pytest.raises(EngineError, match="no output mode"):
        world.value(made.setOutputMode("VOTES").schema())
    with pytest.raises(EngineError, match="no trees"):
        world.value(ee.Classifier.decisionTreeEnsemble(ee.List([])).schema())


@pytest.mark.parametrize(("signs", "expected"), [(("<", ">="), [1, 2, 2]), (("<=", ">"), [1, 1, 2]),
                                                 ((">", "<="), [2, 2, 1]), ((">=", "<"), [2, 1, 1])])
def test_the_limit_itself_goes_where_its_sign_says(world: Any, signs: tuple[str, str], expected: list[int]) -> None:
    made = ee.Classifier.decisionTree(f"1) root 3 0 0\n 2) B2 {signs[0]} 5 1 0 1 *\n 3) B2 {signs[1]} 5 2 0 2 *")
    table = ee.FeatureCollection([ee.Feature(None, {"B2": value}) for value in (4, 5, 6)])
    assert [item.properties["classification"] for item in world.value(table.classify(made)).items] == expected
