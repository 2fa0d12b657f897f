"""Every function that takes or gives pixels, called with arguments made from its signature.

An argument that is an image or a collection of images is drawn from a seed (`Drawn`) and built by the test, which may
mask it or put it on another grid; the other arguments come from two tables, by name of function and by type.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.warp import Resampling, reproject

from agrispec.grid import Grid
from gee_scripts.engine.local import algorithms  # noqa: F401  (they register themselves)
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.images.loading import ArrayBand, asset_bands, footprint
from gee_scripts.engine.local.language.registry import IMPLEMENTED, invoke, signatures
from gee_scripts.engine.local.rasters.domains import Projection
from gee_scripts.engine.local.rasters.raster import Apply, PixelType, both, read
from gee_scripts.engine.local.values import Collection, Feature, Image

# At 6 degrees east, where two zones of UTM meet.
HERE = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 720000.0, 0.0, -10.0, 5400000.0), width=8, height=8)
AROUND = HERE.window(-8, -8, 24, 24)
ELSEWHERE = (Grid(crs="EPSG:4326", transform=(0.00037, 0.0, 5.9885, 0.0, -0.00029, 48.7160), width=18, height=20),
             Grid(crs="EPSG:32632", transform=(26.0, 0.0, 278500.0, 0.0, -26.0, 5400200.0), width=18, height=18))
AREA = Geometry(shapely.box(720013, 5399921, 720076, 5399993), HERE.crs)
EAST = Geometry(shapely.box(720043, 5399921, 720076, 5399957), HERE.crs)


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Pixels from a seed: bands of numbers from `low` to before `high`, or one band of arrays."""

    seed: int = 0
    bands: str = "ab"
    type: str = "float32"
    low: float = 0.1
    high: float = 0.9
    array: tuple[int, ...] = ()

    def planes(self, grid: Grid) -> list[np.ndarray]:
        """The numbers of each band, or of each cell of the arrays."""
        draw = np.random.default_rng(self.seed)
        number = int(np.prod(self.array)) if self.array else len(self.bands)
        found = [draw.uniform(self.low, self.high, grid.shape).astype(self.type) for _ in range(number)]
        if self.array in ((2, 2), (3, 3)):
            # Symmetric and positive definite, for those who want to solve or to decompose.
            side = self.array[0]
            return [found[row * side + column] / 4 + found[column * side + row] / 4 + (row == column)
                    for row in range(side) for column in range(side)]
        return found

    def on(self, grid: Grid, planes: list[np.ndarray] | None = None, hole: np.ndarray | None = None,
           under: float | None = None, only: str | None = None, share: float = 0.0) -> Image:
        """The image of planes (its own by default), masked but for a share in a hole (of one band only), with another
        number in it."""
        planes = planes if planes is not None else self.planes(grid)
        if hole is not None and under is not None:
            planes = [np.where(hole, np.asarray(under).astype(plane.dtype), plane) for plane in planes]
        names = self.bands if not self.array else [f"_{place}" for place in range(len(planes))]
        bands = asset_bands([(name, plane.dtype) for name, plane in zip(names, planes, strict=True)],
                            lambda place: ArrayBand(values=planes[place], grid=grid), grid, None)
        if hole is not None:
            seen = ArrayBand(values=np.where(hole, np.float32(share), np.float32(1)) if share else ~hole, grid=grid)
            bands = tuple(replace(band, mask=both(band.mask, seen)) if only in (None, band.name) else band
                          for band in bands)
        if self.array:
            joined = Apply(lambda *cells: np.stack(cells, -1).reshape(*cells[0].shape, *self.array),
                           tuple(band.values for band in bands))
            bands = (replace(bands[0], name="a", values=joined,
                             type=PixelType(planes[0].dtype, len(self.array))),)
        properties = {"system:index": str(self.seed), "number": self.seed, "system:time_start": self.seed}
        return Image(bands=bands, properties=properties, footprint=(footprint(grid),))


