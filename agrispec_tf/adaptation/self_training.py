"""Self-training: a slow teacher labels the target season, moved to the source's calendar; a student learns both."""

from __future__ import annotations

from dataclasses import asdict, replace

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec_tf.adaptation import rounds, season_shift
from agrispec_tf.adaptation.rounds import Course
from agrispec_tf.classifier import Classifier, compiled_for_inference, jit
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.train import cross_entropy

_KEPT = 0.8
"""Of the teacher's weights in each round; the rest are the student's."""


def fit(teacher: Classifier, training: Samples, target: Series, *, how: Course, seed: int, threshold: float = 0.9,
        weight: float = 2.0) -> Classifier:
    """A copy of a network that has taught itself the target season.

    The season's shift is found first. In each round the teacher labels the target's series, shown on the source's
    calendar; labels below `threshold` do not count. The student learns them, shown as they are and augmented, beside
    samples of the source that are moved to the target's calendar. What the teacher is shown moves from the source's
    calendar to the target's as it comes to know it, and its weights follow the student's slowly; at the end it is what
    is kept.

    Args:
        teacher: a network that knows the source, best one that is adapted already. It keeps its weights.
        training: labelled samples of the source, which are drawn class by class.
        target: unlabelled series; training cells' only, where others judge.
        how: the course.
        seed: of order, dropout and augmentation. Sets Keras's global seed.
        threshold: least probability of a label that counts.
        weight: of a label that counts; a source sample's is 1.

    Source: the idea is TimeMatch's, Nyborg et al. 2022, https://arxiv.org/abs/2111.02682, with its threshold and
        weight.
    """
    keras.utils.set_random_seed(seed)
    days = season_shift.found(teacher.preparation, training, target)
    student, kept = (keras.models.clone_model(teacher.model) for _ in range(2))
    for model in (student, kept):
        model.set_weights(teacher.model.get_weights())
    slow = replace(teacher, model=compiled_for_inference(kept))
    student.compile(optimizer=keras.optimizers.Adam(how.learning_rate, epsilon=1e-8), loss=cross_entropy(),
                    jit_compile=jit())
    counted, learnt = [], np.zeros(len(teacher.class_names))
    for number in range(how.rounds):
        drawn = rounds.drawn(teacher, training, target, how, seed, number, days)
        left = days * (1 - number / how.rounds)
        labels = _labels(slow, target, drawn.series, left)
        sure = labels.max(axis=1) >= threshold
        counted.append(float(sure.mean()))
        weights = rounds.halved(np.ones(len(sure), np.float32), weight * sure.astype(np.float32), how)
        taught = rounds.halved(drawn.labels[drawn.source], labels.argmax(axis=1).astype(np.int32), how)
        learnt += np.bincount(taught, weights, len(learnt))
        student.fit(drawn.inputs, taught, sample_weight=weights, batch_size=2 * how.batch, epochs=1, shuffle=False,
                    verbose=0)
        slow.model.set_weights([_KEPT * old + (1 - _KEPT) * new for old, new in
                                zip(slow.model.get_weights(), student.get_weights(), strict=True)])
    return replace(slow, training={**teacher.training, "adaptation": {
        **teacher.training.get("adaptation", {}), "self-training": {
            "course": asdict(how), "seed": seed, "threshold": threshold, "weight": weight, "shift_days": round(days, 2),
            "sure": [round(share, 4) for share in counted], "target_series": len(target),
            "learnt_shares": (learnt / learnt.sum()).round(6).tolist()}}})


def _labels(slow: Classifier, target: Series, rows: NDArray[np.int64], days: float) -> NDArray[np.float32]:
    """Class probabilities of the target's series of some rows, shown `days` later; each is asked for once."""
    asked, place = np.unique(rows, return_inverse=True)
    series = target.take(asked)
    return slow.probabilities(series, draw=season_shift.calendar(series, days))[place]
