"""A trained model, a network or trees, and the folder that keeps it."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.errors import AgrispecError, CorruptRecord, RunError
from agrispec_tf import backend
from agrispec_tf.data import vectors
from agrispec_tf.data.samples import Series
from agrispec_tf.data.vectors import VectorSpec
from exports import manifest
from exports.runs import MODEL_CARD

NETWORK, TREES = "model.keras", "trees.npz"
"""What was trained: a folder holds one of the two, and is known by it."""

CARD = MODEL_CARD
"""What it was trained on and how, as JSON."""

_HOMES = {NETWORK: "agrispec_tf.classifier", TREES: "agrispec_tf.baselines.baseline"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a kind of model says of one of its models, for the card that people read.

    Attributes:
        what: what it is and how large.
        reads: what is made of its cube's series, a line each.
        taught: how it was trained, a line each.
    """

    what: str
    reads: tuple[str, ...]
    taught: tuple[str, ...]


class Trained(Protocol):
    """A trained model: `agrispec_tf.classifier.Classifier` or `agrispec_tf.baselines.baseline.Baseline`.

    Attributes:
        cube: what it was trained on.
        class_names: C names by class number.
        training: how it was trained: seed, counts, versions; JSON types only.
        described: the same in words.
        pseudocount: added to each probability where a temperature is looked for (`calibration.temperature`).
    """

    @property
    def cube(self) -> CubeSpec | VectorSpec: ...

    @property
    def class_names(self) -> tuple[str, ...]: ...

    @property
    def training(self) -> Mapping[str, Any]: ...

    @property
    def described(self) -> Described: ...

    @property
    def pseudocount(self) -> float: ...

    def probabilities(self, series: Series, batch: int = ...) -> NDArray[np.float32]:
        """Class probabilities (N, C) of N series, `batch` of them at a time.

        Raises:
            SchemaMismatch: the series are of another cube.
        """

    def tempered(self, temperature: float) -> Self:
        """A copy whose probabilities are softmax(log p / T) of what was trained; classes stay what they are."""

    def save(self, folder: Path) -> None:
        """Writes the folder, which replaces one that is there; a failure leaves that one as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What `model.json` says.

    Attributes:
        architecture: word for what was trained.
        cube, class_names, training: as in `Trained`.
        own: what only this kind of model says, JSON types.
    """

    architecture: str
    cube: CubeSpec | VectorSpec
    class_names: tuple[str, ...]
    training: Mapping[str, Any]
    own: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Writes `model.json`."""
        table = {"architecture": self.architecture, **self.own, "cube": self.cube.to_table(),
                 "cube_digest": self.cube.digest, "classes": list(self.class_names), "training": dict(self.training)}
        (folder / CARD).write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Record:
        """What `write` wrote.

        Raises:
            ValueError, KeyError, TypeError, ConfigError, OSError: it cannot be read, or was edited.
        """
        table = json.loads((folder / CARD).read_text(encoding="utf-8"))
        cube = vectors.from_table(table.pop("cube"))
        if cube.digest != (said := table.pop("cube_digest")):
            raise ValueError(f"the cube's digest is {cube.digest}, not {said}")
        return cls(architecture=table.pop("architecture"), cube=cube, class_names=tuple(table.pop("classes")),
                   training=table.pop("training"), own=table)


@contextmanager
def reading(folder: Path, files: tuple[str, ...]) -> Iterator[Record]:
    """What `model.json` says, for a block that reads the other files; what fails in it is told as damage.

    Args:
        folder: of the model.
        files: names of all its files.

    Raises:
        RunError: a file is missing.
        CorruptRecord: a file is not readable, or the parts do not belong together.
    """
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise RunError(f"{folder} holds no model: {', '.join(missing)} is missing",
                       mend="train one first: agrispec-gee train RUN --model NAME")
    try:
        yield Record.read(folder)
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, OSError, BadZipFile, AgrispecError) as error:
        reason = str(error).strip().splitlines()
        raise CorruptRecord(f"the model in {folder} cannot be read ({reason[0] if reason else error!r})",
                            mend="train it again, or restore the folder from a copy") from error


def kind(folder: Path) -> str:
    """`NETWORK` or `TREES`.

    Raises:
        RunError: the folder holds neither.
    """
    for name in _HOMES:
        if (folder / name).is_file():
            return name
    raise RunError(f"{folder} holds no model: neither {NETWORK} nor {TREES} is there",
                   mend="train it again: agrispec-gee train RUN --model NAME")


def load(folder: Path) -> Trained:
    """The model of a folder. Keras is loaded for a network only.

    Raises:
        RunError: there is none.
        CorruptRecord: a file of it is not readable, or its parts do not belong together.
    """
    found = kind(folder)
    if found == NETWORK:
        backend.load()
    trained: Trained = importlib.import_module(_HOMES[found]).load(folder)
    return trained


def digest(folder: Path) -> str:
    """16 hexadecimal digits of what probabilities follow from.

    Raises:
        RunError: the folder holds no model.
        CorruptRecord: the card of trees is not readable.
    """
    trained = kind(folder)
    found = manifest.digest(folder / trained)
    if trained == NETWORK:
        return found  # its last layer holds the temperature
    with reading(folder, (TREES, CARD)) as record:
        temperature = float(record.own.get("temperature", 1))
    return hashlib.sha256(f"{found} T={temperature!r}".encode()).hexdigest()[:16]
