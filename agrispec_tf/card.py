"""The model card: what a trained model learnt from, how it scored where, and what nobody has tested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from agrispec_tf.conformal import COVERAGE
from agrispec_tf.data.samples import Samples, absent
from agrispec_tf.metrics import Confusion
from agrispec_tf.model_folder import Described, Trained
from agrispec_tf.trust import in_words

FILE = "card.md"
"""Its name in a model's folder."""

_FEW = 30
"""Held-out samples of a class below which the card warns: one sample more or less moves its recall by 3 points."""


def text(name: str, trained: Trained, folds: Mapping[str, Samples], scores: Confusion | None,
         trust: Mapping[str, Any], *, seasons: Sequence[int], target: int, simulated: bool) -> str:
    """The card of a model as Markdown.

    Args:
        name: of the model.
        trained: the model.
        folds: the labelled samples that it could see or is scored on, `training`, `validation` and `held out`.
        scores: on those that are held out; None where there are none.
        trust: `Trust.table` of those, and that `as_trained`; empty where there are none.
        seasons: the years in which the labelled seasons end.
        target: the year of the season to map.
        simulated: whether any scene was.
    """
    made, described = trained.training, trained.described
    parts = [f"# {name}\n", f"{described.what}, {len(trained.class_names)} classes. Exact settings and digests:"
             " model.json.\n"]
    if simulated:
        parts.append("**Trained on simulated scenes.** Nothing below is a statement about real fields.\n")
    if "from" in made:
        parts += ["## Origin\n", _items(_origins(made["from"]))]
    parts += ["## Data\n", f"Labelled samples of the seasons that end in {_listed(seasons)}"
              f"{', simulated' if simulated else ''}; folds are apart by 0.1 degree cells.\n",
              _data(folds, trained.class_names)]
    if "review" in made:
        parts.append(_reviewed(made["review"]))
    if made["training_samples"] < len(folds["training"]):
        parts.append(f"Of the training samples {made['training_samples']} were used, each class in its share.\n")
    if made.get("warmth_stops"):
        parts.append(f"The temperatures of {made['warmth_stops']} samples stop before their season does. A model on"
                     " thermal time takes them to go on as the training season did on average.\n")
    parts += ["## Input\n", _input(trained, described), "## Training\n", _training(trained, described),
              "## Scores on held-out cells\n", _scores(scores, folds["held out"], trained.class_names),
              "## Probabilities\n", _items(_probabilities(made.get("calibration"), trust)), "## Limits\n",
              _items(_limits(folds, scores, trained.class_names, seasons=seasons, target=target,
                             simulated=simulated))]
    return "\n".join(parts)


def _data(folds: Mapping[str, Samples], names: tuple[str, ...]) -> str:
    counts = [np.bincount(fold.labels, minlength=len(names)) for fold in folds.values()]
    rows = [[name, *(fold[number] for fold in counts)] for number, name in enumerate(names)]
    rows += [["all", *(len(fold) for fold in folds.values())],
             ["cells", *(len(np.unique(fold.cells)) for fold in folds.values())]]
    return _table(["class", *folds], rows)


def _reviewed(review: Mapping[str, Any]) -> str:
    """What of the training samples people judged."""
    by = _listed(f"{reviewer} ({count})" for reviewer, count in review["reviewers"].items())
    opened = (" Labels of the season to map were open to this model: a model without them is compared with it fairly on"
              " cells that were not reviewed alone, as `agrispec-gee evaluate` does." if review["target_open"] else "")
    gone = (f" Nor do {review['gone']} verdicts count, of parcels, or outlines of them, that the map did not have any"
            " more." if review["gone"] else "")
    return (f"Of the training samples {review['samples']} are pixels of {review['parcels']} parcels of season"
            f" {review['season']}, judged by {by}; verdicts {review['verdicts']}. Left out are {review['disputed']}"
            f" parcels that reviewers disagree about, and {review['held_out']} in cells of validation or test."
            f"{gone}{opened}\n")


def _input(trained: Trained, described: Described) -> str:
    cube = trained.cube
    first, last = cube.window.start * cube.step_days + 1, cube.window.stop * cube.step_days
    return _items([f"{cube.window.steps} steps of {cube.step_days} days, days {first} to {last} of the season",
                   f"features: {_listed(cube.features)}", *described.reads, f"cube {cube.digest}"])


def _training(trained: Trained, described: Described) -> str:
    versions = (f"{name} {version}" for name, version in trained.training["versions"].items())
    return _items([*described.taught, _listed(versions)])


