"""Connected pixels, and distances to the nearest pixel that is not zero."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from agrispec.grid import Grid
from gee_scripts.engine.local.algorithms.around import Around, as_mask, scale_of
from gee_scripts.engine.local.algorithms.cells import DISTANCES, Cells, check_reach, weights_of
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Apply, Band, Mask, PixelType, seen
from gee_scripts.engine.local.values import Image, Kernel

Array = NDArray[Any]

MOST_CONNECTED = 1024
"""Largest maxSize. https://developers.google.com/earth-engine/apidocs/ee-image-connectedpixelcount"""
_EIGHT = ((0, 1), (1, 0), (1, 1), (1, -1))


def components(values: Array, valid: Array, offsets: tuple[tuple[int, int], ...]) -> Array:
    """The component of every pixel, numbered from 0: neighbours at `offsets` of equal value belong together.

    Every masked pixel is a component of its own.
    """
    numbers = np.arange(values.size).reshape(values.shape)
    height, width = values.shape
    first, second = [], []
    for row, column in offsets:
        # Towards either side alike: an edge joins both.
        if row < 0 or (row == 0 and column < 0):
            row, column = -row, -column
        if (row, column) == (0, 0) or row >= height or abs(column) >= width:
            continue
        here = slice(0, height - row), slice(max(-column, 0), width - max(column, 0))
        there = slice(row, height), slice(max(column, 0), width - max(-column, 0))
        same = (values[here] == values[there]) & valid[here] & valid[there]
        first.append(numbers[here][same])
        second.append(numbers[there][same])
    if not first:
        return numbers
    edges = np.concatenate(first), np.concatenate(second)
    graph = sparse.coo_matrix((np.ones(len(edges[0]), np.bool_), edges), shape=(values.size, values.size))
    labels: Array = sparse.csgraph.connected_components(graph, directed=False)[1]
    return labels.reshape(values.shape)


@algorithm("Image.connectedPixelCount", source="https://developers.google.com/earth-engine/apidocs/ee-image-connectedpixelcount")
def connected_pixel_count(image: Image, most: int, eight: bool) -> Image:
    """Pixels of equal value that hang together with each, itself included, and `most` where there are more."""
    size = _size(most)

    def function(values: list[Array], masks: list[Array], grid: Grid) -> Array:
        labels = components(values[0], np.asarray(seen(masks[0])), _EIGHT if eight else _EIGHT[:2])
        counts = np.minimum(np.bincount(labels.ravel()), size).astype(np.int32)
        return np.asarray(counts[labels][size:size + grid.height, size:size + grid.width])

    return image.with_bands(replace(band, type=PixelType.of(np.int32), size=None, values=Around(
        bands=(band,), reach=lambda grid: size, function=function)) for band in image.bands)


def _size(most: int) -> int:
    if not 1 <= most <= MOST_CONNECTED:
        raise AlgorithmError(f"maxSize must be between 1 and {MOST_CONNECTED}. Found {most}",
                             mend=f"give 1 to {MOST_CONNECTED}")
    return int(most)


@algorithm("Image.connectedComponents", lacks="Not of kernels in metres.",
           differs="Labels are made from the column and row of an object's first pixel.",
           source="https://developers.google.com/earth-engine/guides/image_objects")
def connected_components(image: Image, connectedness: Kernel, most: int) -> Image:
    """The bands, and a band of labels; objects of more pixels than `most` are masked in all."""
    if not image.bands:
        return image
    if connectedness.units == "meters":
        raise AlgorithmError("a kernel in metres has no fixed number of pixels", mend="give it in pixels")
    size = _size(most)
    cells = Cells(*weights_of(connectedness, 1.0))
    reach = size * max(cells.reach, 1)
    if reach > 2 * MOST_CONNECTED:
        raise AlgorithmError(f"Objects of {size} pixels, {cells.reach} apart, may reach over {reach} pixels",
                             mend=f"give a kernel and a maxSize whose product is at most {2 * MOST_CONNECTED}")
    lead = image.bands[0]
    node = Around(bands=(lead,), reach=lambda grid: reach,
                  function=partial(_labels, tuple(cells.offsets), size, reach))
    mask = Apply(lambda found: as_mask(found[1]), (node,))
    labels = replace(lead, name="labels", type=PixelType.of(np.int64), size=None, mask=mask,
                     values=Apply(lambda found: found[0], (node,)))
    return image.with_bands([*(replace(band, mask=Apply(_smaller, (band.mask, mask))) for band in image.bands), labels])


def _smaller(own: Mask, objects: Mask) -> Mask:
    if own is None or objects is None:
        return objects if own is None else own
    return np.minimum(own, objects)


