"""The ladder: what carries a network into another season or region, one rung above the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agrispec.errors import ConfigError
from agrispec_tf import calibration, train
from agrispec_tf.adaptation import adversarial, batch_statistics, prior_shift, selection, self_training
from agrispec_tf.adaptation.domains import Domains
from agrispec_tf.adaptation.rounds import Course
from agrispec_tf.baselines.features import Medians
from agrispec_tf.classifier import Classifier
from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.model_folder import Trained
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.recipes import Recipe

SOURCE, AUGMENTATION, SEASONS, THERMAL, COMMON = "source", "augmentation", "seasons", "thermal", "common"
ADABN, GRL, CDAN, SELF_TRAINING, PRIOR = "adabn", "grl", "cdan", "self-training", "prior"

_AUGMENTED = (THERMAL, SEASONS, AUGMENTATION)
"""What a network is adapted from: the first that is there."""

BELOW: Mapping[str, tuple[str, ...]] = {
    SOURCE: (), AUGMENTATION: (SOURCE,), SEASONS: (AUGMENTATION,), THERMAL: (SEASONS, AUGMENTATION),
    COMMON: (SEASONS, AUGMENTATION), ADABN: _AUGMENTED, GRL: _AUGMENTED, CDAN: _AUGMENTED,
    SELF_TRAINING: (CDAN,), PRIOR: (SELF_TRAINING,)}
"""The rungs from the lowest to the highest, each with those it stands on: the first that is there."""

SHIFTED = Augmentation(moved_days=16.0, shift_share=0.0, scale_share=0.0, warp_deviation=0.1, warp_share=1.0, copies=9,
                       redrawn=True)
"""How samples are varied from the rung `augmentation` on, and in all rungs that adapt."""


_MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the rungs are made; written down before a label of the target is opened.

    Attributes:
        options: of the network.
        recipe: how it is trained on the source; its augmentation is left out on the lowest rung.
        course: how long it is adapted.
        smoothing: lambda of the Whittaker smoother.
    """

    options: NetworkOptions
    recipe: Recipe
    course: Course = Course(augmentation=SHIFTED)
    smoothing: float = 0.0


def rungs(domains: Domains) -> tuple[str, ...]:
    """The rungs that can be made of what is known, the lowest first."""
    lacking = {SEASONS} if domains.earlier is None else set()
    if domains.training.series.cube.gdd_base is None:
        lacking.add(THERMAL)
    if domains.common is None:
        lacking.add(COMMON)
    return tuple(name for name in BELOW if name not in lacking)


def climbed(settings: Settings, domains: Domains, wanted: Iterable[str], seed: int,
            tell: Callable[[str], None] = lambda rung: None) -> Iterator[tuple[str, Classifier]]:
    """The models of some rungs, the lowest first; rungs that these stand on are made, too, and given.

    Args:
        settings: how.
        domains: source and target.
        wanted: rungs, of `rungs(domains)`.
        seed: of everything random.
        tell: told of each rung before it is made.

    Raises:
        ConfigError: a rung is none, or cannot be made of what is known.
        as `train.fit`.
    """
    possible, made = rungs(domains), {}
    for name in needed(wanted, possible):
        tell(name)
        below = next((made[one] for one in BELOW[name] if one in made), None)
        made[name] = _made(name, below, settings, domains, seed)
        yield name, made[name]


def needed(wanted: Iterable[str], possible: tuple[str, ...]) -> tuple[str, ...]:
    """Some rungs and those that they stand on, the lowest first.

    Raises:
        ConfigError: a rung is none of the possible ones.
    """
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in possible:
            reason = {SEASONS: "one labelled season teaches", THERMAL: "the cube carries no growing degree days",
                      COMMON: "source and target were seen over the same steps, or had less than a month in common"}
            raise ConfigError(f"there is no rung {name!r}: {reason.get(name, 'it is unknown')}",
                              mend=f"choose among {', '.join(possible)}")
        found.add(name)
        waiting += [one for one in BELOW[name] if one in possible][:1]
    return tuple(name for name in possible if name in found)


