"""A run with predictions, and the embedded engine that it is published on."""

import io
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely

from agrispec.config import Config
from agrispec.formats import geotiff, mixer
from agrispec.formats.geoparquet import encode_table
from agrispec.formats.mixer import Mixer
from agrispec.grid import Grid
from exports import manifest, runs, shards
from exports.publishing import commands
from exports.publishing.plan import Pixels, Product
from exports.runs import Run
from gee_scripts import engine as engines
from gee_scripts import export as graphs

from ...configuration import MAIZE, WHEAT, configuration

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=83, height=70)
POLICIES = {"class": "MODE", "probability": "MEAN", "confident": "MODE", "looks": "MEAN"}
CONFIGURATION = configuration(classes=(WHEAT, {**MAIZE, "codes": [2, 3]}), labels={"parcel_id": "field"},
                              map={"bounds": [613000, 5401300, 613830, 5402000], "patch": 16})


def pixels(grid=GRID, seed=0):
    """The products of a map of two classes, seldom confident, with a hole and a margin that nobody saw."""
    random = np.random.default_rng(seed)
    unseen = np.zeros(grid.shape, bool)
    unseen[:3, :7] = unseen[:, -5:] = True
    found = {"class": random.integers(0, 2, grid.shape).astype(np.uint8),
             "probability": random.uniform(0.5, 1, grid.shape).astype(np.float32),
             "confident": random.integers(0, 2, grid.shape).astype(np.uint8)}
    for values in found.values():
        values[unseen] = 255 if values.dtype == np.uint8 else -1
    return {**found, "looks": np.where(unseen, 0, random.integers(1, 40, grid.shape)).astype(np.uint8)}


def write_cog(path, values, grid, missing, policy):
    """A Cloud Optimized GeoTIFF with overviews, as predictions are."""
    base = path.with_suffix(".base")
    with geotiff.writing(base, grid, values.dtype, [path.stem], nodata=missing) as write:
        write(0, 0, values[None])
    rasterio.shutil.copy(base, path, driver="COG", compress="deflate", blocksize=512, overviews="AUTO",
                         overview_resampling={"MODE": "mode", "MEAN": "average"}[policy])
    base.unlink()


def write_predictions(run, products, grid=GRID, parcels=3):
    """A folder of predictions by the contract of `exports.predictions`."""
    folder = run.predictions
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    card = {"season": 2024, "model": "forest", "model_digest": "0123456789abcdef", "cube": "fedcba9876543210",
            "simulated": True, "threshold": 0.65, "confident": 0.5, "parcels": parcels, "parcels_digest": "",
            "products": {}}
    for name, values in products.items():
        missing, file = (-1.0 if values.dtype == np.float32 else 255), folder / f"{name}.tif"
        write_cog(file, values, grid, missing, POLICIES[name])
        card["products"][name] = {"file": file.name, "digest": manifest.digest(file), "missing": missing,
                                  "pyramiding": POLICIES[name]}
    card["class_digest"] = card["products"]["class"]["digest"]
    if parcels:
        shapes = [shapely.box(4.5 + number / 100, 48.7, 4.505 + number / 100, 48.705) for number in range(parcels)]
        # The first two tell whether ids of digits stay texts.
        rows = [{"field": ("0012", "12", "c")[number % 3] + "x" * (number // 3), "class": number % 2,
                 "class_name": ("wheat", "maize")[number % 2], "probability": 0.5 + number / 16, "confident": 1,
                 "area_ha": 1.5 + number, "pixels": 4} for number in range(parcels)]
        (folder / "parcels.parquet").write_bytes(encode_table(rows, [shape.wkb for shape in shapes])[0])
        card["parcels_digest"] = manifest.digest(folder / "parcels.parquet")
    (folder / "prediction.json").write_text(json.dumps(card))


def write_patches(run, config, grid=GRID, side=16):
    """As much of an export of patches as publishing looks at."""
    padded = grid.padded(side)
    run.patches.mkdir()
    shards.describe(run.patches, config.spec.view(),
                    layout=shards.PatchLayout(grid=grid, patch=side, season=2024))
    mixer.write(run.patches / "map-mixer.json", Mixer(
        crs=grid.crs, transform=grid.transform, patch_width=side, patch_height=side,
        patches_per_row=padded.width // side, total_patches=padded.width * padded.height // side**2))


class Counted:
    """An engine that keeps the names of what was asked of it, and lets a test come in between."""

    def __init__(self, engine):
        self._engine, self.asked, self.before = engine, [], {}

    def __getattr__(self, name):
        found = getattr(self._engine, name)
        if not callable(found):
            return found

        def call(*arguments, **options):
            self.asked.append(name)
            if name in self.before:
                self.before[name](*arguments)
            return found(*arguments, **options)

        return call

    @property
    def written(self):
        return [name for name in self.asked if name in ("ingest_image", "ingest_table", "import_external")]


@dataclass(frozen=True)
class Published:
    """A run and its engine."""

    run: Run
    config: Config
    engine: Counted

    def publish(self, route="geotiff", told=None):
        self.engine.asked.clear()
        return commands.publish(self.run, self.config, self.engine, graphs, route,
                                (lambda said: None) if told is None else told.append)

    def prepare(self, route="geotiff"):
        return commands.prepare(self.run, self.config, self.engine, route)

    def predict(self, seed, grid=GRID, parcels=3):
        """Put other predictions in place of those that are there."""
        write_predictions(self.run, pixels(grid, seed), grid, parcels)

    def product(self, name, values, grid, missing, policy):
        """An image of these values as a product of a map."""
        file = self.run.path / f"{name}.tif"
        write_cog(file, values, grid, missing, policy)
        return Product(name=name, file=file, size=file.stat().st_size, properties={
            "file_digest": manifest.digest(file), "model_digest": "0", "cube": "0"}, pixels=Pixels(
                pyramiding=policy, missing=missing))

    def read(self, asset_id, missing, grid=GRID):
        """The only band of an image asset."""
        found = np.load(io.BytesIO(self.engine.pixels(graphs.image(asset_id, missing), grid)))
        return found[found.dtype.names[0]]

    def objects(self):
        """Names of what stands in the bucket."""
        folder = self.engine.buckets / self.config.engine.bucket
        return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())

    def set_publish(self, **settings):
        return replace(self, config=replace(self.config, publish=replace(self.config.publish, **settings)))


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A run directory with predictions, patches and an empty landscape, to be copied."""
    home = tmp_path_factory.mktemp("made") / "west"
    (home / "landscape").mkdir(parents=True)
    (home / "agrispec.toml").write_text(CONFIGURATION)
    run = runs.open(home)
    write_predictions(run, pixels())
    write_patches(run, run.config)
    return home


@pytest.fixture
def published(made, tmp_path):
    """A run of a test alone, of which nothing is published yet."""
    run = runs.open(Path(shutil.copytree(made, tmp_path / made.name)))
    engine = engines.open(run.config.engine, run.path)
    yield Published(run=run, config=run.config, engine=Counted(engine))
    engine.close()
