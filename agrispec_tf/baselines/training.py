"""Forests and boosted trees of a run: their names, their training, their place in the run. Keras is not needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agrispec.config import Config
from agrispec.errors import ConfigError
from agrispec_tf import commands, run_models
from agrispec_tf.baselines import baseline
from agrispec_tf.baselines.boosting import Boosting
from agrispec_tf.baselines.features import Coefficients, Features, Medians
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.collected import Collected
from agrispec_tf.data.samples import Samples
from agrispec_tf.data.thermal_axis import ThermalAxis
from agrispec_tf.metrics import Confusion
from exports.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What can be grown.

    Attributes:
        grows: one of `agrispec_tf.baselines.baseline.METHODS`.
        features: what is made of a series.
    """

    grows: str
    features: Features


METHODS: Mapping[str, Method] = {
    f"{name}{ending}": Method(grows=grows, features=features)
    for name, grows in (("forest", Forest.method), ("hgb", Boosting.method))
    for ending, features in (("", Medians()), ("-harmonic", Coefficients()))}
"""By the names that commands take, as those of `agrispec_tf.cropglobe.methods.METHODS`."""

MOST_THREADS = {Forest.method: -1, Boosting.method: None}
"""`jobs` of each: a forest's trees grow apart from each other; boosting's threads wait (`boosting.grown`)."""


def run_train(run: Run, config: Config, model: str, *, leaves: int | None = None,
              reviewed: bool = False) -> Confusion | None:
    """Grow one of `METHODS` on the training cells into `model/`, write its card, and report on the held-out cells of
    the source seasons.

    Args:
        leaves: most leaves of a tree of a forest, None for whole trees.
        reviewed: learn from what reviewers agreed on, too, into a model beside the one without.

    Returns:
        what the report shows; None, and no report, where the split holds no labelled sample out.

    Raises:
        ConfigError: there is no such method, or it knows no thermal time.
        RunError: the run is not exported yet.
        DataError: a class has no training sample, or a clear look is no finite number.
    """
    if model not in METHODS:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(METHODS)}")
    method, collected = METHODS[model], Collected(run, config, reviewed=reviewed)
    samples = collected.labelled("train")
    grown = baseline.fit(method.grows, samples, class_names=config.taxonomy.names,
                         features=features(model, samples, thermal=config.training.thermal), seed=config.training.seed,
                         leaves=leaves, jobs=MOST_THREADS[method.grows])
    trained = replace(grown, training={**grown.training, **collected.provenance})
    name = run_models.name_of(model, reviewed=reviewed)
    return commands.keep(run, config, collected, name, trained, f"train {name}")


def features(model: str, training: Samples, *, thermal: bool) -> Features:
    """What one of `METHODS` makes of series, on the thermal time of the samples that teach where that is asked for.

    Raises:
        ConfigError: the method reads harmonics, or the cube carries no growing degree days.
    """
    found = METHODS[model].features
    if not thermal:
        return found
    if not isinstance(found, Medians):
        raise ConfigError(f"the harmonics of {model} are of days, not of growing degree days",
                          mend="set thermal = false in [training], or train forest or hgb")
    return replace(found, thermal=ThermalAxis.fitted(training.series))
