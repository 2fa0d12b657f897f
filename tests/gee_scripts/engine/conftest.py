"""Graphs of the real client, evaluated without a server, over assets that stand in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from ee import _cloud_api_utils
from google.auth.credentials import AnonymousCredentials

from agrispec.errors import AssetMissing
from agrispec.grid import Grid

UTM = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 500000.0, 0.0, -10.0, 5400000.0), width=24, height=20)


class World:
    """Assets in memory, and graphs evaluated over them."""

    grid = UTM

    def __init__(self) -> None:
        self.images: dict[str, Any] = {}
        self.collections: dict[str, Any] = {}
        self.tables: dict[str, Any] = {}

    def make(self, arrays: Mapping[str, np.ndarray], properties: Mapping[str, Any] | None = None,
             grid: Grid | None = None, nodata: float | None = None) -> Any:
        """An image of arrays (row, column) by band."""
        from gee_scripts.engine.local.images.loading import ArrayBand, asset_bands, footprint
        from gee_scripts.engine.local.values import Image

        where, planes = grid or UTM, list(arrays.values())
        return Image(bands=asset_bands([(name, plane.dtype) for name, plane in arrays.items()],
                                       lambda number: ArrayBand(values=planes[number], grid=where), where, nodata),
                     properties=dict(properties or {}), footprint=(footprint(where),))

    def image(self, asset_id: str) -> Any:
        """An image asset."""
        return self._get(self.images, asset_id)

    def collection(self, asset_id: str) -> Any:
        """A collection asset."""
        return self._get(self.collections, asset_id)

    def table(self, asset_id: str) -> Any:
        """A table asset."""
        return self._get(self.tables, asset_id)

    def add_collection(self, asset_id: str, images: Sequence[Any]) -> None:
        """A collection asset of images."""
        from gee_scripts.engine.local.values import Collection

        self.collections[asset_id] = Collection(tuple(images), "Image", {}, asset_id)

    def _get(self, assets: Mapping[str, Any], asset_id: str) -> Any:
        if asset_id not in assets:
            raise AssetMissing(f"asset '{asset_id}' not found", mend="add it to the test")
        return assets[asset_id]

    def value(self, graph: Any) -> Any:
        """What a graph evaluates to."""
        from gee_scripts.engine.local.language.evaluate import evaluate

        return evaluate(json.loads(ee.serializer.toJSON(graph, for_cloud_api=True)), self)

    def info(self, graph: Any) -> Any:
        """What getInfo() would give."""
        from gee_scripts.engine.local.language.encode import encode

        return encode(self.value(graph))

    def pixels(self, graph: Any, domain: Any = None) -> dict[str, np.ma.MaskedArray]:
        """Pixels of every band, masked where the mask is 0."""
        from gee_scripts.engine.local.rasters.raster import read

        image = self.value(graph)
        return {band.name: np.ma.MaskedArray(values, np.zeros(values.shape, bool) if mask is None else mask == 0)
                for band, (values, mask) in zip(image.bands, read(image.bands, domain or UTM), strict=True)}


@pytest.fixture(scope="module")
def client() -> Iterator[None]:
    """The real client with its own list of algorithms and no server."""
    listed = json.loads((Path(ee.__file__).parent / "tests" / "algorithms.json").read_bytes())
    patch = pytest.MonkeyPatch()
    patch.setattr(ee.data, "initialize", lambda **options: None)
    patch.setattr(ee.data, "getAlgorithms", lambda: _cloud_api_utils.convert_algorithms(listed))
    ee.Reset()
    ee.Initialize(AnonymousCredentials(), project="agrispec-local")
    yield
    ee.Reset()
    patch.undo()


@pytest.fixture
def world(client: None) -> World:
    """A world without assets."""
    return World()


@pytest.fixture
def graph_of() -> Callable[[Any], Any]:
    """Client object -> the expression it sends."""
    return lambda graph: json.loads(ee.serializer.toJSON(graph, for_cloud_api=True))
