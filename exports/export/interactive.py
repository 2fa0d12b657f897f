"""The interactive route: a shard from one request that is answered at once, instead of a batch task and a bucket.

It suits small exports: a request may compute for five minutes, a task for days.
https://developers.google.com/earth-engine/guides/processing_environments
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agrispec.cube import CubeSpec
from agrispec.engine import Engine, TableExport
from agrispec.errors import DataError
from agrispec.formats import example
from agrispec.formats.example import Feature
from exports import schema
from exports.export.window import Window


def write(engine: Engine, window: Window, task: TableExport, spec: CubeSpec, path: Path) -> int:
    """Compute what `task` would export and write the file that it would leave; how many records.

    To be called from as many threads as may wait for the window. `task` itself is not submitted, and `path` is written
    when all is here. A place that came without a cube of `spec`, or without its row, is left out, as one that did not
    come.

    Raises:
        EngineError, EngineUnreachable: as `Engine.features`, once the window does not ask again.
        CancelledError: the window has ended.
        DataError: all places came so.
        StorageError: the file cannot be written.
    """
    features = window.ask(partial(engine.features, task.expression, patient=False))
    wanted = schema.table_features(spec)
    columns = {name: np.empty((len(features), feature.length), np.float32) for name, feature in wanted.items()}
    count, odd = 0, None
    for found in features:
        properties = found.get("properties") or {}
        try:
            for name, feature in wanted.items():
                columns[name][count] = _values(name, feature, properties, task)
        except DataError as error:
            odd = error
        else:
            count += 1
    if odd is not None and not count:
        raise odd
    example.write(path, {name: column[:count] for name, column in columns.items()})
    return count


def _values(name: str, feature: Feature, properties: Mapping[str, Any], task: TableExport) -> NDArray[np.float32]:
    value = properties.get(name)
    try:
        # As tables are exported: numbers as float32, arrays flat.
        values = np.asarray([] if value is None else value, np.float32).reshape(-1)
    except (TypeError, ValueError):
        said = f"came with a {name!r} that is no array of numbers"
    else:
        if len(values) == feature.length:
            return values
        said = f"came with {len(values)} of {feature.length} values of {name!r}"
    where = "" if name == schema.ROW else f" {properties.get(schema.ROW, 'without a row')}"
    raise DataError(f"place{where} of {task.description!r} {said}",
                    mend="check that it lies within the imagery, then run the export again")
