"""Runs the networks on the backend that KERAS_BACKEND names and prints what it found as JSON.

A process of its own for each backend: Keras chooses one when it is imported.
"""

import importlib
import json
import sys
import warnings
from dataclasses import replace

warnings.filterwarnings("ignore")

import keras  # noqa: E402
import numpy as np  # noqa: E402
from keras import ops  # noqa: E402

from agrispec.cube import CubeSpec  # noqa: E402
from agrispec.season import Window  # noqa: E402
from agrispec_tf import calibration, train  # noqa: E402
from agrispec_tf.adaptation import adversarial  # noqa: E402
from agrispec_tf.data import augmentation  # noqa: E402
from agrispec_tf.data.pipeline import Batches  # noqa: E402
from agrispec_tf.data.preparation import Preparation  # noqa: E402
from agrispec_tf.data.samples import Samples, Series  # noqa: E402
from agrispec_tf.layers.gradient_reversal import GradientReversal  # noqa: E402
from agrispec_tf.layers.season_view import SeasonView  # noqa: E402
from agrispec_tf.layers.temporal_attention import TemporalAttention  # noqa: E402
from agrispec_tf.models import architectures, bigru, cropnet  # noqa: E402
from agrispec_tf.recipes import Recipe  # noqa: E402

CUBE = CubeSpec(features=("B4", "B8", "B11"), step_days=16, exported=Window(0, 23), window=Window(6, 20))


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def sampled(count: int, place: str = "E") -> Samples:
    generator = np.random.default_rng(count)
    labels = np.arange(count) % 3
    values = generator.normal(0.3 + 0.1 * labels[:, None, None], 0.05, (count, *CUBE.shape))[..., :3]
    series = Series(cube=CUBE, values=values.astype(np.float32), counts=np.ones((count, 23), np.float32))
    return Samples(series=series, labels=labels, cells=np.full(count, place),
                   ids=np.array([f"{place}{number}" for number in range(count)]))


def seed_weights(model: keras.Model) -> None:
    """The same weights on every backend."""
    generator = np.random.default_rng(0)
    for weight in model.trainable_weights:
        scale = 1 / np.sqrt(max(np.prod(weight.shape[:-1]), 1))
        weight.assign(generator.normal(0, scale, weight.shape).astype(np.float32))


def bias_gradient(reversal: GradientReversal | None) -> list[float]:
    """The gradient at the bias of a layer in front of `reversal`, exactly: one step of SGD at rate 1 from zero."""
    inputs = keras.Input((4,))
    front = keras.layers.Dense(3, kernel_initializer="zeros", name="front")
    features = front(inputs)
    if reversal is not None:
        features = reversal(features)
    output = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.3))(features)
    model = keras.Model(inputs, output)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(np.ones((1, 4), np.float32), np.full((1, 1), 0.7, np.float32))
    return (-np.asarray(front.bias)).tolist()


def at_step(step: int, maximum: float = 0.5, total: int = 10) -> GradientReversal:
    layer = GradientReversal(maximum=maximum, total_steps=total)
    layer.build((None, 3))
    layer.step.assign(float(step))
    return layer


def cropnet_losses() -> dict[str, list[float]]:
    """Losses of three epochs of SGD, dropout off, from the same weights."""
    options = cropnet.CropNetOptions(classes=3, bands=3, steps=14, dropout=(0.0, 0.0, 0.0, 0.0))
    model = options.build()
    seed_weights(model)
    batches = Batches(samples=sampled(24), class_weights=np.array([1, 2, 0.5], np.float32), inputs=options.inputs,
                      preparation=Preparation(), batch=8, seed=1)
    model.compile(keras.optimizers.SGD(0.02), train.cross_entropy())
    return model.fit(batches, epochs=3, verbose=0, shuffle=False).history


def bigru_losses() -> tuple[dict[str, list[float]], float]:
    """The same of the Bi-GRU against a target, and at which step its reversal is then."""
    crop = bigru.BiGRUOptions(classes=3, features=3, steps=14, dropout=0.0).build()
    both = adversarial.with_domain_head(crop, conditional=False, reversal=0.5, total_steps=9)
    seed_weights(both)
    source, target = sampled(24), sampled(24, "T")
    inputs = np.concatenate([Preparation().apply(side.series) for side in (source, target)])
    domain = np.repeat([0, 1], 24)
    both.compile(keras.optimizers.SGD(0.02), {"crop": train.cross_entropy(), "domain": train.cross_entropy()})
    history = both.fit(inputs, {"crop": np.concatenate([source.labels, np.zeros(24, int)]), "domain": domain},
                       sample_weight={"crop": 1.0 - domain, "domain": np.ones(48)}, batch_size=16, epochs=3, verbose=0,
                       shuffle=False).history
    both.predict_on_batch(inputs)
    return history, float(ops.convert_to_numpy(both.get_layer("reversal").step))


