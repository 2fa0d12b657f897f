"""What `evaluate --protocol` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agrispec.config import Config
from agrispec.errors import ConfigError, DataError
from agrispec_tf import backend
from agrispec_tf.baselines.training import METHODS
from agrispec_tf.collected import Collected, simulated
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.protocols import dates, page, report, trials
from agrispec_tf.protocols.judging import answers
from agrispec_tf.protocols.learners import Learner, trees
from agrispec_tf.protocols.names import DATE, GROUPS, REGION, SEASON, SPATIAL
from agrispec_tf.protocols.results import results
from agrispec_tf.protocols.scores import Truth
from agrispec_tf.protocols.trials import Trial
from exports import manifest
from exports.runs import Run

if TYPE_CHECKING:
    from agrispec_tf.protocols.parcel_sizes import Fetch

_FOREST = "forest"


def run_protocol(run: Run, config: Config, protocol: str, fetch: Fetch | None, tell: Callable[[str], None], *,
                 models: Sequence[str] = (), preset: str | None = None, epochs: int | None = None,
                 seeds: int | None = None) -> str:
    """Train models anew by a protocol, judge them on what taught them nothing, and write `report/PROTOCOL/`.

    Only labelled samples of the source seasons are used, those of all cells of [split]; the target season has no part
    in it. Predictions are kept in `protocols/`, so that an interrupted evaluation goes on.

    Args:
        protocol: one of `agrispec_tf.protocols.names.GROUPS`.
        fetch: asks for the parcels that [labels] names; None where none are named.
        tell: told before each training.
        models: names, the first is what others are compared with; empty takes the forest.
        preset: recipe of networks, None for the published one.
        epochs: of networks, None for the recipe's.
        seeds: trainings of each model in each trial, None for 5.

    Returns: what a reader sees.

    Raises:
        ConfigError: an option has no model that it is of, or see `trials` and `dates.dates`.
        DataError: the samples cannot be divided so that every class is left to learn, see `trials`.
        RunError: the run is not exported yet.
        AssetMissing: a season has no table of parcels.
    """
    names = tuple(dict.fromkeys(models)) or (_FOREST,)
    _check_meant(names, preset, epochs)
    collected = Collected(run, config)
    samples = collected.sources()
    if not len(samples):
        raise DataError("no sample of a source season has a label", mend="check [labels] and [season] source")
    table = collected.table.loc[samples.ids]
    carried_out = _trials(protocol, config, samples, table["season"].to_numpy())
    trials.check(carried_out, samples.labels, config.taxonomy.names)
    hectares = None
    if fetch:
        from agrispec_tf.protocols import parcel_sizes  # with what only the extra `local` has
        tell("asking for parcels")
        hectares = parcel_sizes.hectares(table, config.labels.parcels, fetch)
    first = config.training.seed
    learners = [_learner(config, name, preset or "published", epochs) for name in names]
    found = {learner.name: answers(carried_out, samples, config.taxonomy.names, learner,
                                   range(first, first + (seeds or 5)), run.protocols, tell) for learner in learners}
    said = results(protocol, carried_out,
                   Truth(class_names=config.taxonomy.names, labels=samples.labels, cells=samples.cells), found,
                   seasons=tuple(int(year) for year in np.unique(table["season"])), simulated=simulated(run),
                   share_seen=_share_seen(samples.series), hectares=hectares)
    folder = run.report / protocol
    report.write(said, folder)
    manifest.record(run.path, f"evaluate {protocol}", {
        "samples": collected.digest, "cube": config.spec.digest, "seeds": said.seeds, "learners": {
            learner.name: dict(learner.settings) for learner in learners},
        "scores": {row["model"]: {"overall_accuracy": round(row["accuracy"], 4), "macro_f1": round(row["macro_f1"], 4)}
                   for row in said.overall}})
    return "\n".join([*page.lines(said), f"Report: {folder / report.PAGE}"])


def _trials(protocol: str, config: Config, samples: Samples, seasons: np.ndarray) -> tuple[Trial, ...]:
    labels, cells = samples.labels, samples.cells
    if protocol == SPATIAL:
        return trials.spatial_cv(labels, cells)
    if protocol == REGION:
        return trials.leave_one_region_out(cells, config.regions)
    if protocol == SEASON:
        return trials.leave_one_season_out(labels, cells, seasons)
    if protocol == DATE:
        return trials.in_season(labels, cells, dates.dates(config.spec, config.season_of(int(seasons.max()))))
    raise ConfigError(f"there is no protocol {protocol!r}", mend=f"use one of {', '.join(GROUPS)}")


def _learner(config: Config, model: str, preset: str, epochs: int | None) -> Learner:
    if model in METHODS:
        return trees(model, config.taxonomy.names, thermal=config.training.thermal)
    backend.load()
    from agrispec_tf.protocols import networks  # Keras takes seconds to import, and forests need none of it
    return networks.network(config, model, preset, epochs)


def _check_meant(models: Sequence[str], preset: str | None, epochs: int | None) -> None:
    given = [name for name, value in (("--preset", preset), ("--epochs", epochs)) if value is not None]
    if given and all(model in METHODS for model in models):
        raise ConfigError(f"{' and '.join(models)} {'is' if len(models) == 1 else 'are'} made of trees, for which there"
                          f" is no {' and no '.join(given)}", mend="leave it out, or name a network by --model")


def _share_seen(series: Series) -> np.ndarray:
    """(N,) share of the steps of the model's window with a clear look."""
    window, exported = series.cube.window, series.cube.exported
    return (series.counts[:, window.start - exported.start:window.stop - exported.start] > 0).mean(axis=1)