def _labels(offsets: tuple[tuple[int, int], ...], most: int, reach: int, values: list[Array], masks: list[Array],
            grid: Grid) -> tuple[Array, Array]:
    valid = np.asarray(seen(masks[0]))
    found = components(values[0], valid, offsets)
    counts = np.bincount(found.ravel())
    # An object that fits is whole here, so that its first pixel is the same in every tile.
    _, first = np.unique(found.ravel(), return_index=True)
    rows, columns = np.divmod(first, values[0].shape[1])
    a, b, c, d, e, f = grid.transform
    size = a * e - b * d
    left, top = round((e * c - b * f) / size), round((a * f - d * c) / size)
    names = ((rows - reach + top) & 0x7FFFFFFF) << 32 | ((columns - reach + left) & 0xFFFFFFFF)
    inner = slice(reach, reach + grid.height), slice(reach, reach + grid.width)
    return names[found][inner], (valid & (counts[found] <= most))[inner]


def nearest(nonzero: Array, reach: int, metric: str) -> Array:
    """Distance in pixels to the nearest pixel that holds, within `reach` columns and rows; infinite without one.

    `nonzero` reaches over the result's edges by `reach`. Along each row first, then over the rows.
    """
    height, width = nonzero.shape[0] - 2 * reach, nonzero.shape[1] - 2 * reach
    place = np.broadcast_to(np.arange(nonzero.shape[1], dtype=np.float64), nonzero.shape)
    before = np.maximum.accumulate(np.where(nonzero, place, -np.inf), axis=1)
    after = np.minimum.accumulate(np.where(nonzero, place, np.inf)[:, ::-1], axis=1)[:, ::-1]
    along = np.minimum(place - before, after - place)[:, reach:reach + width]
    along = np.where(along <= reach, along, np.inf)
    best = np.full((height, width), np.inf)
    for offset in range(-reach, reach + 1):
        line = along[reach + offset:reach + offset + height]
        if metric == "squared_euclidean":
            distance = line * line + offset * offset
        else:
            distance = DISTANCES[metric](line, np.asarray(float(offset)))
        np.minimum(best, distance, out=best)
    return best


def _distance(reach: int, metric: str, values: list[Array], masks: list[Array], grid: Grid) -> tuple[Array, Array]:
    found = nearest((values[0] != 0) & np.asarray(seen(masks[0])), reach, metric)
    known = np.isfinite(found)
    return np.where(known, found, 0), known


@algorithm("Image.fastDistanceTransform", differs="Masked where nothing is within that many columns and rows.")
def fast_distance_transform(image: Image, neighborhood: int, units: str, metric: str) -> Image:
    """Distance in pixels from every pixel to the nearest one of the first band that is not zero."""
    if units != "pixels":
        raise AlgorithmError(f"units '{units}' are not supported", mend="use pixels")
    if metric not in ("squared_euclidean", "manhattan", "chebyshev"):
        raise AlgorithmError(f"'{metric}' is no metric", mend="use squared_euclidean, manhattan or chebyshev")
    reach = int(check_reach(neighborhood))
    return image.with_bands(_far(band, "distance", np.float32, Around(
        bands=(band,), reach=lambda grid: reach, function=partial(_distance, reach, metric)))
        for band in image.bands[:1])


def _far(band: Band, name: str, dtype: Any, node: Around) -> Band:
    return replace(band, name=name, type=PixelType.of(dtype), size=None, values=Apply(lambda found: found[0], (node,)),
                   mask=Apply(lambda found: as_mask(found[1]), (node,)))


@algorithm("Image.distance", lacks="Needs a kernel.")
def distance(image: Image, kernel: Kernel | None, skip_masked: bool) -> Image:
    """Distance from every pixel to the nearest one under the kernel that is not zero; masked without one."""
    if kernel is None or kernel.kind not in DISTANCES:
        raise AlgorithmError("the kernel is none of euclidean, manhattan and chebyshev",
                             mend="give one, such as ee.Kernel.euclidean(100, 'meters')")

    def reach(grid: Grid) -> int:
        return Cells(*weights_of(kernel, scale_of(grid))).reach

    def function(values: list[Array], masks: list[Array], grid: Grid) -> tuple[Array, Array]:
        weights, x, y = weights_of(kernel, scale_of(grid))
        n = reach(grid)
        found, known = _distance(n, kernel.kind, values, masks, grid)
        if skip_masked:
            known = known & np.asarray(seen(masks[0]))[n:n + grid.height, n:n + grid.width]
        # The weight one pixel to the right is the length of a step.
        return found * (weights[y, x + 1] if n else 0.0), known

    return image.with_bands(_far(band, band.name, np.float64, Around(bands=(band,), reach=reach, function=function))
                            for band in image.bands)
