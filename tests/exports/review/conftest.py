"""A run of the tiny season with predicted parcels, of which reviewers doubt most."""

import json
import shutil
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner
from pyproj import Transformer

import cli
from agrispec.errors import EngineError
from agrispec.formats import geotiff
from agrispec_tf import triage
from exports import manifest, mapping, parcels, runs
from exports.review import queue
from exports.review.desk import Desk

EVIL = "maize<script>window.hacked=1</script>"
NAMES = ("wheat", EVIL)
SIDE = 4


def write_predictions(run, confident=(0, 7), season=2023):
    """Squares of 4 x 4 pixels on the run's map; the class follows a hash, those of `confident` are sure."""
    config = run.config
    grid = mapping.grid_of(config)
    degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    rows = []
    for number in range((grid.height // SIDE) * (grid.width // SIDE)):
        row, column = divmod(number, grid.width // SIDE)
        west, south, east, north = grid.window(row * SIDE, column * SIDE, SIDE, SIDE).bounds
        shape = shapely.transform(shapely.box(west, south, east, north), degrees.transform, interleaved=False)
        likeliest = 0.5 + (number * 37 % 15) / 100 if number not in confident else 0.9
        crop = number * 7 % 2
        rows.append({"parcel_id": f"<i>{number}</i>", "class": crop, "class_name": NAMES[crop],
                     "probability": likeliest, "second": 1 - crop, "second_name": NAMES[1 - crop],
                     "second_probability": round(1 - likeliest, 4),
                     "entropy": -(likeliest * np.log(likeliest) + (1 - likeliest) * np.log(1 - likeliest)) / np.log(2),
                     "agreement": 0.75, "set_size": 2, "confident": int(number in confident), "small": 1,
                     "area_ha": 0.16, "pixels": SIDE**2, "geometry": shape.wkb})
    run.predictions.mkdir(exist_ok=True)
    geotiff.write(run.predictions / "class.tif", np.zeros((1, *grid.shape), np.uint8), grid, nodata=255)
    card = {"season": season, "model": "forest", "model_digest": "0123456789abcdef", "cube": config.spec.digest,
            "simulated": True, "threshold": 0.65, "confident": 0.1, "parcels": len(rows),
            "class_digest": manifest.digest(run.predictions / "class.tif")}
    card["products"] = {"class": {"file": "class.tif", "digest": card["class_digest"], "missing": 255,
                                  "pyramiding": "MODE"}}
    write_parcels(run, pd.DataFrame(rows), card)


def write_parcels(run, table, card=None):
    """Write the predicted parcels of a run, and the card that names them."""
    path = run.predictions / parcels.FILE
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), path)
    card = card or json.loads((run.predictions / runs.PREDICTION_CARD).read_text())
    (run.predictions / runs.PREDICTION_CARD).write_text(json.dumps(card | {"parcels_digest": manifest.digest(path)}))


@pytest.fixture(scope="session")
def mapped(tiny, tmp_path_factory):
    """An exported run of the tiny season with a map; not to be changed."""
    path = tiny.copy(tmp_path_factory.mktemp("review") / "run")
    text = (path / "agrispec.toml").read_text()
    (path / "agrispec.toml").write_text(text.replace('name = "maize"', f'name = "{EVIL}"'))
    done = CliRunner().invoke(cli.main, ["export", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    write_predictions(runs.open(path))
    return runs.open(path)


@pytest.fixture
def run(mapped, tmp_path):
    """A copy of it with its landscape, to be changed."""
    shutil.copytree(mapped.path, tmp_path / "run", ignore=shutil.ignore_patterns("buckets"))
    return runs.open(tmp_path / "run")


@pytest.fixture
def waiting(run):
    """The queue of that copy."""
    return queue.make(run, "parcel_id", triage.ranking)


@pytest.fixture
def desk_of(run, waiting):
    """A reviewer's name -> a context that holds their desk at the queue."""
    @contextmanager
    def opened(reviewer):
        with cli._opened(run.path) as found:
            desk = Desk(found.run, found.config, found.engine, found.graphs, waiting, reviewer)
            try:
                yield desk
            finally:
                desk.close()
    return opened


@contextmanager
def slow_desk(run, waiting):
    """A desk at the queue whose engine answers nothing for 10 s, or until an event is set: both."""
    answering = threading.Event()

    def pixels(*_):
        answering.wait(10)
        raise EngineError("it has no answer", mend="none is needed")

    desk = Desk(run, run.config, SimpleNamespace(pixels=pixels),
                SimpleNamespace(window=lambda *_: None, look=lambda *_: None), waiting, "anna")
    try:
        yield desk, answering
    finally:
        answering.set()
        desk.close()
