"""What a reviewer is shown and what they say: answers as JSON types, computed ahead of them where that takes long."""

from __future__ import annotations

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from agrispec.config import Config
from agrispec.engine import Engine
from agrispec.errors import DataError
from agrispec.formats.geoparquet import GEOMETRY
from agrispec.grid import Bounds
from exports.review import curves, imagery, queue, verdicts
from exports.review.curves import Curves, Graphs
from exports.review.log import Follower, Log
from exports.review.progress import Progress
from exports.review.queue import Queue
from exports.review.verdicts import ACCEPT, CORRECT, SKIP, UNDO, Standing, Tally, Verdict
from exports.runs import Run

_AHEAD = 3
"""Parcels after the shown one whose curves and pictures are made ready."""

_KEPT = 200
"""Answers of each kind that are kept."""

_OUTLINES = 500
"""Outlines of one answer at most."""

_EXAMPLES = 6

_TABS = 4


@dataclass(frozen=True, slots=True, eq=False)
class _Outlines:
    """All predicted parcels, found by place."""

    tree: shapely.STRtree
    ids: NDArray[np.object_]
    classes: NDArray[np.int64]
    digests: Mapping[str, str]


def _outlines(run: Run, key: str) -> _Outlines:
    table = queue.predicted(run, key)
    return _Outlines(shapely.STRtree(shapely.from_wkb(table[GEOMETRY].to_numpy(object))), table[key].to_numpy(object),
                     table["class"].to_numpy(np.int64), queue.shapes_of(table, key))


class _Ready:
    """Answers by position in the queue, computed once in threads; one that failed is computed again when asked for."""

    def __init__(self, pool: ThreadPoolExecutor, make: Callable[[int], Any]) -> None:
        self._pool, self._make = pool, make
        self._kept: OrderedDict[int, Future[Any]] = OrderedDict()
        self._shown: OrderedDict[str, range] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, position: int) -> Future[Any]:
        """Raises CancelledError: nothing is computed any more."""
        with self._lock:
            had = self._kept.get(position)
            if had is None or (had.done() and (had.cancelled() or had.exception() is not None)):
                try:
                    self._kept[position] = had = self._pool.submit(self._make, position)
                except RuntimeError as error:  # the pool is shut down
                    raise CancelledError from error
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return had

    def show(self, tab: str, positions: range) -> Future[Any]:
        """Asks for what a browser's tab needs, the first of some positions shown; what no tab needs any more and has
        not begun is cancelled. Of tabs the latest few count: nobody tells of one that is closed."""
        with self._lock:
            self._shown[tab] = positions
            self._shown.move_to_end(tab)
            if len(self._shown) > _TABS:
                self._shown.popitem(last=False)
            needed = set().union(*self._shown.values())
            for position, had in self._kept.items():
                if position not in needed:
                    had.cancel()
        asked = [self.ask(position) for position in positions]
        return asked[0]


