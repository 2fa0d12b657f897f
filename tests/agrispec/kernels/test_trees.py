"""The walk down a tree comes to the leaf that scikit-learn's walk comes to."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from agrispec.kernels.trees import leaves, leaves_numpy


@pytest.fixture(scope="module")
def grown():
    """Samples, the trees' own leaves of them, and the arrays of three trees."""
    random = np.random.default_rng(11)
    samples = random.uniform(0, 1, (400, 3)).astype(np.float32)
    models = [DecisionTreeClassifier(random_state=seed).fit(samples, random.integers(0, 4, 400)).tree_
              for seed in range(3)]
    roots = np.cumsum([0, *(model.node_count for model in models)])[:-1].astype(np.int32)
    inputs = np.concatenate([np.where(model.children_left < 0, -1, model.feature) for model in models])
    left, right = (np.concatenate([np.where(getattr(model, side) < 0, -1, getattr(model, side) + root)
                                   for model, root in zip(models, roots, strict=True)])
                   for side in ("children_left", "children_right"))
    arrays = (roots, inputs.astype(np.int32), np.concatenate([model.threshold for model in models]),
              np.ones(len(inputs), np.bool_), left.astype(np.int32), right.astype(np.int32))
    own = np.stack([model.apply(samples) + root for model, root in zip(models, roots, strict=True)], axis=1)
    return samples.astype(np.float64), own, arrays


@pytest.mark.parametrize("walk", [leaves, leaves_numpy])
def test_a_sample_comes_to_the_leaf_that_scikit_learn_finds(walk, grown):
    samples, own, arrays = grown
    np.testing.assert_array_equal(walk(samples, *arrays), own)
    assert walk(samples[:0], *arrays).shape == (0, 3)


@pytest.mark.parametrize("walk", [leaves, leaves_numpy])
@pytest.mark.parametrize("inclusive", [True, False])
def test_the_limit_itself_goes_left_only_where_it_is_inclusive(walk, inclusive):
    places = [np.array(column, np.int32) for column in ([0, -1, -1], [1, -1, -1], [2, -1, -1])]
    found = walk(np.array([[0.5]]), np.zeros(1, np.int32), places[0], np.full(3, 0.5), np.full(3, inclusive),
                 *places[1:])
    assert found.tolist() == [[1 if inclusive else 2]]
