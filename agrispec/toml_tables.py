"""TOML texts as frozen dataclasses: a table is a class, a key an attribute, and its annotation what it may hold.

Attributes are int, float, str, bool, tuples of one of these or of tables, and tables. An unknown key is refused by
name, with the nearest right one.
"""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from agrispec.errors import AgrispecError, ConfigError

Table = TypeVar("Table")


def parse(kind: type[Table], text: str, name: str) -> Table:
    """The text's tables.

    Args:
        kind: dataclass of the top level.
        text: TOML.
        name: what errors call it.

    Raises:
        ConfigError: it is not TOML, or a key is unknown, missing or impossible.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not TOML ({error})", mend="mend the line it names") from error
    table: Table = _section(kind, found, name, "")
    return table


def _value(kind: Any, found: Any, name: str, key: str) -> Any:
    """`found`, checked against the annotation `kind` and converted to it."""
    if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
        return _section(kind, found, name, key)
    if get_origin(kind) is tuple:
        if not isinstance(found, list):
            raise ConfigError(f"{name}: {key} = {found!r} is not a list", mend=f"write {key} = [...]")
        return tuple(_value(get_args(kind)[0], item, name, key) for item in found)
    wanted = {int: "a whole number", float: "a number", str: "a text in quotes", bool: "true or false"}[kind]
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(found, accepted) or (isinstance(found, bool) and kind is not bool):
        raise ConfigError(f"{name}: {key} = {found!r} is not {wanted}", mend=f"give {key} {wanted}")
    # Whole numbers may have any length.
    if kind is float and not abs(found) <= sys.float_info.max:
        raise ConfigError(f"{name}: {key} = {str(found)[:40]} is not a finite number",
                          mend=f"give {key} a finite number")
    return kind(found)


def _section(kind: Any, found: Any, name: str, key: str) -> Any:
    where = f"[{key}]" if key else "the top level"
    if not isinstance(found, Mapping):
        raise ConfigError(f"{name}: {key} is not a table", mend=f"write {where} on a line of its own, its keys below")
    hints = get_type_hints(kind)
    for given in found:
        if given not in hints:
            near = difflib.get_close_matches(given, hints, n=1, cutoff=0.5)
            raise ConfigError(f"{name}: {where} has no key {given!r}",
                              mend=f"did you mean {near[0]!r}?" if near else f"its keys are {', '.join(hints)}")
    missing = [field.name for field in fields(kind)
               if field.default is MISSING and field.default_factory is MISSING and field.name not in found]
    if missing:
        raise ConfigError(f"{name}: {where} lacks {', '.join(missing)}", mend=f"add {missing[0]} to {where}")
    try:
        return kind(**{given: _value(hints[given], value, name, f"{key}.{given}" if key else given)
                       for given, value in found.items()})
    except AgrispecError as error:
        if error.message.startswith(name):
            raise
        raise ConfigError(f"{name}: {error.message}", mend=error.mend) from error