class Desk:
    """One reviewer's place at a run's queue; to be called from several threads.

    Args:
        run, config: the run.
        engine: computes curves and pictures.
        graphs: what it computes.
        waiting: the queue.
        reviewer: who gives the verdicts.

    Raises:
        CorruptRecord: the file of verdicts is damaged.
        DataError: the reviewer's name is none.
    """

    def __init__(self, run: Run, config: Config, engine: Engine, graphs: Graphs, waiting: Queue, reviewer: str) -> None:
        self._run, self._config, self._engine, self._graphs = run, config, engine, graphs
        self._queue, self._table, self._reviewer = waiting, waiting.table, reviewer
        self._season = int(waiting.about["season"])
        self._ids = waiting.table[waiting.key].to_numpy(object)
        self._at = {parcel: position for position, parcel in enumerate(self._ids)}
        self._shapes = shapely.from_wkb(waiting.table[GEOMETRY].to_numpy(object))
        # Before the page is there: beside its first requests it would hold them up.
        self._outlines = _outlines(run, waiting.key)
        self._log = Log(run.review, config.taxonomy.names)
        self._verdict("", SKIP, None)  # whose name is none is told now, not at the first verdict
        self._follower, self._counting = Follower(self._log), threading.Lock()
        self._progress = self._begun()
        self._standing()
        self._writing, self._closed = threading.Lock(), threading.Event()
        # Pictures wait for curves, so that they need threads of their own.
        self._pools = [ThreadPoolExecutor(max_workers=2, thread_name_prefix=name) for name in ("curves", "pictures")]
        self._once = ThreadPoolExecutor(max_workers=2, thread_name_prefix="once")
        self._labelled = self._once.submit(curves.labelled, run, config)
        self._patches = self._once.submit(self._of_patches)
        self._curves, self._pictures = (_Ready(pool, make) for pool, make in
                                        zip(self._pools, (self._curves_of, self._pictures_of), strict=True))

    def close(self) -> None:
        """End what is computed ahead."""
        self._closed.set()
        for pool in (*self._pools, self._once):
            pool.shutdown(wait=True, cancel_futures=True)

    def state(self) -> dict[str, Any]:
        """What the page shows around a parcel."""
        about, season = self._queue.about, self._config.season_of(self._season)
        with self._counting:
            counted = self._kept_up().after(-1)
        days = [(season.bounds(step)[0] + timedelta(days=season.step_days // 2)).isoformat()
                for step in self._config.spec.window]
        return {"run": self._run.path.resolve().name, "season": self._season, "model": about["model"],
                "simulated": bool(about["simulated"]), "threshold": about["threshold"], "reviewer": self._reviewer,
                "classes": [{"name": crop.name, "colour": crop.colour} for crop in self._config.taxonomy],
                "total": len(self._table), "curves": list(curves.names(self._config.spec)), "days": days,
                **counted}

    def classes(self) -> dict[str, Any]:
        """Median, 10th and 90th percentile of each class's labelled training samples, [curve][step] of each."""
        found = self._labelled.result()
        return {"classes": [{"samples": int((found.labels == number).sum()),
                             **{name: _plain(values.T) for name, values in
                                zip(("median", "low", "high"), found.spread(number), strict=True)}}
                            for number in range(len(self._config.taxonomy))]}

    def parcel(self, position: int) -> dict[str, Any]:
        """A parcel of the queue: what is predicted of it, where it is, and what was said of it."""
        row = self._row(position)
        ranked = [{"class": int(row[name]), "probability": float(row["probability" if name == "class"
                                                                     else f"{name}_probability"])}
                  for name in ("class", "second", "third") if name in row.index]
        shape = self._shapes[position]
        return {"position": position, "parcel": self._ids[position], "top": ranked,
                "entropy": float(row["entropy"]), "agreement": float(row["agreement"]),
                "area_ha": float(row["area_ha"]), "pixels": int(row["pixels"]),
                "set_size": int(row["set_size"]) if "set_size" in row.index else None,
                "bounds": list(shape.bounds), "outline": json.loads(shapely.to_geojson(shape)),
                "verdicts": self._said(position, self._standing())}

    def series(self, position: int, tab: str) -> dict[str, Any]:
        """A parcel's curves and the labelled examples that are nearest to it.

        Args:
            position: in the queue.
            tab: who shows it; what the same tab asked of another parcel is given up.

        Raises:
            as `curves.of_engine`; CancelledError: another parcel is shown by now, or the desk is closed.
        """
        self._row(position)
        found, source = self._curves.show(tab, self._wanted(position)).result()
        known = self._labelled.result()
        order, distance = known.nearest(found.values[0], _EXAMPLES)
        nearest = [{"class": int(known.labels[at]), "season": int(known.seasons[at]), "distance": float(away),
                    "values": _plain(known.curves.values[at].T)} for at, away in zip(order, distance, strict=True)]
        return {"source": source, "values": _plain(found.values[0].T), "looks": _plain(found.looks[0]),
                "nearest": nearest}

    def pictures(self, position: int, tab: str) -> dict[str, Any]:
        """Pictures of a parcel's surroundings, asked for as `series`. Raises as `imagery.take` and `series`."""
        self._row(position)
        found = self._pictures.show(tab, self._wanted(position)).result()
        season = self._config.season_of(self._season)
        return {"bounds": list(found.bounds), "true": found.true, "false": found.false,
                "first": season.bounds(found.first)[0].isoformat(),
                "last": (season.bounds(found.last - 1)[1] - timedelta(days=1)).isoformat()}

    def outlines(self, bounds: Bounds) -> dict[str, Any]:
        """The predicted parcels in a part of the map, those of the queue first; how many are not told of.

        `class` is what this reviewer named, else what is predicted.
        """
        found, stands = self._outlines, self._standing()
        west, south, east, north = bounds
        inside = np.sort(found.tree.query(shapely.box(west, south, east, north)))
        positions = np.array([self._at.get(parcel, -1) for parcel in found.ids[inside]], np.int64)
        shown = np.argsort(positions < 0, kind="stable")[:_OUTLINES]
        texts = shapely.to_geojson(found.tree.geometries[inside[shown]])
        names, parcels = self._config.taxonomy.names, []
        for at, position, text in zip(inside[shown], positions[shown], texts, strict=True):
            mine = stands.get(str(found.ids[at]), {}).get(self._reviewer)
            number = names.index(mine.class_name) if mine and mine.class_name else int(found.classes[at])
            parcels.append({"parcel": str(found.ids[at]), "position": int(position) if position >= 0 else None,
                            "class": number, "judged": mine is not None, "outline": json.loads(text)})
        return {"parcels": parcels, "left_out": len(inside) - len(shown)}

    def judge(self, position: int, verdict: str, name: str | None) -> dict[str, Any]:
        """Write a verdict down; what was said of the parcel by now, and the next that waits for this reviewer.

        Raises:
            DataError: there is no such position, verdict or class, or it accepts another class than the predicted one.
        """
        row = self._row(position)
        if verdict == ACCEPT:
            name = str(row["class_name"])
        elif verdict == CORRECT and name == row["class_name"]:
            verdict = ACCEPT
        elif verdict not in (CORRECT, SKIP):
            raise DataError(f"{verdict!r} is no verdict on a parcel", mend=f"send {ACCEPT}, {CORRECT} or {SKIP}")
        return self._added(position, self._verdict(self._ids[position], verdict, name if verdict != SKIP else None))

    def undo(self, position: int) -> dict[str, Any]:
        """Take back this reviewer's verdict on a parcel, or where there is none, their latest one; which it was.

        Raises:
            DataError: nothing of theirs stands.
        """
        self._row(position)
        with self._counting:
            progress = self._kept_up()
            stands, latest = progress.tally.stands, progress.latest
        if self._reviewer not in stands.get(self._ids[position], {}):
            if latest is None:
                raise DataError("there is no verdict of yours to take back", mend="judge a parcel first")
            position = latest
        return self._added(position, self._verdict(self._ids[position], UNDO, None))

    def _added(self, position: int, verdict: Verdict) -> dict[str, Any]:
        with self._writing:
            self._log.append([verdict])
        with self._counting:
            progress = self._kept_up()
            stands, counted = progress.tally.stands, progress.after(position)
        return {"position": position, "verdicts": self._said(position, stands), **counted}

    def _verdict(self, parcel: str, verdict: str, name: str | None) -> Verdict:
        about = self._queue.about
        return Verdict(parcel=parcel, verdict=verdict, class_name=name, reviewer=self._reviewer, time=verdicts.now(),
                       season=self._season, model=about["model_digest"], prediction=about["class_digest"],
                       shape=self._outlines.digests.get(parcel))

    def _row(self, position: int) -> pd.Series:
        if not 0 <= position < len(self._table):
            raise DataError(f"the queue has no parcel {position}", mend=f"ask for 0 to {len(self._table) - 1}")
        return self._table.iloc[position]

    def _wanted(self, position: int) -> range:
        return range(position, min(position + 1 + _AHEAD, len(self._table)))

    def _begun(self) -> Progress:
        return Progress(Tally(self._season, self._outlines.digests), self._ids, self._reviewer)

    def _kept_up(self) -> Progress:
        """Where reviewers are by now; for who holds `_counting`."""
        void, new = self._follower.news()
        if void:
            self._progress = self._begun()
        for verdict in new:
            self._progress.add(verdict)
        return self._progress

    def _standing(self) -> Standing:
        with self._counting:
            return self._kept_up().tally.stands

    def _said(self, position: int, stands: Standing) -> list[dict[str, Any]]:
        return [{"reviewer": given.reviewer, "verdict": given.verdict, "class": given.class_name, "time": given.time,
                 "of_this_map": given.prediction == self._queue.about["class_digest"]}
                for given in stands.get(self._ids[position], {}).values()]

    def _of_patches(self) -> Curves | None:
        return curves.of_patches(self._run, self._config, self._season, self._shapes, self._closed)

    def _curves_of(self, position: int) -> tuple[Curves, str]:
        """The patches' curves where they are read by now; else the engine's."""
        if self._patches.done() and (found := self._patches.result()) is not None:
            return Curves(values=found.values[[position]], looks=found.looks[[position]]), "patches"
        return curves.of_engine(self._engine, self._graphs, self._config, self._season,
                                self._shapes[position]), "engine"

    def _pictures_of(self, position: int) -> imagery.Pictures:
        spec = self._config.spec
        found, _ = self._curves.ask(position).result()
        steps = imagery.peak(found.values[0, :, 0], spec.window, spec.step_days)
        return imagery.take(self._engine, self._graphs, self._config, self._season, self._shapes[position], steps)


def _plain(values: NDArray[np.floating]) -> Any:
    """Numbers as JSON knows them, rounded to 4 decimals, None where they are none."""
    if values.ndim > 1:
        return [_plain(row) for row in values]
    return [round(float(value), 4) if math.isfinite(value) else None for value in values]