def fitted() -> list[dict[str, float]]:
    """The whole of `train.fit`."""
    options = bigru.BiGRUOptions.for_cube(CUBE, 3)
    how = Recipe(epochs=2, batch=8, learning_rate=1e-3, standardised=True)
    classifier = train.fit(options, sampled(24), sampled(12, "V"), class_names=("a", "b", "c"), how=how, seed=0)
    series = sampled(12, "V").series
    found = classifier.probabilities(series)
    labels = sampled(12, "V").labels
    folded = classifier.tempered(0.3).probabilities(series)
    best = classifier.history[int(classifier.training["best_epoch"]) - 1]
    return [dict(row) for row in classifier.history] + [
        {"kept": best["val_loss"], "again": float(-np.log(found[np.arange(12), labels]).mean()),
         "tempering changed": float(np.abs(folded - found).max()),
         "folding error": float(np.abs(folded - calibration.tempered(found, 0.3)).max())}]


def compared() -> dict[str, dict[str, object]]:
    """Of each network that is not trained above: its parameters with 7 classes, and logits from the same weights."""
    if keras.backend.backend() == "jax":
        # To compile the draws of initial weights takes most of the time here.
        importlib.import_module("jax").config.update("jax_disable_most_optimizations", True)
    series = np.random.default_rng(0).normal(0, 1, (2, 14, 3)).astype(np.float32)
    found = {}
    for name in ("cropnet-1d", "mlp", "tempcnn", "resnet50", "efficientnetv2s"):
        options = architectures.for_cube(name, CUBE, 7)
        model = options.build()
        seed_weights(model)
        # Tracing a large network takes TensorFlow longer than running it once.
        call = model if keras.backend.backend() == "tensorflow" else model.predict_on_batch
        logits = ops.convert_to_numpy(call(options.inputs(series)))
        found[name] = {"trainable": trainable(model), "logits": logits.tolist()}
    return found


def view_error() -> float:
    """How far the view of a compiled network is from what the host prepares, values being up to about 1."""
    generator = np.random.default_rng(0)
    looks = generator.integers(0, 2, (64, 23)) * generator.integers(0, 2, (64, 23))
    series = replace(sampled(64).series, counts=looks.astype(np.float32))
    series.values[looks == 0] = np.nan
    drawn = augmentation.draw(augmentation.Augmentation(dropped_share=0.5), CUBE.window, CUBE.step_days, 64, generator)
    given = {"series": series.values, "looks": series.counts, "start": drawn.start.astype(np.int32),
             "stop": drawn.stop.astype(np.int32), "knots": drawn.knots.astype(np.float32), "dropped": drawn.dropped}
    inputs = {name: keras.Input(value.shape[1:], dtype=str(value.dtype), name=name) for name, value in given.items()}
    model = keras.Model(inputs, SeasonView(CUBE.window.steps)(**inputs))
    return float(np.abs(model.predict_on_batch(given) - Preparation().apply(series, drawn)).max())


def main() -> None:
    large = np.array([1e-30, -0.0, 1.1, -3.3e7, 12345.678], np.float32)
    reversed_ = at_step(10)
    attention = TemporalAttention(16)
    features = np.random.default_rng(0).normal(0, 3, (5, 23, 7)).astype(np.float32)
    attention(features)
    weights = ops.convert_to_numpy(attention.weights_over_time(features))
    networks = {v: cropnet.CropNetOptions(classes=7, variant=v).build() for v in ("v3", "v1")}
    gru = bigru.BiGRUOptions(classes=17).build()
    losses, steps = bigru_losses()
    json.dump({
        "backend": keras.backend.backend(),
        "trainable": {**{name: trainable(model) for name, model in networks.items()}, "bigru": trainable(gru)},
        "maps": {name: [model.get_layer(f"block{n}").output.shape[1:] for n in (1, 2, 3, 4)]
                 for name, model in networks.items()},
        "identity": ops.convert_to_numpy(reversed_(large)).tobytes() == large.tobytes(),
        "strengths": [float(ops.convert_to_numpy(at_step(step).strength())) for step in range(15)],
        "plain_gradient": bias_gradient(None),
        "reversed_gradients": [bias_gradient(at_step(step)) for step in (0, 3, 10)],
        "attention": {"sums": weights.sum(axis=1).ravel().tolist(), "least": float(weights.min())},
        "pooled": ops.convert_to_numpy(attention(features) - (features * weights).sum(axis=1)).ravel().tolist(),
        "losses": {"cropnet": cropnet_losses(), "bigru": losses}, "steps": steps, "fit": fitted(),
        "view_error": view_error(), "compared": compared(),
    }, sys.stdout)


if __name__ == "__main__":
    main()
