"""Array kernels: compiled loops, each with a twin in NumPy that has the same signature and the same answers.

A kernel is written twice, because a loop over series is fast only when compiled and an array expression is
the only way to be quick without a compiler. `compiled` is the one place that chooses between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar, cast

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(twin: Kernel) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorates the loop that does what `twin` does: gives the loop, compiled at its first call, where numba
    is installed and `twin` where it is not.

    The machine code is kept beside the source, so a second process does not compile again. Kernels release
    the GIL. Division follows IEEE 754, as in NumPy, and no operation is reordered: the twins can be equal.
    """

    def choose(loop: Callable[..., Any]) -> Kernel:
        if find_spec("numba") is None:
            return twin
        from numba import njit

        return cast(Kernel, njit(cache=True, nogil=True, error_model="numpy")(loop))

    return choose