def warped(planes: list[np.ndarray], source: Grid, target: Grid) -> list[np.ndarray]:
    """The nearest pixels, by rasterio."""
    found = []
    for plane in planes:
        moved = np.full(target.shape, 0, plane.dtype)
        reproject(plane, moved, src_transform=rasterio.Affine(*source.transform), src_crs=source.crs,
                  dst_transform=rasterio.Affine(*target.transform), dst_crs=target.crs,
                  resampling=Resampling.nearest, tolerance=0)
        found.append(moved)
    return found


def made(name: str, *given: Any) -> Any:
    """What a function of no pixels gives for arguments in their order."""
    return invoke(name, dict(zip((a.name for a in signatures()[name]), given, strict=False)), None)


FLOATS, WHOLE = Drawn(), Drawn(type="int16", low=1, high=7)
TWO = Drawn(bands="a", type="uint8", low=0, high=2)
VECTOR, MATRIX = Drawn(array=(4,)), Drawn(type="float64", array=(2, 2))
TREE = "1) root 9 9 9 (9)\n2) a<=0.5 9 9 1 (9) *\n3) a>0.5 9 9 2 (9) *\n"
TYPES: Mapping[str, Callable[[], Any]] = {
    "Image<unknown bands>": lambda: FLOATS, "ImageCollection": lambda: [replace(FLOATS, seed=n) for n in range(3)],
    "List<Image<unknown bands>>": lambda: [replace(FLOATS, seed=n) for n in range(2)],
    "Kernel": lambda: made("Kernel.square", 1), "Reducer": lambda: made("Reducer.mean"),
    "Classifier": lambda: made("Classifier.decisionTree", TREE),
    "Projection": lambda: Projection(HERE.crs, HERE.transform),
    "Geometry": lambda: AREA, "FeatureCollection": lambda: Collection((Feature(geometry=AREA, properties={"a": 3}),)),
    "Integer": lambda: 0, "Float": lambda: 0.25, "String": lambda: "a", "List<String>": lambda: ["x", "y"],
    "List<Integer>": lambda: [0], "List<Float>": lambda: [0.0, 1.0], "Number": lambda: 1,
    "List<Number>": lambda: [25, 75], "List<List<Object>>": lambda: [[1, 2], [3, 4]], "Object": lambda: 1,
    "List<Object>": lambda: [1, 2], "Dictionary<Object>": lambda: {"a": 1, "b": 2}, "Array": lambda: np.arange(4.0),
}
ASKED: Mapping[str, Callable[[], Any]] = {
    # Of the optional arguments those that say where; the others are left out.
    "crs": lambda: Projection(HERE.crs, HERE.transform), "projection": lambda: Projection(HERE.crs, HERE.transform),
    "proj": lambda: Projection(HERE.crs, HERE.transform), "geometry": lambda: AREA, "region": lambda: AREA,
    "crsTransform": lambda: list(HERE.transform), "keys": lambda: replace(VECTOR, seed=7), "classBand": lambda: "a",
}


def _pair(first: Drawn, second: str = "image2") -> dict[str, Any]:
    return {"image1": first, second: replace(first, seed=1)}


