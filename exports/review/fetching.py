"""The cubes of what reviewers agreed on: pixels inside judged parcels of training cells, fetched once into
`review/cubes/`, for `exports.review.taught`."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec.config import Config
from agrispec.cube import CubeSpec
from agrispec.engine import DEFAULT_PRIORITY, Engine, TableExport
from agrispec.errors import CorruptRecord, DataError, SchemaMismatch
from agrispec.formats.atomic import write_files
from agrispec.formats.geoparquet import GEOMETRY
from agrispec.grid import Cell, cell_of, cells_in
from agrispec.season import Season
from exports import manifest, planning, predictions, shards
from exports.export import interactive
from exports.export.window import Window
from exports.planning import Shard
from exports.review import log, queue, taught, verdicts
from exports.review.log import Log
from exports.runs import Run

MOST_PIXELS = 20
"""Of a parcel: more of one field would say the same again."""

_PLACES = "places.parquet"
_THREADS = 8


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def cubes(self, spec: CubeSpec, season: Season, cell: Cell, at: Iterable[tuple[int, float, float]], *,
              bucket: str, prefix: str, description: str, request_id: str, priority: int) -> TableExport: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What verdicts on a season's parcels come to.

    Attributes:
        season: year in which it ends.
        classes: parcel -> class name, of those that may teach.
        shapes: of these parcels, in degrees.
        digests: of these shapes.
        about: JSON types: the season, how many parcels each reviewer judged of those that may teach, how many are
            disputed, or lie in cells of validation or test, how many verdicts with a class are gone: of parcels, or
            outlines of them, that are not predicted any more, and the digest of the verdicts.
    """

    season: int
    classes: Mapping[str, str]
    shapes: Mapping[str, shapely.Geometry]
    digests: Mapping[str, str]
    about: Mapping[str, Any]


def judged(run: Run, config: Config) -> Judged:
    """What may teach: parcels that reviewers agree on, all of whose cells are training cells by place.

    Raises:
        RunError: the run has no predicted parcels, or no verdicts.
        CorruptRecord: a line of the verdicts is none.
        DataError: no parcel may teach.
    """
    key, names = config.labels.parcel_id, config.taxonomy.names
    table = queue.predicted(run, key)
    season = int(predictions.card(run.predictions)["season"])
    run.need(run.review / log.FILE, "review serve")
    known, digests = Log(run.review, names).read(), queue.shapes_of(table, key)
    stands = verdicts.standing(known, season, digests)
    agreed, disputed = verdicts.agreed(stands)
    gone = sum(verdict.class_name is not None for verdict in verdicts.gone(known, season, digests))
    if not agreed and not disputed and not gone:
        raise DataError(f"no parcel of season {season} has a verdict with a class",
                        mend=f"give some with: agrispec-gee review serve {run.path}")
    here = table[table[key].isin(agreed)]
    shapes = dict(zip(here[key], shapely.from_wkb(here[GEOMETRY].to_numpy(object)), strict=True))
    usable = {parcel: shape for parcel, shape in shapes.items()
              if all(config.split.fold(cell) == "train" for cell in cells_in(shape.bounds))}
    by = Counter(reviewer for parcel in usable for reviewer, said in stands[parcel].items() if said.class_name)
    about = {"season": season, "reviewers": dict(sorted(by.items())), "disputed": len(disputed),
             "held_out": len(shapes) - len(usable), "gone": gone,
             "verdicts": manifest.digest(run.review / log.FILE)}
    if not usable:
        raise DataError(f"no verdict may teach: {about['held_out']} parcels lie in cells of validation or test,"
                        f" reviewers disagree about {about['disputed']}, and {gone} verdicts are of parcels, or"
                        " outlines of them, that the map does not have any more",
                        mend="judge parcels of training cells; the others may still be judged, for the map")
    return Judged(season=season, classes={parcel: agreed[parcel] for parcel in usable}, shapes=usable,
                  digests=digests, about=about)


