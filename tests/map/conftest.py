"""A run of the tiny season with a forest, its patches and its map."""

import shutil

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from agrispec.formats import example, geotiff
from agrispec_tf import crop_map, run_models
from agrispec_tf.baselines import training as forests
from agrispec_tf.data.samples import Series
from exports import manifest, mapping, parcels, runs
from exports.export import cubes, places
from gee_scripts import engine as engines
from gee_scripts import export as graphs

SHOWN = ("class", "probability", "confident", "second", "entropy", "set_size", "looks")


def quiet(done):
    pass


@pytest.fixture(scope="session")
def run(tiny, tmp_path_factory):
    """The tiny season's run with a forest and the patches of 2023."""
    found = runs.open(tiny.copy(tmp_path_factory.mktemp("map") / "run"))
    engine = engines.open(found.config.engine, found.path)
    try:
        table = places.draw(found.config, engine, graphs, quiet)
        did = cubes.export(found, found.config, engine, graphs, table, quiet)
        manifest.record(found.path, "export", did)
        mapping.export_patches(found, found.config, engine, graphs, quiet, 2023)
    finally:
        engine.close()
    forests.run_train(found, found.config, "forest")
    return found


@pytest.fixture(scope="session")
def fields(tiny):
    """Four parcels, two of which overlap, one beside the map."""
    to_degrees = Transformer.from_crs(tiny.grid.crs, "EPSG:4326", always_xy=True).transform
    west, top = tiny.grid.transform[2], tiny.grid.transform[5]
    boxes = [(2, 2, 98, 88), (62, 42, 178, 192), (202, 102, 231, 131), (400, 0, 500, 90)]
    return [{"type": "Feature", "properties": {"parcel_id": f"p{number}"},
             "geometry": shapely.geometry.mapping(shapely.transform(
                 shapely.box(west + left, top - bottom, west + right, top - up), to_degrees, interleaved=False))}
            for number, (left, up, right, bottom) in enumerate(boxes)]


@pytest.fixture(scope="session")
def mapped(run, fields):
    card = map_of(run, run.config, of_patches(run), fields)
    return card, images(run), parcels.read(run.predictions / parcels.FILE)


def of_patches(run, aoi=None):
    return mapping.patches_of(run, run.config, aoi)


def map_of(run, config, source, fields, doubt=quiet, **how):
    return crop_map.run_predict(run, config, "forest", source, crop_map.Parcels.of(fields, config), quiet, doubt,
                                **how)


def images(run, names=SHOWN):
    return {name: geotiff.read(run.predictions / f"{name}.tif")[0] for name in names}


def copied(run, folder):
    return runs.open(shutil.copytree(run.path, folder / "run"))


def expected(run, tiny, season=2023):
    """Probabilities (row, column, class) and counts (row, column, step) of all pixels at once, by NumPy alone."""
    spec, side = run.config.spec.view(), run.config.map.patch
    across = -(-tiny.grid.width // side)
    files = [example.read(path) for path in sorted(run.patches.glob("*.tfrecord.gz"))]
    patches = np.concatenate([np.stack([columns[band] for band in spec.patch_bands()], axis=-1) for columns in files])
    rows = patches.reshape(-1, across, side, side, *spec.shape).swapaxes(1, 2)
    whole = rows.reshape(-1, across * side, *spec.shape)[:tiny.grid.height, :tiny.grid.width]
    values, counts = whole[..., :len(spec.features)], whole[..., -1]
    found = run_models.load(run, run.config, "forest").probabilities(Series(
        cube=spec, values=values.reshape(-1, *values.shape[2:]), counts=counts.reshape(-1, counts.shape[2])))
    return found.reshape(*tiny.grid.shape, -1), counts
