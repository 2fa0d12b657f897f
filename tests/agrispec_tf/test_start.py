"""What a training begins from, and what of it stays."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from agrispec.errors import SchemaMismatch
from agrispec_tf import train
from agrispec_tf.data.normalisation import Normalisation
from agrispec_tf.data.preparation import Preparation
from agrispec_tf.models import architectures
from agrispec_tf.models.tempcnn import TempCNNOptions
from agrispec_tf.recipes import Recipe
from agrispec_tf.start import Start

HOW = Recipe(epochs=2, batch=8, learning_rate=1e-2)
SHIFTED = Preparation(normalisation=Normalisation(mean=(0.1, 0.2, 0.3), deviation=(1.0, 2.0, 3.0)))


@pytest.fixture(scope="module")
def options(small_cube):
    return TempCNNOptions.for_cube(small_cube, 3)


@pytest.fixture(scope="module")
def learnt(options):
    """A network whose batch normalisations have statistics of their own."""
    keras.utils.set_random_seed(1)
    model = options.build()
    return [weights + np.float32(0.01) for weights in model.get_weights()]


def fitted(options, grown, class_names, start, **changed):
    given = {"class_names": class_names, "how": HOW, "seed": 3, "start": start}
    return train.fit(options, grown(24), grown(12, seed=1, place="V"), **(given | changed))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_frozen_keeps_its_bits_and_the_rest_learns(options, learnt, grown, class_names, precision):
    start = Start(weights=learnt, preparation=SHIFTED, frozen=("conv1", "norm1", "conv3"), candidate=False)
    found = fitted(options, grown, class_names, start, how=replace(HOW, epochs=1, precision=precision))
    before = options.build()
    before.set_weights(learnt)
    for layer in found.model.layers:
        same = [np.array_equal(ours, theirs) for ours, theirs in
                zip(layer.get_weights(), before.get_layer(layer.name).get_weights(), strict=True)]
        assert all(same) if layer.name in start.frozen else not any(same), layer.name
        assert layer.dtype_policy.name == "float32"
        assert layer.trainable, "nothing of it is saved with the network"
    assert found.preparation == SHIFTED


@pytest.mark.parametrize("model", ["cropnet", "cropnet-1d", "bigru", "mlp", "tempcnn"])
def test_what_is_frozen_works_in_training_as_in_prediction(model, small_cube, grown):
    options = architectures.for_cube(model, small_cube, 3)
    network = options.build()
    weights = [one + np.float32(0.01) for one in network.get_weights()]
    seen = keras.ops.convert_to_tensor(options.inputs(SHIFTED.apply(grown(6).series)))

    def answers(frozen):
        trained = Start(weights=weights, preparation=Preparation(), frozen=frozen).given(options.build())
        return [np.asarray(keras.ops.convert_to_numpy(trained(seen, training=mode))) for mode in (True, False)]

    np.testing.assert_array_equal(*answers(tuple(layer.name for layer in network.layers[:-1])))
    assert not np.allclose(*answers(()))


@pytest.mark.parametrize(("candidate", "kept"), [(True, 0), (False, 1)])
def test_the_beginning_is_epoch_0_where_it_is_a_candidate(options, learnt, grown, class_names, candidate, kept):
    # Steps too small to move a sample to another class, but not too small to move a weight.
    found = fitted(options, grown, class_names, how=replace(HOW, learning_rate=1e-6, patience=1),
                   start=Start(weights=learnt, preparation=SHIFTED, candidate=candidate))
    assert found.training["best_epoch"] == kept
    assert len(found.history) == kept + 1, "the patience counts from it"
    same = all(np.array_equal(*pair) for pair in zip(found.model.get_weights(), learnt, strict=True))
    assert same == candidate


def test_a_checkpoint_of_another_beginning_is_refused(options, learnt, grown, class_names, tmp_path):
    start = Start(weights=learnt, preparation=SHIFTED)
    fitted(options, grown, class_names, start, folder=tmp_path)
    others = [replace(start, preparation=Preparation()), replace(start, frozen=("conv1",)), None,
              replace(start, candidate=False),
              replace(start, weights=[*learnt[:-1], learnt[-1] + np.float32(1e-6)])]
    assert len({other.digest for other in others if other} | {start.digest}) == len(others)
    for other in others:
        with pytest.raises(SchemaMismatch, match=f"its start is {start.digest}, not "):
            fitted(options, grown, class_names, other, folder=tmp_path)
