"""Doubtful labels among the samples of a run: found and told, never taken away.

Three questions: which series are the same to the last bit, which are unlike the others of their class and season, and
which places or parcels have several labels in one season.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from agrispec.cube import CubeSpec
from agrispec.errors import DataError
from agrispec.harmonics import Harmonics
from agrispec.kernels import harmonics
from agrispec.sample import UNLABELLED

FEWEST = 32
"""Series of a class and season below which nobody can say what is usual there."""

SHARE = 0.05
"""Share of a class and season that is told as unlike the rest, unless another is asked for."""

# Sums of words times odd numbers modulo 2**64 (Dietzfelbinger et al. 1997): two series that differ share one by a
# chance of at most 2**-32 (their words have 32 bits), and so all four by at most 2**-128.
_FINGERPRINTS = 4
_TREES = 100
_SEED = 0
# Degrees: about a metre, where pixels are ten apart. A pixel has the same centre in two cells but for rounding.
_SAME_PLACE = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """What screening needs of N series; the series themselves need not stay in memory.

    Attributes:
        rows: (N,) int64 row numbers of the samples.
        fingerprints: (N, 4) uint64, equal where series are the same to the last bit.
        coefficients: (N, P · F) float32 harmonic coefficients of the cube's window.
        seen: (N,) whether the series has a clear look in the window.
    """

    rows: NDArray[np.int64]
    fingerprints: NDArray[np.uint64]
    coefficients: NDArray[np.float32]
    seen: NDArray[np.bool_]


def summary(rows: NDArray[np.int64], values: NDArray[np.float32], counts: NDArray[np.float32],
            cube: CubeSpec) -> Summary:
    """The summary of some series.

    Args:
        rows: (N,) row numbers of the samples.
        values: (N, T, F), T = `cube.exported.steps`; anything where the count is 0.
        counts: (N, T) clear looks of each step.
        cube: theirs.
    """
    looks = counts > 0
    # What unseen steps hold says nothing.
    flat = np.concatenate([np.where(looks[..., None], values, 0), counts[..., None]], axis=2, dtype=np.float32)
    words = np.ascontiguousarray(flat).view(np.uint32).reshape(len(values), -1).astype(np.uint64)
    factors = np.random.default_rng(_SEED).integers(0, 2**64, (words.shape[1], _FINGERPRINTS), np.uint64) | np.uint64(1)
    window = slice(cube.window.start - cube.exported.start, cube.window.stop - cube.exported.start)
    waves = Harmonics()
    found = harmonics.fit(values[:, window], looks[:, window], waves.design(cube), waves.penalties)
    return Summary(rows=rows, fingerprints=words @ factors, coefficients=found.reshape(len(values), -1),
                   seen=np.asarray(looks[:, window].any(axis=1)))


def joined(parts: Iterable[Summary]) -> Summary:
    """Summaries one after the other. Raises DataError: there is none."""
    found = list(parts)
    if not found:
        raise DataError("there is no series to screen", mend="export samples first")
    return Summary(rows=np.concatenate([part.rows for part in found]),
                   fingerprints=np.concatenate([part.fingerprints for part in found]),
                   coefficients=np.concatenate([part.coefficients for part in found]),
                   seen=np.concatenate([part.seen for part in found]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What was found.

    Attributes:
        doubtful: a row a doubtful sample, in the order of the samples: their columns, then
            `class`, the name of its label, null without one;
            `identical`, number of the set of series that are the same, -1 for a series of its own;
            `conflict`, number of the set of samples of one place or parcel, and of one season, that have several
            labels, -1 where they agree;
            `isolation`, how far it is from the others of its class and season, 0 to 1 as in Liu et al. (2008), NaN
            where nobody looked;
            `reasons`: "identical", "identical, of other label", "unlike its class", "several labels", by semicolons.
        classes: a row a class and season: `class`, `season`, `samples`, `unlike`; 0 of `unlike` also where there were
            too few to look.
        lines: what a person is told.
    """

    doubtful: pd.DataFrame
    classes: pd.DataFrame
    lines: tuple[str, ...]


def screen(samples: pd.DataFrame, found: Summary, class_names: tuple[str, ...], share: float = SHARE) -> Screening:
    """Looks for doubtful labels.

    A series without a clear look is left out of both comparisons, and counted. Unlike its class are the `share` of each
    class and season that a forest isolates soonest (Liu et al. 2008, https://doi.org/10.1109/ICDM.2008.17) by the
    harmonic coefficients: a list to look through, longest where there are most samples, of wrong and of rare series.
    Two crops declared for one parcel and season are told as several labels, too.

    Args:
        samples: columns of `agrispec.sample.Sample`, among them a row for each of `found.rows`; others are left out.
        found: their series.
        class_names: by class number.
        share: of each class and season that is told, above 0 and at most 1.

    Raises:
        DataError: a series has no sample.
    """
    at = pd.Index(samples["row"]).get_indexer(pd.Index(found.rows))
    if (at < 0).any():
        raise DataError(f"{int((at < 0).sum())} of {len(at)} series belong to no sample; the first is of row"
                        f" {found.rows[at < 0][0]}", mend="export again, or restore samples.parquet")
    order = np.argsort(at, kind="stable")
    table = samples.iloc[at[order]].reset_index(drop=True)
    labels, seen = table["label"].to_numpy(np.int64), found.seen[order]
    same = _repeated(pd.DataFrame(found.fingerprints[order]), seen)
    isolation, unlike, classes = _isolated(table, found.coefficients[order], seen, class_names, share)
    conflict = _conflicts(table, labels)
    other = _disagreeing(same, labels)
    names = np.array([*class_names, None], dtype=object)[labels]
    reasons = [("identical", (same >= 0) & ~other), ("identical, of other label", other), ("unlike its class", unlike),
               ("several labels", conflict >= 0)]
    told = pd.Series("", index=table.index)
    for reason, applies in reasons:
        told = told.where(~applies, told + np.where(told == "", reason, "; " + reason))
    whole = table.assign(**{"class": names, "identical": same, "conflict": conflict, "isolation": isolation,
                            "reasons": told})
    doubtful = whole[told != ""].reset_index(drop=True)
    return Screening(doubtful=doubtful, classes=classes,
                     lines=tuple(_lines(whole, doubtful, classes, int((~seen).sum()), share)))


