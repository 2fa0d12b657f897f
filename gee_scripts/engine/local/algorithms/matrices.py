"""Linear algebra of arrays and of images of arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gee_scripts.engine.local.algorithms import matrix_functions
from gee_scripts.engine.local.algorithms.arithmetic import matched, quotient, united
from gee_scripts.engine.local.algorithms.array_bands import answered, made
from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.language.promotion import constant_bands
from gee_scripts.engine.local.language.registry import AlgorithmError, algorithm
from gee_scripts.engine.local.rasters.raster import Band, PixelType
from gee_scripts.engine.local.values import Image

Array = NDArray[Any]
DType = np.dtype[Any]

_DOUBLE = np.dtype(np.float64)
_MASKED = "a pixel without an answer, such as the inverse of a singular matrix, is masked"
_SIGNS = "signs of vectors may be others, where several are right"
_SOURCE = "https://developers.google.com/earth-engine/guides/arrays_transformations"


def _matrix(values: Array) -> Array:
    if values.ndim != 2:
        raise AlgorithmError(f"The array must be 2-D. It has {values.ndim} dimensions",
                             mend="add an axis by repeat or cat, or reshape it")
    return values


def _unanswered(result: Array) -> Array:
    if not np.isfinite(result).all():
        raise AlgorithmError("The matrix is singular, or not finite, or has too few rows",
                             mend="use matrixPseudoInverse, or take away columns that depend on others")
    return result


def _matrix_bands(image: Image) -> tuple[Band, ...]:
    for band in image.bands:
        if band.type.dimensions != 2:
            raise AlgorithmError(f"Band '{band.name}' must have 2-D arrays. It has {band.type.dimensions} dimensions",
                                 mend="add an axis by toArray(1)")
    return image.bands


def _same(dtype: DType) -> DType:
    return dtype


def _floating(dtype: DType) -> DType:
    return dtype if dtype.kind == "f" else _DOUBLE


# Name -> what it does to a matrix, how many axes its result has, and the type of it.
_UNARY: dict[str, tuple[Callable[[Array], Array], int, Callable[[DType], DType]]] = {
    "matrixInverse": (matrix_functions.inverse, 2, _floating),
    "matrixPseudoInverse": (matrix_functions.pseudo_inverse, 2, _floating),
    "matrixDeterminant": (matrix_functions.determinant, 0, lambda dtype: _DOUBLE),
    "matrixTrace": (matrix_functions.trace, 0, lambda dtype: _DOUBLE),
    "matrixFnorm": (matrix_functions.frobenius_norm, 0, lambda dtype: _DOUBLE),
    "matrixDiagonal": (matrix_functions.diagonal, 2, _same),
    "matrixToDiag": (matrix_functions.to_diagonal, 2, _same),
}
_BINARY: dict[str, tuple[Callable[[Array, Array], Array], Callable[[DType, DType], DType]]] = {
    "matrixMultiply": (matrix_functions.multiply, united), "matrixSolve": (matrix_functions.solve, quotient),
}
_DECOMPOSITIONS: dict[str, tuple[Callable[[Array], tuple[Array, ...]], tuple[str, ...]]] = {
    "matrixCholeskyDecomposition": (matrix_functions.cholesky, ("L",)),
    "matrixQRDecomposition": (matrix_functions.orthogonal_triangular, ("Q", "R")),
    "matrixLUDecomposition": (matrix_functions.lower_upper, ("L", "U", "P")),
    "matrixSingularValueDecomposition": (matrix_functions.singular_values, ("U", "S", "V")),
}
_SOMETIMES = {"matrixInverse", "matrixPseudoInverse", "matrixSolve", *_DECOMPOSITIONS}
"""Those that do not have an answer for every matrix."""
_SIGNED = {"matrixQRDecomposition", "matrixSingularValueDecomposition"}


def _array_unary(name: str) -> Callable[[Array], Any]:
    function, rank, kind = _UNARY[name]

    def of(values: Array) -> Any:
        result = function(_matrix(values)).astype(kind(values.dtype))
        if name in _SOMETIMES:
            _unanswered(result)
        return result if rank else result.item()

    return of


def _image_unary(name: str) -> Callable[[Image], Image]:
    function, rank, kind = _UNARY[name]

    def of(image: Image) -> Image:
        bands = [made(f"Image.{name}", function, [band], PixelType(kind(band.type.dtype), rank))
                 for band in _matrix_bands(image)]
        return image.with_bands(map(answered, bands) if name in _SOMETIMES else bands)

    return of


def _array_binary(name: str) -> Callable[[Array, Array], Array]:
    function, kind = _BINARY[name]

    def of(left: Array, right: Array) -> Array:
        dtype = kind(left.dtype, right.dtype)
        result = function(*(_matrix(side).astype(np.result_type(dtype, np.int64)) for side in (left, right)))
        return (_unanswered(result) if name in _SOMETIMES else result).astype(dtype)

    return of


def _image_binary(name: str) -> Callable[[Image, Image], Image]:
    function, kind = _BINARY[name]

    def of(first: Image, second: Image) -> Image:
        _matrix_bands(first), _matrix_bands(second)
        bands = []
        for one, other, title in matched(first, second):
            dtype = kind(one.type.dtype, other.type.dtype)
            wide = partial(_widened, function, np.result_type(dtype, np.int64))
            band = made(f"Image.{name}", wide, [one, other], PixelType(dtype, 2)).renamed(title)
            bands.append(answered(band) if name in _SOMETIMES else band)
        return first.with_bands(bands)

    return of


def _widened(function: Callable[[Array, Array], Array], dtype: DType, left: Array, right: Array) -> Array:
    return function(left.astype(dtype), right.astype(dtype))


def _array_decomposition(name: str) -> Callable[[Array], dict[str, Array]]:
    function, titles = _DECOMPOSITIONS[name]
    return lambda values: {title: _unanswered(part)
                           for title, part in zip(titles, function(_matrix(values)), strict=True)}


def _image_decomposition(name: str) -> Callable[[Image], Image]:
    function, titles = _DECOMPOSITIONS[name]

    def of(image: Image) -> Image:
        if len(image.bands) != 1:
            raise AlgorithmError(f"The image must have one band. Got {len(image.bands)}", mend="select one band")
        band = _matrix_bands(image)[0]
        return image.with_bands(
            answered(made(f"Image.{name}", partial(_part, function, place), [band],
                          PixelType(_floating(band.type.dtype), 2))).renamed(title)
            for place, title in enumerate(titles))

    return of


def _part(function: Callable[[Array], tuple[Array, ...]], place: int, values: Array) -> Array:
    return function(values)[place]


for _names, _array_maker, _image_maker in ((_UNARY, _array_unary, _image_unary),
                                           (_BINARY, _array_binary, _image_binary),
                                           (_DECOMPOSITIONS, _array_decomposition, _image_decomposition)):
    for _name in _names:
        _signs = _SIGNS if _name in _SIGNED else ""
        _masks = _MASKED if _name in _SOMETIMES else ""
        _of = _SOURCE if _name == "matrixSolve" else ""
        algorithm(f"Array.{_name}", differs=_signs, source=_of)(_array_maker(_name))
        algorithm(f"Image.{_name}", differs="; ".join(filter(None, (_masks, _signs))), source=_of)(_image_maker(_name))


@algorithm("Array.eigen", differs=_SIGNS, source="https://developers.google.com/earth-engine/apidocs/ee-array-eigen")
def eigen(values: Array) -> Array:
    """(rows, 1 + columns): real eigenvalues, largest first, each with its eigenvector in the rest of its row."""
    return matrix_functions.eigen(_matrix(values))


@algorithm("Image.matrixIdentity", differs="the band is named constant; the service's name is not documented")
def identity(size: int) -> Image:
    """The square matrix of that size with ones on its diagonal, everywhere."""
    if size < 1:
        raise AlgorithmError(f"Size must be positive. Got {size}", mend="give 1 or more")
    check_room((), (size, size))
    return Image(bands=constant_bands(np.eye(size, dtype=np.int32)))
