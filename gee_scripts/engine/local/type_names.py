"""What messages call values: by Earth Engine's names of their types, never by Python's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


class Named:
    """A value that has no short text: messages show its type, <Image>."""

    __slots__ = ()

    @property
    def type_name(self) -> str:
        """Earth Engine's name of its type."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.type_name}>"


def type_name(value: Any) -> str:
    """Earth Engine's name of a value's type."""
    match value:
        case None:
            return "Null"
        case bool() | int() | float() | np.generic():
            return "Integer" if isinstance(value, int) else "Float"
        case str():
            return "String"
        case list() | tuple():
            return "List"
        case dict():
            return "Dictionary"
        case np.ndarray():
            return "Array"
        case Named():
            return value.type_name
    return type(value).__name__


def type_names(values: Iterable[Any]) -> str:
    """The types of values that are not null, in the order they come in."""
    return ", ".join(dict.fromkeys(type_name(value) for value in values if value is not None))
