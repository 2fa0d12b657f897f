"""Adversarial alignment: a network unlearns what tells the target season from the source, by reversed gradients."""

from __future__ import annotations

from dataclasses import asdict, replace

import keras
import numpy as np
from keras import ops

from agrispec_tf.adaptation import rounds
from agrispec_tf.adaptation.rounds import Course
from agrispec_tf.classifier import Classifier, compiled_for_inference, jit
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.layers.gradient_reversal import GradientReversal
from agrispec_tf.train import cross_entropy

REVERSAL = 0.5
"""λ at the end of its ramp: the founding page's."""


def fit(classifier: Classifier, training: Samples, target: Series, *, conditional: bool, how: Course, seed: int,
        reversal: float = REVERSAL) -> Classifier:
    """A copy of a source-trained network, adapted to unlabelled series of the target.

    A head behind a gradient reversal tells source from target by the features before the last layer (DANN), or by
    their outer product with the class probabilities (CDAN), so that classes are aligned one by one and a class mix that
    differs does less harm. Its weight ramps up from 0; source samples are drawn class by class.

    Args:
        classifier: trained on the source; it keeps its weights.
        training: labelled samples of the source.
        target: series of the target; training cells' only, where others judge.
        conditional: whether the head sees the classes, too.
        how: the course.
        seed: of the head's weights, order, dropout and augmentation. Sets Keras's global seed.
        reversal: λ at the end of its ramp; at 0 the head changes nothing in the network.

    Source: Ganin et al. 2016, https://jmlr.org/papers/v17/15-239.html; Long et al. 2018,
        https://arxiv.org/abs/1705.10667
    """
    keras.utils.set_random_seed(seed)
    network = keras.models.clone_model(classifier.model)
    network.set_weights(classifier.model.get_weights())
    model = with_domain_head(network, conditional=conditional, reversal=reversal,
                             total_steps=how.rounds * how.updates)
    model.compile(optimizer=keras.optimizers.Adam(how.learning_rate, epsilon=1e-8),
                  loss={"crop": cross_entropy(), "domain": cross_entropy()}, jit_compile=jit())
    for number in range(how.rounds):
        drawn = rounds.drawn(classifier, training, target, how, seed, number)
        labelled = drawn.source.astype(np.float32)
        model.fit(drawn.inputs, {"crop": drawn.labels, "domain": 1 - drawn.source.astype(np.int32)},
                  sample_weight={"crop": labelled, "domain": np.ones_like(labelled)}, batch_size=2 * how.batch,
                  epochs=1, shuffle=False, verbose=0)
    method = "cdan" if conditional else "grl"
    return replace(classifier, model=compiled_for_inference(network), training={
        **classifier.training, "adaptation": {**classifier.training.get("adaptation", {}), method: {
            "course": asdict(how), "seed": seed, "reversal": reversal, "target_series": len(target)}}})


def with_domain_head(network: keras.Model, *, conditional: bool, reversal: float, total_steps: int) -> keras.Model:
    """`network` and a head that tells source from target. Their weights are shared.

    Args:
        network: its last layer makes logits.
        conditional: whether the head reads the outer product of features and class probabilities.
        reversal: λ at the end of its ramp.
        total_steps: training batches until then.

    Returns: a model with outputs `{"crop": logits (batch, C), "domain": logits (batch, 2)}`; domain 0 is the source.
    """
    features = network.layers[-1].input
    if conditional:
        features = _Joint(name="joint")([features, network.output])
    reversed_ = GradientReversal(maximum=reversal, total_steps=total_steps, name="reversal")(features)
    hidden = keras.layers.Dense(64, activation="relu", name="domain_hidden")(reversed_)
    domain = keras.layers.Dense(2, name="domain")(hidden)
    return keras.Model(network.input, {"crop": network.output, "domain": domain}, name=f"{network.name}_adversarial")


class _Joint(keras.layers.Layer):
    """Outer product of features (batch, D) and the probabilities of logits (batch, C): (batch, C · D).

    The probabilities are taken as they are: no gradient goes through them, so that classes are not decided anew to
    deceive the head.
    """

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        features, logits = inputs
        shares = ops.stop_gradient(ops.softmax(logits))
        joint = ops.expand_dims(shares, 2) * ops.expand_dims(features, 1)
        return ops.reshape(joint, (-1, shares.shape[1] * features.shape[1]))
