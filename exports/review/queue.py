"""The parcels that wait for review, `review/queue.parquet`: those of the predictions that are not confident, ranked."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from agrispec.errors import CorruptRecord, DataError, RunError
from agrispec.formats.atomic import write_files
from agrispec.formats.geoparquet import GEOMETRY
from exports import manifest, parcels, predictions
from exports.runs import Run

FILE = "queue.parquet"

_COLUMNS = ("class", "class_name", "probability", "second", "second_name", "second_probability", "entropy",
            "agreement", "confident", "area_ha", "pixels", GEOMETRY)

_OF_CARD = ("season", "model", "model_digest", "class_digest", "simulated", "threshold")
"""What the queue repeats of the predictions' card."""

Ranking = Callable[[NDArray[np.floating], NDArray[np.floating], NDArray[np.integer]],
                   tuple[NDArray[np.intp], NDArray[np.float64]]]
"""(uncertainty, area, kind) -> (order, scores), as `agrispec_tf.triage.ranking`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Queue:
    """Parcels in the order in which a person should look at them.

    Attributes:
        table: N rows: `rank` from 1, `score`, and the columns of the predicted parcels; `geometry` is WKB in degrees.
        key: the column that identifies a parcel.
        about: of which predictions: season, model, digests of the model, of the image of classes and of the parcels,
            whether scenes were simulated, and the threshold of confidence.
    """

    table: pd.DataFrame
    key: str
    about: Mapping[str, Any]


def predicted(run: Run, key: str) -> pd.DataFrame:
    """The predicted parcels of a run, `key` as text.

    Raises:
        RunError: the run has no predictions, or none of parcels.
        CorruptRecord: the table is damaged, or lacks a column.
        DataError: its class numbers mean other classes in the configuration.
    """
    path = _predicted(run)
    table = parcels.read(path)
    lost = [name for name in (key, *_COLUMNS) if name not in table.columns]
    if lost:
        raise CorruptRecord(f"{path} lacks the columns {', '.join(lost)}", mend="predict again")
    _check_classes(path, table, run.config.taxonomy.names)
    return table.assign(**{key: table[key].astype(str)})


def shapes_of(table: pd.DataFrame, key: str) -> dict[str, str]:
    """Parcel -> digest of its outline: the same id may be another field in other predictions."""
    return {parcel: hashlib.sha256(shape).hexdigest()[:8]
            for parcel, shape in zip(table[key], table[GEOMETRY], strict=True)}


def make(run: Run, key: str, ranking: Ranking) -> Queue:
    """Rank the parcels of a run's predictions that are not confident, and keep them.

    Parcels are of one kind where class and second class are the same in the same 0.1 degree cell.

    Raises:
        as `predicted`; DataError: every parcel is confident.
    """
    table, card = predicted(run, key), predictions.card(run.predictions)
    doubtful = table[table["confident"] == 0]
    if doubtful.empty:
        raise DataError(f"all {len(table)} parcels are predicted with a probability of {card['threshold']:g} or more:"
                        " nothing waits for review", mend="raise [training] confidence and predict again to see more")
    centres = shapely.centroid(shapely.from_wkb(doubtful[GEOMETRY].to_numpy(object)))
    # As `agrispec.grid.cell_of`.
    columns, rows = (np.floor(axis(centres) * 10 + 1e-8).astype(np.int64) for axis in (shapely.get_x, shapely.get_y))
    kind = np.column_stack([doubtful["class"].to_numpy(np.int64), doubtful["second"].to_numpy(np.int64), columns, rows])
    order, scores = ranking(doubtful["entropy"].to_numpy(np.float64), doubtful["area_ha"].to_numpy(np.float64), kind)
    ranked = doubtful.iloc[order].reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    ranked.insert(1, "score", scores)
    about = {**{name: card[name] for name in _OF_CARD}, "key": key,
             "parcels_digest": manifest.digest(run.predictions / parcels.FILE)}
    write_files({run.review / FILE: _encoded(ranked, about)})
    return Queue(table=ranked, key=key, about=about)


def read(run: Run) -> Queue:
    """The queue of a run.

    Raises:
        RunError: there is none, or it is of other predictions than the run has by now.
        CorruptRecord: the file is damaged.
        DataError: its class numbers mean other classes in the configuration.
    """
    path = run.need(run.review / FILE, "review queue")
    try:
        found = pq.read_table(path)
        about = json.loads(found.schema.metadata[b"review"])
        queue = Queue(table=found.to_pandas(), key=about["key"], about=about)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptRecord(f"{path} is not a queue of parcels ({error})",
                            mend=f"make it again with: agrispec-gee review queue {run.path}") from error
    if about["parcels_digest"] != manifest.digest(_predicted(run)):
        raise RunError(f"{path} is of other predictions than those of {run.predictions}",
                       mend=f"make it again with: agrispec-gee review queue {run.path}; verdicts stay as they are")
    _check_classes(path, queue.table, run.config.taxonomy.names)
    return queue


def _predicted(run: Run) -> Path:
    """The file of a run's predicted parcels. Raises RunError: there is none."""
    path = run.need(run.predictions, "predict") / parcels.FILE
    if not path.exists():
        raise RunError(f"{run.path} has no predicted parcels, and parcels are what is reviewed",
                       mend="name their table in [labels] parcels, then predict again")
    return path


def _check_classes(path: Path, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Whether the class numbers of a table of parcels are those of the configuration."""
    for number, name in (("class", "class_name"), ("second", "second_name"), ("third", "third_name")):
        if number in table.columns:
            for was, said in table[[number, name]].drop_duplicates().itertuples(index=False):
                now = names[was] if 0 <= was < len(names) else "none"
                if now != said:
                    raise DataError(f"class {was} is {said} in {path}, and {now} in [[classes]]",
                                    mend="write [[classes]] as they were, or predict again")


def _encoded(table: pd.DataFrame, about: Mapping[str, Any]) -> bytes:
    """The bytes of a GeoParquet file, which says what it is of."""
    # An empty list of types: they are not told.
    geo = {"version": "1.1.0", "primary_column": GEOMETRY,
           "columns": {GEOMETRY: {"encoding": "WKB", "geometry_types": []}}}
    found = pa.Table.from_pandas(table, preserve_index=False)
    said = {**(found.schema.metadata or {}), b"geo": json.dumps(geo).encode(), b"review": json.dumps(about).encode()}
    sink = io.BytesIO()
    pq.write_table(found.replace_schema_metadata(said), sink, compression="zstd")
    return sink.getvalue()
