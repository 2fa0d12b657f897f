"""A run's ladder: its rungs made, compared without a label of the target, and, once these are opened, with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace

from agrispec.config import Config
from agrispec_tf import commands, training
from agrispec_tf.adaptation import choices, diagnostics, ladder
from agrispec_tf.adaptation.domains import Domains
from agrispec_tf.adaptation.ladder import Settings
from agrispec_tf.collected import Collected
from agrispec_tf.models import architectures
from agrispec_tf.recipes import Recipe
from exports import manifest
from exports.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    """What became of a ladder before any label of the target was opened.

    Attributes:
        validators: by rung, the number of each validator.
        chosen: the rung that is taken.
    """

    validators: Mapping[str, Mapping[str, float]]
    chosen: str


def run_adapt(run: Run, config: Config, model: str, wanted: Iterable[str], how: Recipe,
              tell: Callable[[str], None], warn: Callable[[str], None]) -> Climb:
    """Make rungs of a network into `model/`, each with its card and its report on held-out cells of the source, and
    choose one by the training cells' series of the target season.

    What was done and what is chosen stand in the manifest, and whether labels of the target had been opened before.

    Args:
        model: a network by name.
        wanted: rungs; all that can be made where none is named.
        how: the recipe on the source.
        tell: told of each rung before it is made.
        warn: told, before anything is made, what speaks against adapting at all, or should be known, a sentence each.

    Raises:
        RunError: the run is not exported yet.
        ConfigError: a rung cannot be made of what the run holds.
        DataError: the target has no series, or the source no held-out sample.
    """
    collected = Collected(run, config)
    options = architectures.for_cube(model, config.spec, len(config.taxonomy.names))
    settings = Settings(options=options, recipe=how, smoothing=training.smoothing_of(config, options))
    *earlier, latest = sorted(config.season.source)
    domains = Domains(training=collected.labelled("train", [latest]), validation=collected.labelled("validation"),
                      earlier=collected.labelled("train", earlier) if earlier else None,
                      target=collected.target("train"), class_names=config.taxonomy.names)
    possible = ladder.rungs(domains)
    ladder.needed(wanted, possible)
    distance = diagnostics.distance(domains.training.series, domains.target)
    opened = run.truth.exists()
    late = ("labels of the target were opened before: whoever changes settings now may choose by them",) * opened
    doubts = (*late, *domains.doubts(), *distance.doubts())
    for doubt in doubts:
        warn(doubt)
    weights = ladder.importance(domains)
    validators: dict[str, Mapping[str, float]] = {}
    heat: dict[str, float] = {}
    for rung, classifier in ladder.climbed(settings, domains, tuple(wanted) or possible, config.training.seed, tell):
        made = replace(classifier, training={**classifier.training, **collected.provenance, "ladder": model,
                                             "rung": rung})
        name = choices.name_of(model, rung)
        commands.keep(run, config, collected, name, made, choices.stage(name))
        heat[rung] = ladder.temperature(rung, classifier, domains, heat)
        validators[rung] = ladder.validated(classifier, domains, weights, heat[rung])
    chosen = choices.taken(validators)
    manifest.record(run.path, choices.stage(model), {
        "settings": {"network": asdict(options), "recipe": asdict(how), "course": asdict(settings.course),
                     "smoothing": settings.smoothing, "seed": config.training.seed},
        "samples": collected.digest, "target": config.season.target, "distance": asdict(distance),
        "labels_were_open": opened, "doubts": list(doubts), "validators": validators, "chosen": chosen,
        "by_validator": choices.by_validator(validators)})
    return Climb(validators=validators, chosen=chosen)