@lru_cache(maxsize=1)
def special() -> Mapping[str, Mapping[str, Any]]:
    """Arguments of functions that do not go with those of their types."""
    return {
        **{f"Image.{name}": _pair(WHOLE) for name in (
            "bitwiseAnd", "bitwiseOr", "bitwiseXor", "bitwise_and", "bitwise_or", "bitwise_xor", "leftShift",
            "left_shift", "rightShift", "right_shift", "eq", "neq", "mod")},
        **{f"Image.{name}": {"value": WHOLE} for name in ("bitCount", "bitwiseNot", "bitwise_not")},
        **{f"Image.{name}": {"input": VECTOR} for name in (
            "arrayLength", "arrayLengths", "arrayDimensions", "arrayProject", "arrayReduce", "arrayAccum")},
        **{f"Image.{name}": {"image": VECTOR} for name in ("arrayArgmax", "arraySort")},
        **{f"Image.{name}": {"value": MATRIX} for name in (
            "matrixDeterminant", "matrixDiagonal", "matrixFnorm", "matrixInverse", "matrixPseudoInverse",
            "matrixTrace")},
        **{f"Image.{name}": {"image": MATRIX} for name in (
            "matrixCholeskyDecomposition", "matrixLUDecomposition", "matrixQRDecomposition",
            "matrixSingularValueDecomposition")},
        **{f"Image.{name}": {"input": MATRIX} for name in ("matrixTranspose", "arrayTranspose")},
        **{f"Image.{name}": _pair(MATRIX) for name in ("matrixMultiply", "matrixSolve")},
        "Image.matrixToDiag": {"value": replace(VECTOR, array=(4, 1))},
        "Image.arrayCat": _pair(VECTOR), "Image.arrayDotProduct": _pair(VECTOR),
        "Image.bitsToArrayImage": {"input": replace(WHOLE, bands="a", type="uint8")},
        "Image.arrayFlatten": {"image": VECTOR, "coordinateLabels": [["p", "q", "r", "s"]]},
        "Image.arrayGet": {"image": VECTOR, "position": replace(WHOLE, bands="a", low=0, high=3)},
        "Image.arrayMask": {"input": VECTOR, "mask": replace(VECTOR, seed=1, type="uint8", low=0, high=2)},
        "Image.arrayPad": {"image": VECTOR, "lengths": [6]},
        "Image.arrayRepeat": {"input": VECTOR, "copies": replace(WHOLE, bands="a", low=1, high=3)},
        "Image.arrayReshape": {"image": VECTOR, "lengths": replace(WHOLE, low=2, high=3, array=(2,)),
                               "dimensions": 2},
        "Image.arraySlice": {"input": VECTOR, "start": replace(WHOLE, bands="a", low=0, high=2),
                             "end": replace(WHOLE, bands="a", low=2, high=4)},
        "Image.cast": {"bandTypes": {"a": PixelType.of("float64"), "b": PixelType.of("uint8")}},
        "ImageCollection.cast": {"bandTypes": {"a": PixelType.of("float64"), "b": PixelType.of("uint8")},
                                 "bandOrder": ["a", "b"]},
        "Image.changeProj": {"dstProj": Projection(HERE.crs, (10.0, 0.0, 720020.0, 0.0, -10.0, 5399990.0))},
        "Image.clamp": {"low": 0.2, "high": 0.6}, "Image.unitScale": {"low": 0.2, "high": 0.6},
        "Image.clip": {"geometry": AREA},
        "Image.clipToCollection": {"collection": Collection((Feature(geometry=AREA),))},
        "Image.connectedComponents": {"image": TWO, "maxSize": 4},
        "Image.connectedPixelCount": {"input": TWO, "maxSize": 4},
        "Image.distance": {"image": TWO, "kernel": made("Kernel.euclidean", 3)},
        "Image.fastDistanceTransform": {"image": TWO, "neighborhood": 4},
        "Image.entropy": {"image": WHOLE},
        "Image.paint": {"featureCollection": Collection((Feature(geometry=EAST),))},
        **{f"Image.{name}": {"image": replace(FLOATS, bands="abc")} for name in ("rgbToHsv", "hsvToRgb")},
        "Image.interpolate": {"y": [1.0, 3.0]}, "Image.polynomial": {"coefficients": [1.0, 2.0]},
        "Image.metadata": {"property": "number"},
        "Image.linkCollection": {"imageCollection": [replace(FLOATS, bands="cd")]},
        "Image.matrixIdentity": {"size": 2},
        "Image.regexpRename": {"regex": "a", "replacement": "c"},
        "Image.remap": {"image": WHOLE, "from": [1, 2, 3], "to": [30, 20, 10]},
        "Image.select": {"bandSelectors": ["b", "a"]}, "Image.selfMask": {"image": TWO},
        "Image.reduceToVectors": {"image": TWO, "reducer": made("Reducer.countEvery")},
        "Image.stratifiedSample": {"image": TWO, "numPoints": 4}, "Image.translate": {"x": 10.0, "y": -20.0},
        "Image.updateMask": {"mask": replace(TWO, seed=1)}, "Image.mask": {"mask": replace(TWO, seed=1)},
        "Image.where": {"test": replace(TWO, seed=1), "value": replace(FLOATS, seed=2)},
        "Image.unmask": {"value": replace(FLOATS, seed=1)},
        "Image.addBands": {"srcImg": replace(FLOATS, seed=1, bands="cd")},
        "Image.blend": {"top": replace(FLOATS, seed=1)},
        "Image.cat": {"images": [replace(FLOATS, seed=n) for n in range(2)]},
        "ImageCollection.combine": {"secondary": [replace(FLOATS, bands="cd", seed=n) for n in range(3)]},
        "ImageCollection.qualityMosaic": {"qualityBand": "b"}, "Image.slice": {"end": 1},
        "Collection.reduceToImage": {"properties": ["a"]},
        "Reducer.combine": {"reducer2": made("Reducer.max")}, "Reducer.setOutputs": {"outputs": ["x"]},
        "Reducer.fixedHistogram": {"min": 0.0, "max": 1.0, "steps": 4}, "Reducer.repeat": {"count": 2},
        "Reducer.fixed2DHistogram": {"xMin": 0.0, "xMax": 1.0, "xSteps": 2, "yMin": 0.0, "yMax": 1.0, "ySteps": 2},
        "Reducer.intervalMean": {"minPercentile": 10.0, "maxPercentile": 90.0},
        **{f"Reducer.{name}": {"numX": 1}
           for name in ("linearRegression", "ridgeRegression", "robustLinearRegression")},
        "Collection.reduceColumns": {"selectors": ["a"]}, "Collection.draw": {"color": "red"},
    }