def pixels(shape: shapely.Geometry, scale_m: float) -> NDArray[np.float64]:
    """(n, 2) longitude and latitude of at most `MOST_PIXELS` pixel centres inside a shape in degrees, spread evenly.

    A pixel's width inwards of the edge where there is room; where not even a centre is inside, one place that is.
    """
    middle = shapely.point_on_surface(shape)
    crs = cell_of(middle.x, middle.y).crs
    there = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    here = shapely.transform(shape, there.transform, interleaved=False)
    for inner in (here.buffer(-scale_m), here):
        if inner.is_empty:
            continue
        west, south, east, north = inner.bounds
        x, y = np.meshgrid((np.arange(west // scale_m, east // scale_m + 1) + 0.5) * scale_m,
                           (np.arange(south // scale_m, north // scale_m + 1) + 0.5) * scale_m)
        inside = shapely.contains_xy(inner, x, y)
        if inside.any():
            x, y = x[inside], y[inside]
            chosen = np.unique(np.linspace(0, len(x) - 1, min(MOST_PIXELS, len(x))).astype(np.int64))
            return np.column_stack(there.transform(x[chosen], y[chosen], direction="INVERSE"))
    return np.array([[middle.x, middle.y]])


def fetch(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Callable[[str], None]) -> None:
    """Bring the cubes of what may teach to `review/cubes/`, and write down which they are; those that are there are not
    asked for again.

    Raises:
        as `judged`; EngineError: the engine refuses or does not answer; StorageError: a file cannot be written.
    """
    found = judged(run, config)
    places = _places(run, config, engine, graphs, found, progress)
    numbers = {_named(found, parcel): config.taxonomy.names.index(name) for parcel, name in found.classes.items()}
    mine = places[places["parcel"].isin(numbers)]
    taught.write(run, mine.assign(label=mine["parcel"].map(numbers)), {**found.about, "parcels": len(numbers)})


def _places(run: Run, config: Config, engine: Engine, graphs: Graphs, found: Judged,
            progress: Callable[[str], None]) -> pd.DataFrame:
    """All places whose cubes are in the folder, those of `found` among them: `row`, `parcel`, `cell`, `file`."""
    folder = taught.folder_of(run)
    had = _known(folder, config.spec)
    known = set(had["parcel"])
    rows = [(parcel, lon, lat, cell_of(lon, lat).id) for parcel, shape in found.shapes.items()
            if _named(found, parcel) not in known for lon, lat in pixels(shape, config.spec.scale_m)]
    if not rows:
        return had
    first = int(had["row"].to_numpy(np.int64).max(initial=-1)) + 1
    new = pd.DataFrame(rows, columns=["parcel", "lon", "lat", "cell"])
    new = new.assign(row=np.arange(first, first + len(new)), season=found.season,
                     parcel=[_named(found, parcel) for parcel in new["parcel"]])
    shards.describe(folder, config.spec)
    parts = planning.shards(new, config.samples.per_task)

    def bring(part: Shard) -> str:
        name = f"{found.season}-{part.cell.id}-{part.rows[0]:07d}.tfrecord.gz"
        task = graphs.cubes(config.spec, config.season_of(found.season), part.cell, planning.at(new, part.rows),
                            bucket=config.engine.bucket, prefix=name, description=f"reviewed {part.name}",
                            request_id=planning.request_id(name), priority=DEFAULT_PRIORITY)
        interactive.write(engine, window, task, config.spec, folder / name)
        progress(f"cubes of {part.name}")
        return name

    with Window() as window, ThreadPoolExecutor(_THREADS) as pool:
        files = dict(zip((part.rows[0] for part in parts), pool.map(bring, parts), strict=True))
    file_of = {row: files[part.rows[0]] for part in parts for row in part.rows.tolist()}
    new = new.assign(file=new["row"].map(file_of))
    kept = pd.concat([had, new]) if len(had) else new
    # Last: a file that no place names is of a fetch that was interrupted, and goes with the next one.
    write_files({folder / _PLACES: kept.to_parquet(index=False)})
    return kept


def _named(found: Judged, parcel: str) -> str:
    """A parcel with its season and its shape: the same id may be another field in other predictions."""
    return f"{found.season}/{parcel}/{found.digests[parcel]}"


def _known(folder: Path, spec: CubeSpec) -> pd.DataFrame:
    """The places whose cubes are in a folder; what is of another cube, or of an interrupted fetch, is removed."""
    path = folder / _PLACES
    try:
        shards.require(folder, spec)
        places = pd.read_parquet(path)
        whole = set(places["file"])
    except (CorruptRecord, SchemaMismatch, OSError, ValueError, KeyError):
        shutil.rmtree(folder, ignore_errors=True)
        return pd.DataFrame({"row": pd.Series(dtype=np.int64), "parcel": pd.Series(dtype=object)})
    for file in folder.glob("*.tfrecord.gz"):
        if file.name not in whole:
            file.unlink()
    return places
