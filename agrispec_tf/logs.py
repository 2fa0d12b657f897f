"""What can be watched while a network trains: a table of the epochs' scores, and the same for TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from agrispec.formats import events
from agrispec.formats.atomic import storage_error, write_files

HISTORY, EVENTS = "history.csv", "scores.tfevents"
"""The files of a training's folder; `tensorboard --logdir RUN/model` shows the second of every model."""


class Logs:
    """The logs of one training.

    Args:
        folder: where they are.
        rows: scores of the epochs that are done already, where a training goes on; anything else that an earlier
            training left in the files is gone.
        times: Unix time of each.

    Raises:
        StorageError: a file cannot be written.
    """

    def __init__(self, folder: Path, rows: Sequence[Mapping[str, float]], times: Sequence[float]) -> None:
        self._folder, self._rows = folder, list(rows)
        try:
            (folder / HISTORY).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(folder / HISTORY, error) from error
        if rows:
            self._tabulate()
        events.create(folder / EVENTS, [(int(row["epoch"]), time, _scalars(row))
                                        for row, time in zip(rows, times, strict=True)])

    def add(self, row: Mapping[str, float], time: float) -> None:
        """An epoch more. Raises as the class."""
        self._rows.append(row)
        self._tabulate()
        events.append(self._folder / EVENTS, int(row["epoch"]), time, _scalars(row))

    def _tabulate(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        write_files({self._folder / HISTORY: text.getvalue().encode()})


def _scalars(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}