def arguments(name: str) -> dict[str, Any]:
    """Arguments by name, images still drawn and not built."""
    own = special().get(name, {})
    found: dict[str, Any] = {}
    for place, argument in enumerate(signatures()[name]):
        if argument.name in own:
            found[argument.name] = own[argument.name]
        elif argument.optional and argument.name in ASKED:
            found[argument.name] = ASKED[argument.name]()
        elif not argument.optional:
            value = TYPES[argument.type]()
            found[argument.name] = replace(value, seed=place) if isinstance(value, Drawn) else value
    return found


def drawn(name: str) -> list[tuple[str, int]]:
    """The arguments that are images, as (name, place in a list or collection)."""
    return [(argument, place) for argument, value in arguments(name).items()
            for place, item in enumerate(value if isinstance(value, list) else [value]) if isinstance(item, Drawn)]


def called(name: str, build: Callable[[Drawn, tuple[str, int]], Image] = lambda image, _: image.on(AROUND),
           **instead: Any) -> Any:
    """What a function gives for its arguments with every image built, and others instead of some."""
    given: dict[str, Any] = {}
    kinds = {argument.name: argument.type for argument in signatures()[name]}
    for argument, value in (arguments(name) | instead).items():
        items = [build(item, (argument, place)) if isinstance(item, Drawn) else item
                 for place, item in enumerate(value if isinstance(value, list) else [value])]
        given[argument] = items if isinstance(value, list) else items[0]
        if kinds[argument] == "ImageCollection" and isinstance(value, list):
            given[argument] = Collection(tuple(items), "Image")
    return invoke(name, given, None)


def pixels(value: Any) -> dict[Any, np.ndarray] | str:
    """What a value says: of images each pixel of each band, None where it is masked; of others the text of it all."""
    if isinstance(value, Image):
        value = Collection((value,), "Image")
    if not isinstance(value, Collection) or value.kind != "Image" or not all(isinstance(i, Image) for i in value.items):
        return text(value)
    found = {}
    for place, image in enumerate(value.items):
        for band, (values, mask) in zip(image.bands, read(image.bands, HERE), strict=True):
            cells = found[place, band.name] = np.empty(HERE.shape, object)
            for at in np.ndindex(HERE.shape):
                if mask is None or mask[at] > 0:
                    cells[at] = np.asarray(values[at])
    return found


def masks(value: Any) -> list[np.ndarray]:
    """The mask of each band of an image, or of images, from 0 to 1."""
    return [np.broadcast_to(np.float64(1) if mask is None else mask.astype(np.float64), HERE.shape)
            for image in (value.items if isinstance(value, Collection) else [value])
            for _, mask in read(image.bands, HERE)]


