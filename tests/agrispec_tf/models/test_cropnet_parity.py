"""CropNet gives what a plain PyTorch CropNet gives from the same weights: logits, loss and gradients.

Weights and samples come from a formula of whole numbers, so that every machine has the same. PyTorch is too large for
the environment of the tests: where it is installed, `torch_cropnet.py` is run and compared with in full; everywhere,
ours is compared with `GOLDEN`, figures that this script found (PyTorch 2.15.0, CPU) and that the first test checks.
"""

import importlib.util
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import keras
import numpy as np
import pytest

from agrispec_tf import train
from agrispec_tf.models.cropnet import CropNetOptions

SCRIPT = Path(__file__).with_name("torch_cropnet.py")
CLASS_WEIGHTS = np.array([0.5, 1.0, 1.5, 2.0, 0.25, 0.75, 3.0], np.float32)
LABELS = np.array([0, 3, 6, 1, 4, 2])

GOLDEN = {
    "v1": {
        "logits": [
            [6.735685, -0.011975, -0.734647, 0.082950, 1.207776, -0.940793, -0.368998],
            [6.645081, -0.023259, -0.677064, 0.028334, 1.175622, -1.008232, -0.332622],
            [6.653721, -0.003193, -0.699019, 0.027249, 1.149405, -0.934861, -0.363082],
        ],
        "loss": 2.857766,
        "first gradient": [
            [0.017296, 0.062338, 0.002265, 0.030662, -0.005677, 0.044234, -0.040077, -0.039296, -0.083222],
            [0.045991, -0.001246, 0.015051, 0.003426, -0.028109, -0.028316, 0.012779, 0.023431, -0.015458],
        ],
        "last gradient": [0.645907, -0.082245, -0.114490, -0.209048, 0.040802, 0.030423, -0.311349],
        "first mean": [-0.247775, -0.433770, -0.107058, -0.075704],
        "last mean": [0.007381, -0.176065, 0.136720, 0.146271],
    },
    "v3": {
        "logits": [
            [3.591460, -0.892570, -2.872805, -1.530974, 1.131200, 1.071728, 0.240490],
            [3.583673, -0.827572, -2.819858, -1.495723, 1.126860, 1.065464, 0.234009],
            [3.571689, -0.858090, -2.825372, -1.483335, 1.128765, 1.089447, 0.211020],
        ],
        "loss": 2.805271,
        "first gradient": [
            [0.010361, 0.013501, 0.035963, 0.011287, -0.004570, -0.012555, -0.023700, 0.007456, -0.016438],
            [0.006820, -0.001728, -0.001368, 0.018369, -0.000501, 0.010492, 0.022673, -0.009746, 0.022921],
        ],
        "last gradient": [0.585935, -0.068727, -0.120247, -0.187029, 0.038980, 0.075384, -0.324297],
        "first mean": [-0.247939, -0.436254, -0.107302, -0.075618],
        "last mean": [0.026723, -0.141728, 0.110543, 0.189866],
    },
}


def formula(shape, number):
    """Numbers between -1 and 1 that follow from their places and `number`."""
    places = np.arange(np.prod(shape), dtype=np.int64)
    return (((places * places * 7919 + places * 31 + number * 4637) % 10007 / 10006) * 2 - 1).reshape(shape)


def samples():
    """(6, 10 bands, 43 steps), like reflectances."""
    return (0.3 + 0.25 * formula((6, 10, 43), 99)).astype(np.float32)


def state(variant):
    """Weights of a CropNet by PyTorch's names, (out, in, row, column) in kernels; no norm is the identity."""
    channels = {"v1": (1, 64, 128, 256, 512), "v3": (1, 128, 128, 128, 128)}[variant]
    found, number = {}, 0
    for block, (depth, width) in enumerate(pairwise(channels)):
        for half, inputs in enumerate((depth, width)):
            name, number = f"blocks.{block}.{half}", number + 1
            found[f"{name}.0.weight"] = formula((width, inputs, 3, 3), number) * np.sqrt(6 / (9 * inputs))
            found[f"{name}.1.weight"] = 1 + 0.5 * formula(width, number + 20)
            found[f"{name}.1.bias"] = 0.5 * formula(width, number + 40)
            found[f"{name}.1.running_mean"] = 0.5 * formula(width, number + 60)
            found[f"{name}.1.running_var"] = 1 + 0.5 * formula(width, number + 80)
    found["head.weight"] = formula((7, channels[-1]), 11) * np.sqrt(6 / channels[-1])
    found["head.bias"] = 0.5 * formula(7, 12)
    return {name: value.astype(np.float32) for name, value in found.items()}


