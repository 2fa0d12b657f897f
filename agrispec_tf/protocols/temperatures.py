"""What a temperature is worth in a season or region that had no part in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from agrispec_tf import calibration
from agrispec_tf.calibration import Reliability
from agrispec_tf.protocols.judging import Answers
from agrispec_tf.protocols.scores import Row, Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperatures:
    """The temperatures of one kind of model.

    Attributes:
        on_cells: by held-out group, that of cells which did not teach, of what is not held out: all that can be known
            before the group's labels are. None of a group where these cells could not be divided.
        of_others: by held-out group, that of all other groups, each as it was held out: its own labels, which choose
            nothing for itself, have taught the models that the others were judged by.
        of_all: that of all groups, each as it was held out, for a season or region that is none of them.
        pseudocount: with which they were looked for.
    """

    on_cells: Mapping[str, float]
    of_others: Mapping[str, float]
    of_all: float
    pseudocount: float

    @classmethod
    def found(cls, held_out: Sequence[Answers], on_cells: Sequence[Answers], labels: NDArray[np.integer],
              pseudocount: float) -> Temperatures:
        """The temperatures under which labels are likeliest, those of all seeds together.

        Args:
            held_out: two groups or more, each judged by what it did not teach.
            on_cells: of the same groups, judged on cells of what taught, see `trials.on_cells`.
            labels: (N,) class numbers of all samples.
            pseudocount: added to each probability.
        """
        def likeliest(answers: Sequence[Answers]) -> float:
            given = np.concatenate([seed for one in answers for seed in one.probabilities])
            truth = np.concatenate([labels[one.rows] for one in answers for _ in one.probabilities])
            return calibration.temperature(given, truth, pseudocount)

        return cls(on_cells={one.group: likeliest([one]) for one in on_cells},
                   of_others={one.group: likeliest([other for other in held_out if other.group != one.group])
                              for one in held_out},
                   of_all=likeliest(held_out), pseudocount=pseudocount)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What temperatures are worth where they were not found.

    Attributes:
        rows: one for each group and model, the worst group first, by the mean of the models' `others_ece`. Beside
            `samples` and `accuracy`, with the temperature of cells and with that of the other groups, `cells_…` and
            `others_…`: `temperature`, mean `confidence` and expected calibration error `ece`. Scores are means over
            seeds. Those of cells are None where there are none.
        of_all: by model, the temperature of all groups together.
        reliability: by model, that of all samples, of the first seed, by whose temperature it is: that of `cells`,
            where every group has one, then that of `others`.
    """

    rows: Sequence[Row]
    of_all: Mapping[str, float]
    reliability: Mapping[str, Mapping[str, Reliability]]

    @classmethod
    def of(cls, truth: Truth, answers: Mapping[str, Sequence[Answers]],
           temperatures: Mapping[str, Temperatures]) -> Calibration:
        """What each model's temperatures do to its answers, those to what was held out."""
        rows: list[Row] = []
        reliability: dict[str, dict[str, Reliability]] = {}
        for model, groups in answers.items():
            used = temperatures[model]
            first_seeds: dict[str, list[Reliability]] = {"cells": [], "others": []}
            for one in groups:
                labels = truth.labels[one.rows]
                row = {"group": one.group, "model": model, "samples": len(one.rows),
                       "accuracy": float((one.predicted == labels).mean())}
                for source, by_group in (("cells", used.on_cells), ("others", used.of_others)):
                    temperature = by_group.get(one.group)
                    found = [] if temperature is None else [
                        Reliability.of(_tempered(seed, temperature, used.pseudocount), labels)
                        for seed in one.probabilities]
                    row |= {f"{source}_{name}": value for name, value in _worth(temperature, found).items()}
                    first_seeds[source] += found[:1]
                rows.append(row)
            # Curves of different samples would not compare.
            reliability[model] = {source: reduce(add, of_groups) for source, of_groups in first_seeds.items()
                                  if len(of_groups) == len(groups)}
        mean = {row["group"]: np.mean([same["others_ece"] for same in rows if same["group"] == row["group"]])
                for row in rows}
        rows.sort(key=lambda row: (-mean[row["group"]], row["group"], -row["others_ece"]))
        return cls(rows=rows, of_all={model: used.of_all for model, used in temperatures.items()},
                   reliability=reliability)

    @property
    def table(self) -> Mapping[str, object]:
        """All of it as JSON types."""
        return {"rows": list(self.rows), "of_all": dict(self.of_all), "reliability": {
            model: {source: found.table for source, found in curves.items()}
            for model, curves in self.reliability.items()}}

    def worth(self, model: str) -> Mapping[str, list[float | None]]:
        """By group, the calibration error of a model with the temperature of cells and with that of other groups."""
        return {row["group"]: [row["cells_ece"], row["others_ece"]] for row in self.rows if row["model"] == model}


def _worth(temperature: float | None, found: Sequence[Reliability]) -> Row:
    """A temperature and the scores of its seeds; None where there is none."""
    return {"temperature": temperature,
            "confidence": float(np.mean([it.confidence.sum() / it.counts.sum() for it in found])) if found else None,
            "ece": float(np.mean([it.ece for it in found])) if found else None}


def _tempered(probabilities: NDArray[np.float32], temperature: float, pseudocount: float) -> NDArray[np.float32]:
    # As models do it: at T = 1 probabilities stay as they are, and no pseudocount is added.
    return probabilities if temperature == 1 else calibration.tempered(probabilities, temperature, pseudocount)
