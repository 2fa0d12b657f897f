"""Algorithms by name: what the client may call, what is implemented, and how arguments are bound.

Signatures are those the `ee` client ships (`ee/tests/algorithms.json`); an implementation takes its arguments
in their order, after defaults and promotions.
"""

from __future__ import annotations

import difflib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from agrispec.errors import AgrispecError, EngineError
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language import promotion
from gee_scripts.engine.local.refusals import REPORT, fault

_log = logging.getLogger(__name__)

Implementation = TypeVar("Implementation", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What implements an algorithm, and how far.

    Attributes:
        function: takes the algorithm's arguments in their order.
        catalog: whether the catalogue comes first among its arguments.
        nulls: whether lists of a type among its arguments may hold null.
        lacks: what of the algorithm is refused; "" where all of it is there.
        differs: where an answer may be another than the service's; "" where its documentation is followed.
        source: what our reading rests on, beside the algorithm's description in the client's list; "" for nothing.
    """

    function: Callable[..., Any]
    catalog: bool
    nulls: bool
    lacks: str
    differs: str
    source: str

    @property
    def status(self) -> str:
        """done, or partial where something is refused."""
        return "partial" if self.lacks else "done"


IMPLEMENTED: dict[str, Entry] = {}
"""Name -> what implements it."""


class AlgorithmError(EngineError):
    """An algorithm refused its arguments; its name is put before the message."""


@dataclass(frozen=True, slots=True)
class Argument:
    """Name on the wire, type, and whether it may be left out."""

    name: str
    type: str
    optional: bool
    default: Any


MOST_ITEMS = 10_000_000
"""Length of a list or string beyond which a graph is taken for one that has no end."""


def algorithm(*names: str, catalog: bool = False, nulls: bool = False, lacks: str = "", differs: str = "",
              source: str = "") -> Callable[[Implementation], Implementation]:
    """Decorates the implementation of one algorithm, or of several that are synonyms; see `Entry`."""

    def register(function: Implementation) -> Implementation:
        twice = IMPLEMENTED.keys() & names
        if twice:
            raise ValueError(f"implemented twice: {', '.join(sorted(twice))}")
        entry = Entry(function=function, catalog=catalog, nulls=nulls, lacks=lacks, differs=differs, source=source)
        IMPLEMENTED.update(dict.fromkeys(names, entry))
        return function

    return register


@lru_cache(maxsize=1)
def signatures() -> Mapping[str, tuple[Argument, ...]]:
    """Name of every algorithm of Earth Engine -> its arguments, in order.

    Raises:
        EngineError: the installed `ee` client does not ship its list.
    """
    spec = find_spec("ee")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    file = Path(folders[0] if folders else ".") / "tests" / "algorithms.json"
    try:
        listed = json.loads(file.read_bytes())["algorithms"]
    except (OSError, ValueError, KeyError) as error:
        raise EngineError("the installed earthengine-api does not hold its list of algorithms",
                          mend="install the pinned version: pip install 'earthengine-api>=1.7,<1.8'") from error
    return {entry["name"].removeprefix("algorithms/"):
            tuple(Argument(a["argumentName"], a["type"], a.get("optional", False), a.get("defaultValue"))
                  for a in entry.get("arguments", ())) for entry in listed}


def invoke(name: str, given: Mapping[str, Any], catalog: Catalog) -> Any:
    """The value of an algorithm for arguments by their wire names.

    Raises:
        EngineError: it does not exist, is not implemented, or refuses its arguments.
        AssetMissing: it loads an asset that is not there.
    """
    entry = _find(name)
    arguments: list[Any] = [catalog] if entry.catalog else []
    expected = signatures()[name]
    for argument in expected:
        value = given.get(argument.name)
        if value is None:
            if not argument.optional:
                raise EngineError(f"{name}: Parameter '{argument.name}' is required and may not be null",
                                  mend=f"give {argument.name}")
            value = argument.default
        if value is not None:
            try:
                value = promotion.promoted(value, argument.type, catalog, entry.nulls)
            except promotion.Mismatch as error:
                raise EngineError(f"{name}, argument '{argument.name}': Invalid type. Expected type: "
                                  f"{argument.type}. Actual type: {error.found}. Actual value: {error.text}",
                                  mend="cast the value, or give one of the expected type") from error
        arguments.append(value)
    unknown = [each for each in given if each not in _names(name)]
    if unknown:
        raise EngineError(f"{name}: Unexpected arguments: {', '.join(sorted(unknown))}",
                          mend=f"it takes {', '.join(a.name for a in expected) or 'none'}")
    try:
        return entry.function(*arguments)
    except AlgorithmError as error:
        raise EngineError(f"{name}: {error.message}", mend=error.mend) from error
    except AgrispecError:
        raise
    except RecursionError:
        raise
    except MemoryError as error:
        raise EngineError(f"{name}: User memory limit exceeded.", mend="ask for less at once") from error
    except Exception as error:
        absurd = next((number for number in _numbers(list(given.values())) if not abs(number) <= _USUAL), None)
        if absurd is not None:
            raise EngineError(f"{name}: {absurd} is not a number it can work with",
                              mend="give finite numbers of a usual size") from error
        _log.exception("%s", name)
        raise EngineError(f"{name}: {fault(error)}", mend=REPORT) from error


# Farther from 0 than any length, time or place that a graph speaks of.
_USUAL = 1e15


def _numbers(values: Iterable[Any]) -> Iterator[float]:
    for value in values:
        if isinstance(value, int | float):
            yield value
        elif isinstance(value, list):
            yield from _numbers(value)


@cache
def _names(name: str) -> frozenset[str]:
    return frozenset(argument.name for argument in signatures()[name])


def _find(name: str) -> Entry:
    if name in IMPLEMENTED:
        return IMPLEMENTED[name]
    # The families register themselves when they are imported.
    from gee_scripts.engine.local import algorithms  # noqa: F401

    if name in IMPLEMENTED:
        return IMPLEMENTED[name]
    near = difflib.get_close_matches(name, IMPLEMENTED, n=1)
    hint = f"; the nearest that is: {near[0]}" if near else ""
    if name in signatures():
        raise EngineError(f"local engine: function '{name}' is not implemented{hint}",
                          mend="use another function, or set [engine] name = \"cloud\" in agrispec.toml")
    raise EngineError(f"Unknown algorithm '{name}'{hint}", mend="check the name, or update the ee client")