def places(model):
    """Each weight of ours by PyTorch's name, and how an array of PyTorch's is turned into one of ours."""
    for block in range(4):
        for half, name in enumerate(("first", "second")):
            layer, theirs = f"block{block + 1}_{name}", f"blocks.{block}.{half}"
            norm = model.get_layer(f"{layer}_norm")
            yield f"{theirs}.0.weight", model.get_layer(f"{layer}_conv").kernel, (2, 3, 1, 0)
            for key, weight in (("weight", norm.gamma), ("bias", norm.beta), ("running_mean", norm.moving_mean),
                                ("running_var", norm.moving_variance)):
                yield f"{theirs}.1.{key}", weight, (0,)
    yield "head.weight", model.get_layer("crop").kernel, (1, 0)
    yield "head.bias", model.get_layer("crop").bias, (0,)


def found_by_ours(variant):
    options = CropNetOptions(classes=7, variant=variant, dropout=(0.0, 0.0, 0.0, 0.0))
    model, given = options.build(), state(variant)
    assert len(given) == len(model.weights)
    for name, weight, order in places(model):
        weight.assign(given[name].transpose(order))
    inputs = options.inputs(samples().transpose(0, 2, 1))
    # One step of plain descent at rate 1 leaves the gradient as the difference of weights.
    model.compile(keras.optimizers.SGD(1.0), train.cross_entropy())
    found = {"logits": model.predict_on_batch(inputs)}
    found["loss"] = np.float32(model.train_on_batch(inputs, LABELS, CLASS_WEIGHTS[LABELS]))
    for name, weight, order in places(model):
        back = np.asarray(weight).transpose(np.argsort(order))
        if name.endswith("running_mean"):
            found[f"mean {name.removesuffix('.running_mean')}"] = back
        elif not name.endswith("running_var"):  # PyTorch keeps n / (n - 1) times the batch's variance
            found[f"gradient {name}"] = given[name] - back
    return found


def figures(found):
    """What `GOLDEN` keeps: the gradient of the first convolution has gone back through the whole network."""
    return {"logits": found["logits"][:3], "loss": found["loss"],
            "first gradient": found["gradient blocks.0.0.0.weight"][:2].reshape(2, 9),
            "last gradient": found["gradient head.bias"], "first mean": found["mean blocks.0.0.1"][:4],
            "last mean": found["mean blocks.3.1.1"][:4]}


@pytest.fixture(scope="module", params=["v1", "v3"])
def variant(request):
    return request.param


@pytest.fixture(scope="module")
def ours(variant):
    return found_by_ours(variant)


@pytest.fixture(scope="module")
def theirs(variant, tmp_path_factory):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed; the figures it gave are compared with instead")
    folder = tmp_path_factory.mktemp(variant)
    np.savez(folder / "given.npz", samples=samples()[:, None], labels=LABELS, class_weights=CLASS_WEIGHTS,
             **state(variant))
    # A process of its own: PyTorch and TensorFlow do not always bear each other.
    subprocess.run([sys.executable, SCRIPT, variant, folder / "given.npz", folder / "found.npz"], check=True)
    with np.load(folder / "found.npz") as file:
        return dict(file)


def assert_gradient(found, expected, name):
    """As a whole: on another number of threads one of the ReLUs, at its edge, switches the gradient of one channel."""
    assert np.linalg.norm(found - expected) <= 2e-3 * np.linalg.norm(expected), name


def assert_figures(found, variant):
    for name, expected in GOLDEN[variant].items():
        if "gradient" in name:
            assert_gradient(figures(found)[name], np.array(expected), name)
        else:
            np.testing.assert_allclose(figures(found)[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_golden_figures_are_those_of_plain_pytorch(theirs, variant):
    assert_figures(theirs, variant)


def test_cropnet_gives_the_golden_figures(ours, variant):
    assert_figures(ours, variant)


def test_copied_weights_give_the_logits_of_plain_pytorch(ours, theirs):
    np.testing.assert_allclose(ours["logits"], theirs["logits"], atol=1e-5, rtol=0)


def test_a_weighted_step_gives_the_loss_gradients_and_means_of_plain_pytorch(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"logits"}:
        if "gradient" in name:
            assert_gradient(ours[name], theirs[name], name)
        else:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-4 * np.abs(theirs[name]).max(),
                                       err_msg=name)
