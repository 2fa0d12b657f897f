"""Where and in which precision a training step computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


def count() -> int:
    """How many devices share each batch.

    On JAX all of the machine's accelerators, through Keras' own distribution: each takes an equal part of a batch,
    and all make one update. Keras has no such distribution on TensorFlow: there the first accelerator trains alone,
    however many there are; train on JAX to use them all.
    """
    return len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1


def names() -> tuple[str, ...]:
    """The accelerators that the backend sees, e.g. "gpu:0"; the CPU where it sees none."""
    return tuple(keras.distribution.list_devices())


@contextmanager
def training_on(devices: int, precision: str) -> Iterator[None]:
    """Within it, networks are built for steps that compute in `precision` on so many devices.

    Variables stay float32. Of float16, whose smallest numbers are large, Keras scales the loss.
    """
    policy, distribution = keras.config.dtype_policy(), keras.distribution.distribution()
    try:
        if precision != "float32":
            keras.config.set_dtype_policy(f"mixed_{precision}")
        if devices > 1:
            every = keras.distribution.list_devices()[:devices]
            keras.distribution.set_distribution(keras.distribution.DataParallel(devices=every))
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.distribution.set_distribution(distribution)


@contextmanager
def alone() -> Iterator[None]:
    """Within it, within `training_on`, a network that was built outside computes on its one device."""
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def with_exact_logits(model: keras.Model) -> keras.Model:
    """`model`, whose last layers compute in float32 whatever those before them do."""
    for layer in model.layers:
        if any(layer.output is output for output in model.outputs):
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
    return model