def _repeated(keys: pd.DataFrame, asked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(N,) numbers of the sets of rows with the same keys, from 0; -1 for rows alone and those not asked for."""
    groups = keys[asked].groupby(list(keys.columns), sort=False).ngroup().to_numpy(np.int64)
    result = np.full(len(keys), -1, np.int64)
    result[asked] = np.where(np.bincount(groups)[groups] > 1, groups, -1) if len(groups) else groups
    return _numbered(result)


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers of groups without gaps, in order of their first rows; -1 stays."""
    result = np.full(len(groups), -1, np.int64)
    inside = groups >= 0
    result[inside] = pd.factorize(groups[inside])[0]
    return result


def _disagreeing(groups: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) whether a row is labelled and its group has another label, too."""
    known = (groups >= 0) & (labels != UNLABELLED)
    pairs = np.unique(np.stack([groups[known], labels[known]]), axis=1)
    several = np.bincount(pairs[0], minlength=groups.max(initial=-1) + 1) > 1
    disagreeing: NDArray[np.bool_] = known & np.append(several, False)[groups]
    return disagreeing


def _conflicts(table: pd.DataFrame, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) numbers of the sets of one place, or parcel, and season with several labels; -1 elsewhere."""
    known = labels != UNLABELLED
    place = pd.DataFrame({"season": table["season"], "lon": np.round(table["lon"] / _SAME_PLACE).astype(np.int64),
                          "lat": np.round(table["lat"] / _SAME_PLACE).astype(np.int64)})
    found = _repeated(place, known)
    found[~_disagreeing(found, labels)] = -1
    if "parcel" in table:
        of_parcel = _repeated(table[["season", "parcel"]], known & (table["parcel"] != "").to_numpy())
        of_parcel[~_disagreeing(of_parcel, labels)] = -1
        found = np.where(found >= 0, found, np.where(of_parcel >= 0, of_parcel + len(table), -1))
    return _numbered(found)


def _isolated(table: pd.DataFrame, coefficients: NDArray[np.float32], seen: NDArray[np.bool_],
              class_names: tuple[str, ...], share: float
              ) -> tuple[NDArray[np.float64], NDArray[np.bool_], pd.DataFrame]:
    """(N,) isolation, (N,) whether it is among the `share` of its class and season, and the counts."""
    score, unlike = np.full(len(table), np.nan), np.zeros(len(table), np.bool_)
    counts = []
    known = np.flatnonzero((table["label"] != UNLABELLED).to_numpy() & seen)
    group, kinds = pd.MultiIndex.from_frame(table[["label", "season"]].iloc[known]).factorize(sort=True)
    for number, (label, season) in enumerate(kinds):
        rows = known[group == number]
        if len(rows) >= FEWEST:
            forest = IsolationForest(n_estimators=_TREES, random_state=_SEED).fit(coefficients[rows])
            score[rows] = -forest.score_samples(coefficients[rows])
            first = np.argsort(-score[rows], kind="stable")[:int(np.ceil(share * len(rows)))]
            unlike[rows[first]] = True
        counts.append((class_names[label], season, len(rows), int(unlike[rows].sum())))
    return score, unlike, pd.DataFrame(counts, columns=["class", "season", "samples", "unlike"])


def _lines(whole: pd.DataFrame, doubtful: pd.DataFrame, classes: pd.DataFrame, unseen: int,
           share: float) -> Iterator[str]:
    same = whole[whole["identical"] >= 0].groupby("identical")
    mixed = whole.loc[whole["reasons"].str.contains("of other label"), "identical"].nunique()
    across = int((same["fold"].nunique() > 1).sum())
    yield f"{len(whole):,} series, {len(doubtful):,} of them doubtful; none is left out"
    if unseen:
        yield f"  without a clear look    {unseen:,}: neither compared nor doubted"
    yield (f"  identical               {same['row'].size().sum():,} in {same.ngroups:,} sets: {mixed:,} with several"
           f" labels, {across:,} in several folds")
    yield (f"  several labels          {(whole['conflict'] >= 0).sum():,} at {whole['conflict'].max() + 1:,} places or"
           " parcels of a season")
    yield (f"  unlike their class      {classes['unlike'].sum():,} of {classes['samples'].sum():,}: the {share:.3g} of"
           " each class and season that an isolation forest isolates soonest")
    for name, season, count, unlike in classes.itertuples(index=False):
        looked = f"{unlike:,} of {count:,}" if count >= FEWEST else f"{count:,} are too few to say"
        yield f"    {name}, {season}: {looked}"
