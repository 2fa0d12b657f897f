"""Linear algebra of matrices that may be stacked: the last two axes are a matrix's. NaN where there is no answer,
such as the inverse of a singular matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from gee_scripts.engine.local.algorithms.array_pixels import check_room
from gee_scripts.engine.local.language.registry import AlgorithmError

Array = NDArray[Any]


def _square(matrix: Array) -> None:
    rows, columns = matrix.shape[-2:]
    if rows != columns:
        raise AlgorithmError(f"The matrix must be square. Got {rows} by {columns}",
                             mend="give as many rows as columns")


def _double(matrix: Array) -> Array:
    return np.asarray(matrix, np.float64)


def _finite(matrix: Array) -> Array:
    """(…) whether LAPACK may look at a matrix; some of its functions do not end on NaN."""
    return np.asarray(np.isfinite(matrix).all(axis=(-2, -1)))


def _only(fine: Array, result: Array) -> Array:
    return np.where(fine[..., None, None], result, np.nan)


def _harmless(matrix: Array, fine: Array) -> Array:
    rows, columns = matrix.shape[-2:]
    return np.where(fine[..., None, None], matrix, np.eye(rows, columns))


def regular(matrix: Array) -> Array:
    """(…) whether square matrices have an inverse to working precision."""
    with np.errstate(all="ignore"):
        finite = _finite(matrix)
        values = np.linalg.svd(_harmless(matrix, finite), compute_uv=False)
        if not values.shape[-1]:
            return finite
        return np.asarray(finite & (values[..., -1] > values[..., 0] * np.finfo(np.float64).eps * matrix.shape[-1]))


def multiply(left: Array, right: Array) -> Array:
    """A · B."""
    if left.shape[-1] != right.shape[-2]:
        raise AlgorithmError(f"Matrices of {' by '.join(map(str, left.shape[-2:]))} and "
                             f"{' by '.join(map(str, right.shape[-2:]))} cannot be multiplied",
                             mend="give as many columns of the first as rows of the second")
    check_room(left.shape[:-2], (left.shape[-2], right.shape[-1]))
    with np.errstate(all="ignore"):
        return np.asarray(left @ right)


def solve(left: Array, right: Array) -> Array:
    """X of A · X = B, with the least squares where A has more rows than columns."""
    a, b = _double(left), _double(right)
    rows, columns = a.shape[-2:]
    if b.shape[-2] != rows:
        raise AlgorithmError(f"A has {rows} rows and B {b.shape[-2]}",
                             mend="give as many rows of both")
    if rows < columns:
        return np.full((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), columns, b.shape[-1]), np.nan)
    fine = _finite(a) & _finite(b)
    a = _harmless(a, fine)
    if rows > columns:
        base, a = np.linalg.qr(a)
        b = np.swapaxes(base, -1, -2) @ b
    fine = fine & regular(a)
    return _only(fine, np.linalg.solve(_harmless(a, fine), b))


def inverse(matrix: Array) -> Array:
    """A⁻¹ of square matrices."""
    _square(matrix)
    fine = regular(_double(matrix))
    return _only(fine, np.linalg.inv(_harmless(_double(matrix), fine)))


def pseudo_inverse(matrix: Array) -> Array:
    """The Moore-Penrose inverse, (…, columns, rows)."""
    fine = _finite(_double(matrix))
    return _only(fine, np.linalg.pinv(_harmless(_double(matrix), fine)))


def determinant(matrix: Array) -> Array:
    """(…)"""
    _square(matrix)
    with np.errstate(all="ignore"):
        return np.asarray(np.linalg.det(_double(matrix)))


def trace(matrix: Array) -> Array:
    """(…) sums of the diagonals."""
    return np.asarray(np.trace(matrix, axis1=-2, axis2=-1))


def frobenius_norm(matrix: Array) -> Array:
    """(…) roots of the sums of squares."""
    with np.errstate(all="ignore"):
        return np.asarray(np.sqrt((_double(matrix) ** 2).sum(axis=(-2, -1))))


def diagonal(matrix: Array) -> Array:
    """(…, N, 1) the diagonals as columns."""
    return np.asarray(np.diagonal(matrix, axis1=-2, axis2=-1)[..., None])


def to_diagonal(column: Array) -> Array:
    """(…, N, N) matrices of zeros with a column on their diagonal."""
    if column.shape[-1] != 1:
        raise AlgorithmError(f"The matrix must have one column. Got {column.shape[-1]}",
                             mend="give a single column")
    check_room(column.shape[:-2], (column.shape[-2],) * 2)
    return np.asarray(column * np.eye(column.shape[-2], dtype=column.dtype))


def cholesky(matrix: Array) -> tuple[Array]:
    """L, lower triangular, of L · L'. It reads the lower triangle alone."""
    _square(matrix)
    exact = _double(matrix)
    fine = _finite(exact)
    same = np.isclose(exact, np.swapaxes(exact, -1, -2), rtol=1e-9, atol=1e-12).all(axis=(-2, -1))
    least = np.linalg.eigvalsh(_harmless(exact, fine))[..., :1]
    fine = fine & same & (least > 0).all(axis=-1)
    return (_only(fine, np.linalg.cholesky(_harmless(exact, fine))),)


def orthogonal_triangular(matrix: Array) -> tuple[Array, Array]:
    """Q, square and orthogonal, and R, upper triangular, of Q · R."""
    check_room(matrix.shape[:-2], (matrix.shape[-2],) * 2)
    fine = _finite(_double(matrix))
    q, r = np.linalg.qr(_harmless(_double(matrix), fine), mode="complete")
    return _only(fine, q), _only(fine, r)


def lower_upper(matrix: Array) -> tuple[Array, Array, Array]:
    """L with a unit diagonal, U and the permutation P of P · A = L · U."""
    _square(matrix)
    fine = _finite(_double(matrix))
    p, lower, upper = linalg.lu(_harmless(_double(matrix), fine))
    return _only(fine, lower), _only(fine, upper), _only(fine, np.swapaxes(p, -1, -2))


def singular_values(matrix: Array) -> tuple[Array, Array, Array]:
    """U and V, square and orthogonal, and the diagonal S of U · S · V', largest first."""
    check_room(matrix.shape[:-2], (max(matrix.shape[-2:]),) * 2)
    fine = _finite(_double(matrix))
    u, values, v = np.linalg.svd(_harmless(_double(matrix), fine))
    s = values[..., None] * np.eye(values.shape[-1])
    rows, columns = matrix.shape[-2:]
    more = [(0, 0)] * (s.ndim - 2) + [(0, rows - s.shape[-2]), (0, columns - s.shape[-1])]
    return _only(fine, u), _only(fine, np.pad(s, more)), _only(fine, np.swapaxes(v, -1, -2))


def eigen(matrix: Array) -> Array:
    """(rows, 1 + columns): eigenvalues, largest first, each with its eigenvector of length 1 in the rest of its row."""
    _square(matrix)
    exact = _double(matrix)
    if not _finite(exact):
        raise AlgorithmError("The matrix is not finite", mend="give numbers in place of NaN and infinity")
    if np.array_equal(exact, exact.T):
        values, vectors = np.linalg.eigh(exact)
    else:
        values, vectors = np.linalg.eig(exact)
        if np.iscomplexobj(values) and np.abs(values.imag).max() > 0:
            raise AlgorithmError("The matrix has complex eigenvalues",
                                 mend="give a matrix with real ones, such as a symmetric one")
        values, vectors = values.real, vectors.real
    order = np.argsort(-values, kind="stable")
    return np.column_stack([values[order], vectors.T[order]])