def _origins(origin: Mapping[str, Any] | None) -> Iterable[str]:
    """A line for the model that training began from, and for each that was before it."""
    begun = "fine-tuned from"
    while origin:
        taught = origin["training"]
        seasons = f" of the seasons that end in {_listed(taught['seasons'])}" if "seasons" in taught else ""
        yield (f"{begun} {origin['model']} ({origin['digest']}), which had learnt {_listed(origin['classes'])} from"
               f" {taught['training_samples']} {'simulated ' * taught.get('simulated', False)}samples{seasons}; nothing"
               " below counts these")
        origin, begun = taught.get("from"), "that one was fine-tuned from"


def _scores(scores: Confusion | None, held_out: Samples, names: tuple[str, ...]) -> str:
    if scores is None:
        return "None: the split holds no labelled sample out.\n"
    rows = [[name, int(n), f"{p:.3f}", f"{r:.3f}", f"{f:.3f}"] if n else [name, 0, "", "", ""]
            for name, n, p, r, f in zip(names, scores.support, scores.precision, scores.recall, scores.f1, strict=True)]
    return (f"Accuracy {scores.accuracy:.3f}, macro-F1 {scores.macro_f1:.3f}, on {len(held_out)} samples of"
            f" {len(np.unique(held_out.cells))} cells, one seed.\n\n"
            + _table(["class", "n", "precision", "recall", "F1"], rows))


def _probabilities(made: Mapping[str, Any] | None, trust: Mapping[str, Any]) -> Iterable[str]:
    if not made or (not made["samples"] and "held_out" not in made):
        yield ("They have not been calibrated, since no labelled sample is in the validation cells: 0.9 need not mean"
               " right nine times in ten.")
    if made and "held_out" in made:
        yield from _held_out(made["temperature"], made["held_out"])
    elif made and made["samples"]:
        yield (f"Logits are divided by T = {made['temperature']:.3f}, under which the labels of the"
               f" {made['samples']} validation samples are likeliest; no class changes by it.")
    if made and made["samples"]:
        yield (f"With a probability of {made['least']:.3f} or more a class is in the set of a sample. Sets are to hold"
               f" the true class in {COVERAGE:.0%}, if samples are like those of the validation cells.")
    if trust:
        yield f"On held-out cells: {in_words(trust)}. As trained the ECE was {trust['as_trained']['ece']:.3f}."


def _held_out(temperature: float, made: Mapping[str, Any]) -> Iterable[str]:
    """Where a temperature is from that held-out regions or seasons call for."""
    of = f"{made['group_is']}s"
    yield (f"Logits are divided by T = {temperature:.3f}, under which the labels of {made['samples']} samples of the"
           f" {of} {_listed(made['ece'])} are likeliest, each {made['group_is']} as models saw it that it had taught"
           f" nothing (`evaluate --protocol {made['protocol']}`); no class changes by it."
           + ("" if made["cells_temperature"] is None else
              f" By the validation cells it would be {made['cells_temperature']:.3f}."))
    worth = (f"{group} {others:.3f}{'' if cells is None else f' in place of {cells:.3f} with that of cells'}"
             for group, (cells, others) in made["ece"].items())
    yield f"With the temperature of the other {of} the ECE of such models was: {', '.join(worth)}."


def _limits(folds: Mapping[str, Samples], scores: Confusion | None, names: tuple[str, ...], *,
            seasons: Sequence[int], target: int, simulated: bool) -> Iterable[str]:
    if simulated:
        yield "Trained and scored on simulated scenes: how it does on real ones is not known."
    yield (f"Not scored here on season {target}, nor on any season but {_listed(seasons)}; `agrispec-gee evaluate`"
           f" scores it on {target} where labels of that season exist.")
    yield "Not scored outside the area of these cells, on other sensors, or on crops that are none of its classes."
    yield ("What is said of its probabilities holds for cells like these; in another season or region they promise"
           " nothing until `agrispec-gee evaluate` has measured them.")
    for fold in ("validation", "held out"):
        if len(folds[fold]) and (missing := absent(folds[fold], names)):
            yield f"No {fold} sample is of class {', '.join(missing)}."
    if scores is not None:
        few = [name for name, n in zip(names, scores.support, strict=True) if 0 < n < _FEW]
        if few:
            yield f"Fewer than {_FEW} held-out samples are of class {', '.join(few)}: their scores are rough."
        yield "Samples of one cell resemble each other, so the scores are less certain than their number suggests."


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(str(value) for value in line)} |\n" for line in lines)


def _items(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _listed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)