def _made(name: str, below: Classifier | None, settings: Settings, domains: Domains, seed: int) -> Classifier:
    if name in (SOURCE, *_AUGMENTED, COMMON):
        plain = name == SOURCE
        several = domains.earlier is not None and name not in (SOURCE, AUGMENTATION)
        return train.fit(settings.options, domains.teaching if several else domains.training, domains.validation,
                         class_names=domains.class_names, seed=seed, smoothing=settings.smoothing,
                         how=replace(settings.recipe, augmentation=None if plain else SHIFTED),
                         thermal=name == THERMAL, shown=domains.common if name == COMMON else None)
    assert below is not None
    if name == ADABN:
        adapted = batch_statistics.adapted(below, domains.target)
        return replace(adapted, training={**below.training, "adaptation": {ADABN: {
            "target_series": len(domains.target)}}})
    if name in (GRL, CDAN):
        return adversarial.fit(below, domains.teaching, domains.target, conditional=name == CDAN, how=settings.course,
                               seed=seed)
    if name == SELF_TRAINING:
        return self_training.fit(below, domains.teaching, domains.target, how=settings.course, seed=seed)
    return _with_prior(below, domains)


def _with_prior(below: Classifier, domains: Domains) -> Classifier:
    """`below`, calibrated, and then corrected for the class mix that its predictions tell of the target.

    In this order: the mix follows from probabilities that mean what they say, and a temperature that is found on the
    source afterwards would take the target's mix for a fault. What self-training learnt is half classes drawn alike,
    half those that it found in the target.
    """
    validation = domains.validation
    known = below.probabilities(validation.series)
    heat = calibration.temperature(known, validation.labels, below.pseudocount)
    tempered = below.tempered(heat)
    learnt = np.array(below.training["adaptation"][SELF_TRAINING]["learnt_shares"])
    learnt = np.maximum(learnt, 1e-6) / np.maximum(learnt, 1e-6).sum()
    shares = prior_shift.found(tempered.probabilities(domains.target), learnt)
    corrected = tempered.rescaled(1.0, prior_shift.offset(shares, learnt))
    mix = dict(zip(domains.class_names, shares.round(4).tolist(), strict=True))
    return replace(corrected, training={
        **below.training, "temperature": heat,
        "adaptation": {**below.training["adaptation"], PRIOR: {"shares": mix}}})


def temperature(rung: str, trained: Trained, domains: Domains, known: Mapping[str, float]) -> float:
    """The temperature by which a rung's probabilities are compared with those of others.

    What a network is sure of follows from how long it was trained, so one that the source trained is calibrated on its
    validation samples. One that was adapted keeps the temperature of the network it began from: the source's samples
    are not at home in it any more, and would make it seem unsure. The rung `prior` is calibrated already.

    Args:
        rung: its name, or that of trees.
        trained: its model.
        domains: source and target.
        known: by rung, the temperatures of those that it stands on.
    """
    if rung in (ADABN, GRL, CDAN, SELF_TRAINING):
        return next(known[below] for below in BELOW[rung] if below in known)
    if rung == PRIOR:
        return 1.0
    found = trained.probabilities(domains.validation.series)
    return calibration.temperature(found, domains.validation.labels, trained.pseudocount)


def validated(trained: Trained, domains: Domains, importance: NDArray[np.float64],
              temperature: float) -> dict[str, float]:
    """What speaks for a model without a label of the target: the number of each of `choices.VALIDATORS`.

    Args:
        trained: of any rung, or trees.
        domains: source and target.
        importance: (N,) weight of each validation sample, from `importance`.
        temperature: of its probabilities, from `temperature`.
    """
    labels = domains.validation.labels
    known, unknown = (calibration.tempered(trained.probabilities(series), temperature, trained.pseudocount)
                      for series in (domains.validation.series, domains.target))
    return {"source": selection.source(known, labels), "information": selection.information(unknown),
            "density": selection.density(unknown), "weighted": selection.weighted(known, labels, importance)}


def importance(domains: Domains) -> NDArray[np.float64]:
    """(N,) how much likelier each validation sample is among the target's series, of which 5,000 are looked at."""
    drawn = np.random.default_rng(0).permutation(len(domains.target))[:_MOST]
    source, target = (Medians().of(series) for series in (domains.validation.series,
                                                           domains.target.take(np.sort(drawn))))
    return selection.importance(source, target)
