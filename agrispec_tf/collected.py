"""A run's samples with their cubes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.errors import DataError, SchemaMismatch
from agrispec.sample import UNLABELLED
from agrispec_tf import run_models
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.data.thermal_axis import continued
from agrispec_tf.model_folder import Trained
from exports import manifest, samples, shards
from exports.review import taught
from exports.runs import Run


class Collected:
    """A run's samples with their cubes; the target's labels are not in it, but those that reviewers gave, if asked for.

    Args:
        run: an exported run.
        config: its configuration.
        reviewed: whether what reviewers agreed on joins the training samples, see `exports.review.fetching`.

    Raises:
        RunError: the run is not exported yet.
        SchemaMismatch: the cubes belong to other samples, were labelled with other classes, or are of another cube.
        DataError: a sample has no cube.
    """

    def __init__(self, run: Run, config: Config, *, reviewed: bool = False) -> None:
        self._run = run
        self.table = samples.read(run.need(run.samples, "export"))
        self.digest = manifest.digest(run.samples)
        found = shards.sampling_for(run.need(run.shards, "export"), run.samples)
        ours = shards.Sampling.of(self.digest, config.taxonomy)
        if found.classes != ours.classes:
            raise SchemaMismatch(f"the samples were labelled as {_said(found.classes)}, the configuration has"
                                 f" {_said(ours.classes)}",
                                 mend=f"restore [[classes]], or export again with: agrispec-gee export {run.path}")
        cubes = shards.read(run.shards, config.spec)
        if not np.array_equal(cubes.rows, self.table["row"].to_numpy()):
            raise DataError(f"{run.shards} holds {len(cubes.rows)} cubes for the {len(self.table)} samples of"
                            f" {run.samples}", mend=f"export again with: agrispec-gee export {run.path}")
        self.provenance: dict[str, Any] = {"samples": self.digest, "seasons": list(config.season.source),
                           "simulated": manifest.simulated(run.path)}
        self.series = Series(cube=config.spec, values=cubes.values, counts=cubes.counts, heat=cubes.heat)
        if self.series.heat is not None:
            self.provenance["warmth_stops"] = continued(self.series)
        self._target = config.season.target
        self._reviewed: Samples | None = None
        if reviewed:
            self._reviewed, self.provenance["review"] = _judged(run, config)

    def labelled(self, fold: str, seasons: Collection[int] | None = None) -> Samples:
        """The source seasons' samples of a fold, or those of some of these seasons; to all that train, what reviewers
        agreed on is added."""
        chosen = (self.table["fold"] == fold) & (self.table["label"] != UNLABELLED)
        if seasons is not None:
            chosen &= self.table["season"].isin(seasons)
        found = self._samples(chosen.to_numpy(), self.table["label"].to_numpy())
        return found.joined(self._reviewed) if self._reviewed and fold == "train" and seasons is None else found

    def sources(self) -> Samples:
        """The source seasons' samples of all folds, whose ids are their rows in `table`."""
        return self._samples((self.table["label"] != UNLABELLED).to_numpy(), self.table["label"].to_numpy())

    def target(self, fold: str) -> Series:
        """The target season's series of a fold."""
        chosen = (self.table["fold"] == fold) & (self.table["season"] == self._target)
        return self.series.take(chosen.to_numpy())

    def judged(self, fold: str, truth: pd.DataFrame) -> Samples:
        """The target season's samples of a fold whose label `truth` knows; for evaluation."""
        labels = self.table["row"].map(truth.set_index("row")["label"]).fillna(UNLABELLED).to_numpy(np.int64)
        chosen = (self.table["fold"] == fold) & (self.table["season"] == self._target)
        return self._samples(chosen.to_numpy() & (labels != UNLABELLED), labels)

    def check_taught(self, model: str, trained: Trained) -> None:
        """Checks that a model of the run was trained on these samples, so that what is held out is new to it.

        Raises:
            SchemaMismatch: it was not.
        """
        if trained.training["samples"] != self.digest:
            raise SchemaMismatch(f"{model} was trained on other samples than those of {self._run.samples}: what is held"
                                 " out now may have taught it",
                                 mend=f"make it again with: {run_models.made_by(self._run, model, trained)}")

    def _samples(self, chosen: NDArray[np.bool_], labels: NDArray[np.int64]) -> Samples:
        return Samples(series=self.series.take(chosen), labels=labels[chosen].astype(np.int64),
                       cells=self.table["cell"].to_numpy(str)[chosen], ids=self.table["row"].to_numpy()[chosen])


def _judged(run: Run, config: Config) -> tuple[Samples, dict[str, Any]]:
    """What reviewers agreed on, as samples, and what a model's card tells of it. Raises as `taught.read`."""
    cubes, table, about = taught.read(run, config)
    series = Series(cube=config.spec, values=cubes.values, counts=cubes.counts, heat=cubes.heat)
    # Their rows are numbered apart from those of samples.parquet.
    return (Samples(series=series, labels=table["label"].to_numpy(np.int64), cells=table["cell"].to_numpy(str),
                    ids=-1 - table["row"].to_numpy(np.int64)),
            {**about, "target_open": about["season"] == config.season.target})


def _said(classes: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join(f"{name} ({' '.join(map(str, codes))})" for name, codes in classes)