def text(value: Any) -> str:
    """Features by their properties alone, but for their numbers: where they are may be said in several ways."""
    if isinstance(value, Collection):
        return str([text(item) for item in value.items])
    if isinstance(value, Feature):
        return text({name: item for name, item in value.properties.items() if name != "system:index"})
    if isinstance(value, dict):
        return str({name: text(item) for name, item in value.items()})
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value.tolist() if isinstance(value, np.ndarray) else value)


def same(one: Any, other: Any) -> bool:
    """Whether two pixels are both masked, or the same number or array but for the last bits."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-6, atol=1e-9))


def alike(one: Any, other: Any, where: np.ndarray | None = None) -> bool:
    """Whether two answers of `pixels` are the same (where it is asked for)."""
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return list(one) == list(other) and all(
        same(cell, other[band][at]) for band, cells in one.items() for at, cell in np.ndenumerate(cells)
        if where is None or where[at])


def over_region(reducer: Any, image: Image, region: Geometry) -> str:
    """What a reducer makes of a region of an image, on the pixels of HERE."""
    return text(invoke("Image.reduceRegion", {"image": image, "reducer": reducer, "geometry": region,
                                              "crsTransform": list(HERE.transform), "crs": HERE.crs}, None))


def over_stack(reducer: Any, images: list[Image]) -> Any:
    """What a reducer makes of the pixels of images one upon the other."""
    return pixels(invoke("ImageCollection.reduce", {"collection": Collection(tuple(images), "Image"),
                                                    "reducer": reducer}, None))


def fed(name: str) -> Drawn:
    """Pixels for a reducer, a band for each of its inputs."""
    if name.endswith(("ovariance", "forEachElement")):
        return VECTOR
    kind = WHOLE if name.startswith("Reducer.bitwise") or name.endswith(("group", "frequencyHistogram")) else FLOATS
    return replace(kind, bands="abcdef"[:called(name).width])


LOADERS = {"Image.load", "ImageCollection.load"}
"""What they give is an asset, as it is; that of no pixels is refused when it is made."""

NOT_PER_PIXEL = {f"Reducer.{name}" for name in ("autoHistogram", "frequencyHistogram", "group", "histogram",
                                                "splitWeights", "toCollection")}
"""They give a dictionary or a table, or take pairs of a value and its weight."""


def kind_of(name: str) -> str | None:
    """What is to be tried with an implemented function; None for those of no pixels.

    stacker: makes an image of a collection, in which what one image masks others may show; region: takes pixels of a
    region out of an image; namer: tells of an image without its pixels; pixelwise: makes images of images, all others;
    maker: makes an image of no image; reducer: is one; user: uses one on no pixels; loader: as `LOADERS`.
    """
    signature = next(entry for entry in _listed() if entry["name"] == f"algorithms/{name}")
    types = [argument["type"] for argument in signature.get("arguments", ())]
    result = signature["returnType"]
    if not any("Image" in given or given == "Reducer" for given in [*types, result]):
        return None
    if name in LOADERS:
        return "loader"
    if drawn(name) and result.startswith("Image"):
        whole = name in ("ImageCollection.toBands", "ImageCollection.toArrayPerBand")
        return "stacker" if types[0] == "ImageCollection" and result[:6] == "Image<" and not whole else "pixelwise"
    if drawn(name):
        return "region" if {"Geometry", "FeatureCollection"} & set(types) else "namer"
    if result.startswith("Image"):
        return "maker"
    return "reducer" if result == "Reducer" else "user"


@lru_cache(maxsize=1)
def _listed() -> list[dict[str, Any]]:
    return json.loads((Path(ee.__file__).parent / "tests" / "algorithms.json").read_bytes())["algorithms"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a `pixelwise`, a `maker`, … is run for every function of that kind."""
    groups = {kind: {kind} for kind in ("pixelwise", "stacker", "region", "namer", "maker", "reducer", "user")}
    groups |= {"taker": {"pixelwise", "stacker", "region", "namer"}, "anything": set(groups)}
    for group, kinds in groups.items():
        if group in metafunc.fixturenames:
            metafunc.parametrize(group, [name for name in sorted(IMPLEMENTED) if kind_of(name) in kinds])


@pytest.fixture(scope="session")
def every() -> ModuleType:
    """The functions and grids of this module, which tests cannot import."""
    return sys.modules[__name__]
