"""CropGlobe's files, read as tables of features and labels."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec, preset
from agrispec.errors import CorruptRecord, DataError, SchemaMismatch
from agrispec_tf.cropglobe.labels import CLASSES
from agrispec_tf.data.samples import Samples, Series
from agrispec_tf.data.vectors import VectorSpec

# Countries and file names: https://github.com/x-ytong/CropNet
COUNTRIES = ("ARG", "AUS", "BEL", "CHN", "FRA", "GBR", "NLD", "USA")

SERIES = "series"

FILES: Mapping[str, str] = {
    SERIES: "median_S2_{}_month1-12_day5.npz",
    "harmonic": "harmonic_{}_month5-11.npz",
    "presto": "presto_embedding_S2_{}.npz",
    "presto-maynov": "presto_embedding_S2_{}_MayNov.npz",
    "alphaearth": "alphaearth_embedding_{}.npz",
}
"""File names by what the files hold: series of ten bands, or one vector a sample."""

VECTORS = tuple(kind for kind in FILES if kind != SERIES)
"""The kinds that hold vectors."""

# What reading a damaged archive raises, found by damaging archives: RuntimeError where a bit says that it is encrypted
# or packed in another way, TokenError and TypeError where an array's header is no Python any more.
_DAMAGED = (OSError, ValueError, EOFError, BadZipFile, zlib.error, RuntimeError, TokenError, TypeError, MemoryError)

CUBE = preset("cropnet-5d")
"""What the series are read as: (N, 10 bands, 73 steps) in the files, steps first here."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """What one file holds, each feature array once.

    Attributes:
        country: one of `COUNTRIES`.
        kind: one of `FILES`.
        path: the file.
        values: (N, 73, 10) float32 series in the cube's order, or (N, D) vectors, as published: the files name
            no unit. Tables of numbers for each sample, (N, A, B), are vectors row after row.
        labels: (N,) codes, which `CLASSES` names.
        duplicates: samples left out because an earlier one has the same features.
        contradictions: how many of those have another label than that earlier one.
    """

    country: str
    kind: str
    path: Path
    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    duplicates: int
    contradictions: int

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def codes(self) -> NDArray[np.int64]:
        """The codes that occur, sorted."""
        return np.unique(self.labels)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Table:
        """Some rows, by number or mask."""
        return Table(country=self.country, kind=self.kind, path=self.path, values=self.values[rows],
                     labels=self.labels[rows], duplicates=self.duplicates, contradictions=self.contradictions)

    def samples(self, codes: NDArray[np.int64]) -> Samples:
        """Its series as samples of the cube `CUBE`, every step seen once; its vectors as series of one step.

        The class number of a sample is its code's place in `codes`. The files know no places: each sample is
        a cell of its own.
        """
        cube: CubeSpec | VectorSpec = CUBE
        values = self.values
        if self.kind != SERIES:
            cube, values = VectorSpec(kind=self.kind, length=values.shape[1]), values[:, None]
        series = Series(cube=cube, values=values, counts=np.ones(values.shape[:2], np.float32))
        ids = np.array([f"{self.country}-{row}" for row in range(len(self))], dtype=np.str_)
        return Samples(series=series, labels=np.searchsorted(codes, self.labels), cells=ids, ids=ids)

    def told(self) -> str:
        """One line on what was read."""
        counts = np.bincount(self.labels, minlength=len(CLASSES))
        crops = ", ".join(f"{name} {count}" for name, count in zip(CLASSES, counts, strict=True) if count)
        lowest, highest = float(self.values.min()) + 0.0, float(self.values.max()) + 0.0
        return (f"{self.country} {self.kind}: {len(self)} samples ({crops}); {self.duplicates} duplicates left out,"
                f" {self.contradictions} of them with another label; values {lowest:.4g} to {highest:.4g}")


def present(folder: Path, kinds: Iterable[str] = (SERIES,)) -> tuple[str, ...]:
    """The countries whose files of some kinds all lie in a folder, or in folders of it."""
    wanted = tuple(kinds)
    return tuple(country for country in COUNTRIES if all(_found(folder, country, kind) for kind in wanted))


def read(folder: Path, country: str, kind: str = SERIES) -> Table:
    """A country's file of a kind, found in `folder` or in a folder of it.

    Raises:
        DataError: there is no such file or more than one, or its numbers are no features and labels.
        SchemaMismatch: its keys or shapes are others.
        CorruptRecord: it cannot be read.
    """
    found = _found(folder, country, kind)
    if len(found) != 1:
        name = FILES[kind].format(country)
        said = f"{folder} holds no {name}" if not found else f"{folder} holds {name} {len(found)} times"
        raise DataError(said, mend="give the folder of the downloaded CropGlobe, with each file in it once")
    features, labels = _arrays(found[0])
    _check(found[0], features, labels, kind)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(features.transpose(0, 2, 1) if kind == SERIES
                                      else features.reshape(len(features), -1), np.float32)
    broken = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    if broken.any():
        raise DataError(f"{int(broken.sum())} of {len(values)} samples in {found[0]} hold what is no finite number, the"
                        f" first of them sample {int(broken.argmax())}",
                        mend="leave them out of the file, or fill their gaps")
    kept, first = _unique(values)
    codes = labels.ravel().astype(np.int64)
    return Table(country=country, kind=kind, path=found[0], values=values[kept], labels=codes[kept],
                 duplicates=len(values) - len(kept), contradictions=int((codes != codes[first]).sum()))


def _found(folder: Path, country: str, kind: str) -> list[Path]:
    name = FILES[kind].format(country)
    return sorted([*folder.glob(name), *folder.glob(f"*/{name}")])


def _arrays(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    try:
        with open(path, "rb") as file:
            arrays = np.load(file, allow_pickle=False)
            names = sorted(arrays.files) if isinstance(arrays, np.lib.npyio.NpzFile) else []
            if not {"fea", "lbl"} <= set(names):
                raise SchemaMismatch(f"{path} holds {', '.join(map(_printable, names)) or 'no named arrays'}, not fea"
                                     " and lbl",
                                     mend="download it again, or give the folder of CropGlobe")
            return arrays["fea"], arrays["lbl"]
    except _DAMAGED as error:
        reason = str(error).splitlines()
        raise CorruptRecord(f"{path} cannot be read ({reason[0] if reason else type(error).__name__})",
                            mend="download it again") from error


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _check(path: Path, features: NDArray[np.generic], labels: NDArray[np.generic], kind: str) -> None:
    count, columns = len(labels) if labels.ndim else 0, len(CUBE.features)
    wanted = f"(N, {columns}, {CUBE.exported.steps})" if kind == SERIES else "(N, D)"
    # Vectors may be tables, say of coefficients by series, which the released comparison strings out as well.
    shaped = (features.shape[1:] == (columns, CUBE.exported.steps) if kind == SERIES
              else features.ndim in (2, 3) and 0 not in features.shape[1:])
    if not shaped or labels.size != count or len(features) != count:
        raise SchemaMismatch(f"{path} holds fea of shape {features.shape} and lbl of shape {labels.shape}, not"
                             f" {wanted} and (N,)", mend="give the file as it is published, or download it again")
    if not count:
        raise DataError(f"{path} holds no samples", mend="download it again")
    if features.dtype.kind not in "fiu" or labels.dtype.kind not in "fiu":
        raise SchemaMismatch(f"{path} holds {features.dtype} features and {labels.dtype} labels, not numbers",
                             mend="give the file as it is published, or download it again")
    codes = np.unique(labels)
    strange = codes[~np.isin(codes, np.arange(len(CLASSES)))]
    if len(strange):
        raise DataError(f"{path} holds the label {strange[0]}, the codes are 0 ({CLASSES[0]}) to"
                        f" {len(CLASSES) - 1} ({CLASSES[-1]})", mend="leave samples of other labels out of the file")


def _unique(values: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows that no earlier row equals, in order, and for each row the first one equal to it (N,)."""
    rows = (values.reshape(len(values), -1) + np.float32(0)).view(np.dtype((np.void, values[0].size * 4))).ravel()
    _, place, group = np.unique(rows, return_index=True, return_inverse=True)
    return np.sort(place), place[group]
