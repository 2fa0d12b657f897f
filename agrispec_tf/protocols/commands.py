"""What `evaluate --protocol` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agrispec.config import Config
from agrispec.errors import ConfigError, DataError, SchemaMismatch
from agrispec_tf import backend, commands, run_models
from agrispec_tf.baselines.training import METHODS
from agrispec_tf.collected import Collected
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.model_folder import Trained
from agrispec_tf.protocols import dates, page, report, trials
from agrispec_tf.protocols.judging import Answers, answers
from agrispec_tf.protocols.learners import Learner, trees
from agrispec_tf.protocols.names import CALIBRATING, DATE, GROUPS, REGION, SEASON, SPATIAL
from agrispec_tf.protocols.results import results
from agrispec_tf.protocols.scores import Truth
from agrispec_tf.protocols.temperatures import Calibration, Temperatures
from agrispec_tf.protocols.trials import Trial
from exports import manifest
from exports.runs import Run

if TYPE_CHECKING:
    from agrispec_tf.protocols.parcel_sizes import Fetch

_FOREST = "forest"


def run_protocol(run: Run, config: Config, protocol: str, fetch: Fetch | None, tell: Callable[[str], None], *,
                 models: Sequence[str] = (), preset: str | None = None, epochs: int | None = None,
                 seeds: int | None = None, calibrate: bool = False) -> str:
    """Train models anew by a protocol, judge them on what taught them nothing, and write `report/PROTOCOL/`.

    Where regions or seasons are held out, temperatures are found on them, too, and measured where they were not found.
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
        calibrate: whether the run's models of these names are given the temperature of all regions or seasons. Asked
            again, they stay the same.

    Returns: what a reader sees.

    Raises:
        ConfigError: an option has no model that it is of, the protocol has no temperature to give, or see `trials` and
            `dates.dates`.
        DataError: the samples cannot be divided so that every class is left to learn, see `trials`.
        RunError: the run is not exported yet, or lacks a model that is to be calibrated.
        SchemaMismatch: a model that is to be calibrated was trained on other samples, by another recipe or by other
            settings of [training], or was fine-tuned or adapted.
        AssetMissing: a season has no table of parcels.
    """
    names = tuple(dict.fromkeys(models)) or (_FOREST,)
    _check_meant(names, preset, epochs)
    if calibrate and protocol not in CALIBRATING:
        raise ConfigError(f"--calibrate takes the temperature of held-out regions or seasons, and {protocol} holds none"
                          " out", mend=f"use --protocol {' or '.join(CALIBRATING)}, or leave it out")
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
    for learner in learners if calibrate else ():
        _check_alike(run, collected, learner, run_models.load(run, config, learner.name))

    def carry_out(these: Sequence[Trial], learner: Learner, count: int) -> tuple[Answers, ...]:
        return answers(these, samples, config.taxonomy.names, learner, range(first, first + count), run.protocols, tell)

    found = {learner.name: carry_out(carried_out, learner, seeds or 5) for learner in learners}
    truth, calibration = Truth(class_names=config.taxonomy.names, labels=samples.labels, cells=samples.cells), None
    if protocol in CALIBRATING:
        of_cells = trials.on_cells(carried_out, samples.labels, samples.cells, len(config.taxonomy.names))
        calibration = Calibration.of(truth, found, {learner.name: Temperatures.found(
            found[learner.name], carry_out(of_cells, learner, 1), samples.labels, learner.pseudocount)
            for learner in learners})
    said = results(protocol, carried_out, truth, found, calibration=calibration,
                   seasons=tuple(int(year) for year in np.unique(table["season"])),
                   simulated=manifest.simulated(run.path),
                   share_seen=_share_seen(samples.series), hectares=hectares)
    folder = run.report / protocol
    report.write(said, folder)
    manifest.record(run.path, f"evaluate {protocol}", {
        "samples": collected.digest, "cube": config.spec.digest, "seeds": said.seeds, "learners": {
            learner.name: dict(learner.settings) for learner in learners},
        "scores": {row["model"]: {"overall_accuracy": round(row["accuracy"], 4), "macro_f1": round(row["macro_f1"], 4)}
                   for row in said.overall},
        **({"temperatures": dict(calibration.of_all)} if calibration else {})})
    lines = [*page.lines(said), f"Report: {folder / report.PAGE}"]
    for model, temperature in calibration.of_all.items() if calibration and calibrate else ():
        commands.recalibrate(run, config, collected, model, temperature, {
            "protocol": protocol, "group_is": said.group_is, "samples": len(samples), "ece": calibration.worth(model)})
        lines.append(f"{run.models / model} has T = {temperature:.2f} now, that of all {said.group_is}s held out;"
                     " predict, evaluate and export-model again, if they were run")
    return "\n".join(lines)


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


def _check_alike(run: Run, collected: Collected, learner: Learner, kept: Trained) -> None:
    """Checks that one of the run's models is what a learner trains: how sure a model is follows from how it was made.
    """
    collected.check_taught(learner.name, kept)
    made, anew = kept.training, f"make it anew with: agrispec-gee train {run.path} --model {learner.name}"
    if origin := made.get("from"):
        how, mend = f"fine-tuned from {origin['model']}", anew
    elif "rung" in made or "adaptation" in made:
        how, mend = "adapted to the target season", anew
    elif differing := learner.differing(kept):
        how = f"trained with {', '.join(differing)}"
        recipe = "" if learner.name in METHODS else "name its recipe by --preset and --epochs, "
        mend = f"{recipe}restore [training] if it changed, or {anew}"
    else:
        return
    raise SchemaMismatch(f"{run.models / learner.name} was {how}: how sure it is does not follow from what the protocol"
                         " trains", mend=mend)


def _share_seen(series: Series) -> np.ndarray:
    """(N,) share of the steps of the model's window with a clear look."""
    window, exported = series.cube.window, series.cube.exported
    return (series.counts[:, window.start - exported.start:window.stop - exported.start] > 0).mean(axis=1)
