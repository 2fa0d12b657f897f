"""What a protocol found, in words: a few lines for the terminal, a page for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agrispec.formats.markdown import Table, piped
from agrispec_tf import intervals
from agrispec_tf.protocols.names import DATE, REGION, SEASON, SPATIAL
from agrispec_tf.protocols.results import Results
from agrispec_tf.protocols.scores import Row
from agrispec_tf.protocols.temperatures import Calibration
from exports.terminal import aligned

_ASKED = {
    SPATIAL: "Five folds of whole 0.1 degree cells: each is judged by what the other four taught.",
    REGION: "Each region is judged by what all others taught.",
    SEASON: "Each season is judged by what the others taught, on cells that did not teach either.",
    DATE: "For each date models were trained and judged on what was seen until then, on cells that did not teach.",
}
_MOST_SHOWN = 3


def lines(found: Results) -> Iterator[str]:
    """The lines for the terminal, the worst first."""
    yield f"{found.protocol}{_marked(found)}: {_extent(found)}"
    yield ""
    yield from aligned(_groups(found), ["model"])
    yield ""
    yield from aligned(_overall(found), ["model"])
    yield ""
    if found.calibration:
        yield from aligned(_confidence(found, found.calibration), ["model"])
        yield ""
    for model in found.models:
        pairs = [row for row in found.confused if row["model"] == model][:_MOST_SHOWN]
        if pairs:
            yield f"{model} confuses most: " + ", ".join(_pair(row) for row in pairs)
    if found.in_no_parcel:
        yield f"{found.in_no_parcel} of {_samples(found)} samples lie in no parcel"


def markdown(found: Results, pictures: Sequence[tuple[str, str]]) -> str:
    """The page of the report.

    Args:
        found: what it is of.
        pictures: file and description of each picture beside the page.
    """
    parts = [f"# {found.protocol}{_marked(found)}", "", f"{_ASKED[found.protocol]} {_extent(found).capitalize()}.",
             "", "Scores are means over seeds, ± their standard deviation; macro-F1 is over the classes that the judged"
             " samples of a row are of, so rows with other classes do not compare number by number. Intervals hold 95 %"
             f" of {intervals.DRAWS} draws of cells;"
             f" gains are those on {found.models[0]}, on the same draws. *Class mix differs* is the share of the judged"
             " samples that would have to be of another class for their mix to be that of the samples that taught"
             " (total variation distance; the mean of a group's trainings, where there are several).", ""]
    for title, table in _tables(found):
        parts += [f"## {title}", "", *piped(table), ""]
    if found.calibration:
        parts += ["## What confidences are worth, the worst first", "", *piped(_confidence(found, found.calibration)),
                  "", *_temperatures(found, found.calibration), ""]
    if found.in_no_parcel is not None:
        parts += [f"{found.in_no_parcel} of {_samples(found)} samples lie in no parcel.", ""]
    for file, described in pictures:
        parts += [f"![{described}]({file})", "", described + ".", ""]
    return "\n".join(parts)


def _tables(found: Results) -> Iterator[tuple[str, Table]]:
    of = f", {_last(found)}" if found.protocol == DATE else ""
    order = "in their order" if found.protocol == DATE else "the worst first"
    yield f"By {found.group_is}, {order}", _groups(found)
    yield f"All samples{of}", _overall(found)
    yield f"Most confused{of}", [["model", "truth", "called", "samples a seed", "of the class"], *(
        [row["model"], row["truth"], row["called"], f"{row['samples']:.1f}", f"{row['rate']:.0%}"]
        for row in found.confused)]
    if found.by_parcel_size is not None:
        yield f"By parcel size{of}", _parts(found.by_parcel_size, "parcel")
    yield f"By steps with a clear look{of}", _parts(found.by_clear_looks, "steps seen")
    groups = list(dict.fromkeys(row["group"] for row in found.class_mix))
    if found.protocol == DATE:  # of all dates the same
        groups = groups[:1]
    shares = {(row["group"], row["class"]): f"{row['taught']:.1%} / {row['judged']:.1%}" for row in found.class_mix}
    yield "Class mix, taught / judged", [["class", *("all dates" if found.protocol == DATE else group
                                                     for group in groups)], *(
        [name, *(shares[group, name] for group in groups)] for name in found.class_names)]


def _groups(found: Results) -> Table:
    return [[found.group_is, "model", "macro-F1", "worst seed", "worst class", "accuracy", "samples", "cells",
             "class mix differs"], *(
        [row["group"], row["model"], *_scores(row), str(row["samples"]), str(row["cells"]), f"{row['prior_shift']:.1%}"]
        for row in found.groups)]


def _overall(found: Results) -> Table:
    several = len(found.models) > 1
    head = [_last(found) if found.protocol == DATE else f"all {found.group_is}s", "macro-F1", "interval over cells",
            "worst class", "accuracy"]
    rows = []
    for row in found.overall:
        macro, _, worst, accuracy = _scores(row)
        rows.append([row["model"], macro, _interval(row["macro_f1_interval"]), worst, accuracy])
        if several:
            gain = f"{row['macro_f1_gain']:+.3f} {_interval(row['macro_f1_gain_interval'], '+')}" \
                if "macro_f1_gain" in row else "-"
            rows[-1].append(gain)
    return [[*head, *([f"macro-F1 against {found.models[0]}"] if several else [])], *rows]


def _confidence(found: Results, calibration: Calibration) -> Table:
    others = f"T of other {found.group_is}s"
    return [[found.group_is, "model", "accuracy", "T of cells", "confidence", "ECE", others, "confidence", "ECE"], *(
        [row["group"], row["model"], f"{row['accuracy']:.3f}", *(
            _number(row[f"{source}_{name}"], places) for source in ("cells", "others")
            for name, places in (("temperature", 2), ("confidence", 3), ("ece", 3)))] for row in calibration.rows)]


def _temperatures(found: Results, calibration: Calibration) -> Iterator[str]:
    yield (f"Confidence is the mean probability of the likeliest class, and should be the accuracy; the ECE, expected"
           f" calibration error, is how far the two are apart in the mean over 15 bins of confidence. With *T of cells*"
           f" logarithms of probabilities are divided by the temperature that suits other cells of what taught, as"
           f" `agrispec-gee train` does; with *T of other {found.group_is}s* by the one that suits these, each as it"
           f" was held out. No {found.group_is} chooses its own temperature; its labels have taught the models that the"
           f" others are judged by.")
    yield ""
    yield (f"The temperature of all {found.group_is}s together, for one that is none of them: "
           + ", ".join(f"{model} {degrees:.2f}" for model, degrees in calibration.of_all.items())
           + ". `--calibrate` gives it to the run's models.")


def _number(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _parts(rows: Sequence[Row], what: str) -> Table:
    return [[what, "model", "macro-F1", "worst seed", "worst class", "accuracy", "samples", "classes"], *(
        [row["group"], row["model"], *_scores(row), str(row["samples"]), str(row["classes"])] for row in rows)]


def _scores(row: Row) -> list[str]:
    return [f"{row['macro_f1']:.3f} ± {row['macro_f1_sd']:.3f}", f"{row['macro_f1_worst_seed']:.3f}",
            f"{row['worst_class']} {row['worst_class_f1']:.3f}", f"{row['accuracy']:.3f} ± {row['accuracy_sd']:.3f}"]


def _interval(ends: Sequence[float], sign: str = "") -> str:
    return f"[{ends[0]:{sign}.3f}, {ends[1]:{sign}.3f}]"


def _pair(row: Row) -> str:
    return f"{row['truth']} called {row['called']} {row['rate']:.0%} (of {row['samples'] / row['rate']:.0f})"


def _last(found: Results) -> str:
    """The last date."""
    return f"until {found.groups[-1]['group']}"


def _samples(found: Results) -> int:
    return int(found.overall[0]["samples"])


def _extent(found: Results) -> str:
    """What was used: e.g. 423 samples of 58 cells, season 2023, 5 seeds."""
    many = len(found.seasons) > 1
    years = ", ".join(map(str, found.seasons))
    return (f"{_samples(found)} labelled samples of {found.overall[0]['cells']} cells, season{'s' * many} {years};"
            f" {found.seeds} seed{'s' * (found.seeds > 1)}")


def _marked(found: Results) -> str:
    return " (simulated)" if found.simulated else ""
