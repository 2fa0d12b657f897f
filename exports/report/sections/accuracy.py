"""How right the models are on cells that did not teach, what they confuse, and where."""

from __future__ import annotations

from collections.abc import Iterator

from exports.report.document import Block, Code, Heading, Missing, Paragraph, Section, Table
from exports.report.reading import Material, Scores
from exports.report.sections.words import counted, score

_PAIRS, _CELLS = 8, 8
"""Rows of the tables of hotspots."""


def section(material: Material) -> Section:
    """Scores of every model; of the one that matters most, confusions and cells."""
    title, path = "Accuracy", material.name
    if not material.held_out and not material.target:
        return Section("accuracy", title, (
            Missing("No model has been judged yet.", f"agrispec-gee train {path}"),))
    blocks: list[Block] = [Paragraph((
        "Models are judged on samples of 0.1° cells that taught nothing. Macro-F1 is the mean over classes, so that"
        " rare ones count as much as common ones. Samples of one field resemble each other: with few cells these"
        " numbers say less than their number of samples suggests.",)), _models(material)]
    if not material.target:
        blocks.append(Missing(
            f"The labels of the {material.config.season.target} season have not been opened: how right models are in"
            " the season that is mapped is not known.", f"agrispec-gee evaluate {path}"))
    name = material.mapping_model
    if name is not None:
        blocks += _closer(material, name)
    return Section("accuracy", title, tuple(blocks))


def _models(material: Material) -> Table:
    target = material.config.season.target
    # Scores of two seasons make no order.
    names = sorted({*material.held_out, *material.target},
                   key=lambda name: (bool(material.target) and name not in material.target, _macro(material, name)))
    caption = "Scores on held-out cells of the labelled seasons, the worst first."
    if material.target:
        caption = "Scores on held-out cells, the worst in the season to map first" + (
            "; models that were not judged there stand last." if set(names) - set(material.target) else ".")
    return Table(
        caption=caption,
        head=("model", "macro-F1, labelled seasons", "accuracy", "samples", f"macro-F1, {target}", "accuracy",
              "samples"),
        rows=tuple((_known(material, name), *_numbers(material.held_out.get(name)),
                    *_numbers(material.target.get(name))) for name in names))


def _known(material: Material, name: str) -> str:
    """A model's name, and what it was shown that others were not."""
    review = material.taught_by_review.get(name)
    return f"{name} (taught by reviewed parcels of {review['season']})" if review else name


def _macro(material: Material, name: str) -> float:
    found = material.target.get(name) or material.held_out.get(name)
    return float(found.totals["macro_f1"]) if found else 0.0


def _numbers(found: Scores | None) -> tuple[str, str, str]:
    if found is None:
        return "-", "-", "-"
    return score(found.totals["macro_f1"]), score(found.totals["overall_accuracy"]), f"{found.totals['samples']:,}"


def _closer(material: Material, name: str) -> Iterator[Block]:
    judged = material.target if name in material.target else material.held_out
    found = judged[name]
    on = f"the {material.config.season.target} season" if judged is material.target else "the labelled seasons"
    mapped = ", which made the map" if material.card and material.card["model"] == name else ""
    yield Heading(f"What {name} confuses")
    yield Paragraph((f"Of {name}{mapped}, on held-out cells of {on}. Other models' tables lie in ", Code("report/"),
                     " beside this page."))
    yield _matrix(found)
    pairs = sorted(((count, truth, called) for truth, row in enumerate(found.counts) for called, count in enumerate(row)
                    if truth != called and count), reverse=True)
    if pairs:
        yield Table(
            caption=f"The pairs most confused{f', the first {_PAIRS} of {len(pairs)}' if len(pairs) > _PAIRS else ''}.",
            head=("truth", "called", "samples", "of the class"), rows=tuple(
                (found.names[truth], found.names[called], f"{count:,}", f"{count / sum(found.counts[truth]):.1%}")
                for count, truth, called in pairs[:_PAIRS]))
    if found.cells:
        worst = sorted(found.cells.items(), key=lambda item: item[1][1] / item[1][0])
        yield Table(
            caption="The worst cells, named by their south-west corner."
                    + (f" The first {_CELLS} of {len(worst)}." if len(worst) > _CELLS else
                       f" All {counted(len(worst), 'held-out cell')}."),
            head=("cell", "accuracy", "right", "samples"), rows=tuple(
                (cell, score(right / samples), f"{right:,}", f"{samples:,}") for cell, (samples, right)
                in worst[:_CELLS]))


def _matrix(found: Scores) -> Table:
    rows, shades = [], []
    for name, row in zip(found.names, found.counts, strict=True):
        total = sum(row)
        right = row[found.names.index(name)]
        rows.append((name, *(f"{count:,}" if count else "-" for count in row), score(right / total if total else None)))
        shades.append((0.0, *(count / total if total else 0.0 for count in row), 0.0))
    called = [sum(row[place] for row in found.counts) for place in range(len(found.names))]
    users = [score(found.counts[place][place] / count if count else None) for place, count in enumerate(called)]
    rows.append(("share of the called", *users, score(found.totals["overall_accuracy"])))
    shades.append((0.0,) * (len(found.names) + 2))
    return Table(caption="Confusion matrix in samples: rows are the truth, columns what the model called it. The"
                         " stronger a cell is shaded, the larger its share of the true class. Right: share of the class"
                         " found (producer's accuracy); below: share of what was called so that is so (user's"
                         " accuracy).",
                 head=("truth", *found.names, "share found"), rows=tuple(rows), shades=tuple(shades))
