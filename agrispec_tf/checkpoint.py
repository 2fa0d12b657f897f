"""The whole state of a training after an epoch, in one file, and only for the training that it is of."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import keras
import numpy as np
from numpy.typing import NDArray

from agrispec.errors import CorruptRecord, SchemaMismatch
from agrispec.formats.atomic import remove_parts, replacing, storage_error
from agrispec_tf.data.samples import Samples

FILE = "checkpoint.npz"
"""Its name in a training's folder; it is there until the trained network is saved."""

_ANEW = "begin anew with --fresh, which discards it"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What training must know to go on as if it had never stopped.

    Order, draws and dropout follow from the seed, the number of the epoch and the state of the layers' own seed
    generators, which are among `state`; nothing else is random.

    Attributes:
        history: scores of the epochs that are done.
        times: Unix time at which each was done.
        best_epoch: the one with the highest score so far, 0 for none.
        best_score: its macro-F1 on the validation fold.
        best: weights of the network after it.
        state: every variable of the network in training and of its optimizer.
    """

    history: tuple[Mapping[str, float], ...]
    times: tuple[float, ...]
    best_epoch: int
    best_score: float
    best: Sequence[NDArray[Any]]
    state: Sequence[NDArray[Any]]

    def write(self, path: Path, of: Mapping[str, Any]) -> None:
        """Writes it for the training that `of` describes, JSON types only; all of it or nothing.

        Raises:
            StorageError: it cannot be written; the one that stood there still does, and a note says so.
        """
        card = {"of": of, "history": [dict(row) for row in self.history], "times": self.times,
                "best_epoch": self.best_epoch, "best_score": self.best_score}
        arrays = {"card": np.frombuffer(json.dumps(card).encode(), np.uint8),
                  **{f"best{number}": array for number, array in enumerate(self.best)},
                  **{f"state{number}": array for number, array in enumerate(self.state)}}
        try:
            with replacing(path) as file:
                _save(file, arrays)
        except Exception as error:
            if path.exists():
                error.add_note(f"{path} still holds the epoch before; the same command goes on from there")
            raise

    @classmethod
    def read(cls, path: Path, of: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint in a file; None where there is none.

        Raises:
            SchemaMismatch: it is of another training than `of`; what differs is named.
            CorruptRecord: it cannot be read.
        """
        if not path.exists():
            return None
        try:
            # Opened here: of a file that is no archive, NumPy would leave its own handle open.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                card = json.loads(found["card"].tobytes())
                theirs = card["of"]
                arrays = {name: found[name] for name in found.files}
            checkpoint = cls(history=tuple(card["history"]), times=tuple(card["times"]),
                             best_epoch=card["best_epoch"], best_score=card["best_score"],
                             best=_numbered(arrays, "best"), state=_numbered(arrays, "state"))
        except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, BadZipFile, zlib.error) as error:
            raise CorruptRecord(f"the checkpoint {path} cannot be read ({str(error) or type(error).__name__})",
                                mend=_ANEW) from error
        differing = _differences(json.loads(json.dumps(of)), theirs)
        if differing:
            raise SchemaMismatch(f"the checkpoint {path} is of another training: {'; '.join(differing)}",
                                 mend=f"restore what was changed to go on with it, or {_ANEW}")
        return checkpoint


def remove(path: Path) -> None:
    """Removes a checkpoint, if there is one, and what a killed process left of an unfinished one.

    Raises:
        StorageError: the file system refuses.
    """
    remove_parts(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(path, error) from error


def state_of(model: keras.Model) -> list[NDArray[Any]]:
    """Every variable of a compiled model and of its optimizer; what `restore` takes."""
    return [np.asarray(keras.ops.convert_to_numpy(variable.value)) for variable in _variables(model)]


def restore(model: keras.Model, state: Sequence[NDArray[Any]]) -> None:
    """Gives a compiled model, and its optimizer, the state of another one that was built the same way.

    Raises:
        CorruptRecord: the state has other variables.
    """
    variables = _variables(model)
    if [tuple(variable.shape) for variable in variables] != [array.shape for array in state]:
        raise CorruptRecord(f"the checkpoint's {len(state)} arrays are not the network's {len(variables)} variables",
                            mend=_ANEW)
    for variable, array in zip(variables, state, strict=True):
        variable.assign(array)


def digest_of(samples: Samples) -> str:
    """16 hexadecimal digits of what a network would see of samples: numbers, labels, ids and cells."""
    series = samples.series
    arrays: list[NDArray[Any]] = [series.values, series.counts, *([] if series.heat is None else [series.heat]),
                                  samples.labels, samples.ids.astype(str), samples.cells]
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array).data.cast("B") if array.dtype.kind != "U" and array.size
                     else array.tobytes())
    return found.hexdigest()[:16]


def _variables(model: keras.Model) -> list[Any]:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    # A metric's variables come into being with the first batch, and begin anew with every epoch.
    scores = {id(variable) for variable in model.metrics_variables}
    return [variable for variable in model.variables if id(variable) not in scores] + list(model.optimizer.variables)


def _save(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]


def _numbered(arrays: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    count = sum(key.startswith(name) for key in arrays)
    return [arrays[f"{name}{number}"] for number in range(count)]


def _differences(ours: Any, theirs: Any, name: str = "") -> list[str]:
    """What two descriptions differ in, by the names of their innermost entries."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return [line for key in sorted({*ours, *theirs})
                for line in _differences(ours.get(key), theirs.get(key), f"{name} {key}".strip())]
    return [] if ours == theirs else [f"its {name} is {theirs}, not {ours}"]
