"""Writes the pages that follow from the code: docs/configuration.md, docs/cli.md and docs/engine.md.

Run it after a change."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

import cli
from agrispec import config
from gee_scripts.engine.local.algorithms.cells import MOST_REACH
from gee_scripts.engine.local.language import coverage
from gee_scripts.engine.local.operations.exporting import IMAGE_FORMATS, TABLE_FORMATS
from gee_scripts.engine.local.rasters.raster import MOST_BANDS
from gee_scripts.engine.local.rest.discovery import ROUTES

HERE = Path(__file__).parent


def configuration() -> str:
    """Every key of agrispec.toml with its meaning and default, from the docstrings of agrispec/config.py."""
    parts = ["# agrispec.toml", "",
             "Made by `docs/generate.py`. `agrispec-gee init RUN` writes a commented example.", ""]
    hints = get_type_hints(config.Config)
    for field in fields(config.Config):
        kind, repeated = hints[field.name], bool(get_args(hints[field.name]))
        kind = get_args(kind)[0] if repeated else kind
        brackets = f"[[{field.name}]]" if repeated else f"[{field.name}]"
        needed = " (required)" if field.default is MISSING else ""
        parts += [f"## {brackets}{needed}", "", "| key | default | meaning |", "|---|---|---|"]
        meanings = _meanings(kind)
        parts += [f"| `{key.name}` | {_default(key)} | {meanings[key.name]} |" for key in fields(kind)]
        parts.append("")
    return "\n".join(parts)


def commands() -> str:
    """The help of every command."""
    parts = ["# agrispec-gee", "", "Made by `docs/generate.py`.", ""]
    for name, command in _tree("agrispec-gee", cli.main):
        context = click.Context(command, info_name=name, max_content_width=100, terminal_width=100,
                                **cli.main.context_settings)
        parts += [f"## {name}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(parts)


def _tree(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for below, part in sorted(getattr(command, "commands", {}).items()):
        yield from _tree(f"{name} {below}", part)


def engine() -> str:
    """What the embedded engine answers, and how far it does."""
    rows = coverage.rows()
    count = Counter(row.status for row in rows)
    parts = ["# The embedded engine's functions", "", "Made by `docs/generate.py`.", "",
             f"Of the {len(rows)} functions that the `ee` client lists, {count['done']} are done, {count['partial']}"
             f" are done in part, and {count['not']} are refused by name. The families below were written down before"
             " the work on them (`gee_scripts/engine/local/language/coverage.py`).", "",
             "Every reading rests on the function's description in the client's own list (`ee/tests/algorithms.json`);"
             " a link names what it rests on beside that. Nothing here has been compared with Earth Engine itself:"
             " `tests/conformance` is there for whoever has an account (CONTRIBUTING.md says how).", ""]
    for family in coverage.COVERAGE:
        parts += [f"## {family}", "", "| function | | what is refused or differs from the service | rests on |",
                  "|---|---|---|---|"]
        parts += [f"| `{row.name}` | {row.status} | {row.note} | {f'[link]({row.source})' if row.source else ''} |"
                  for row in rows if row.family == family]
        parts.append("")
    refused = [route for route in ROUTES if not route.answered]
    parts += ["## The REST surface", "",
              f"Of the {len(ROUTES)} methods that the client may call, {len(ROUTES) - len(refused)} are answered;"
              f" {', '.join(f'`{route.id}`' for route in refused)} are refused by name. Tables are exported as"
              f" {_listed(TABLE_FORMATS)}, images as {_listed(IMAGE_FORMATS)}: the service's other formats (KML, KMZ"
              " and SHP of tables) are refused, and so are exports to Google Drive. A kernel reaches at most"
              f" {MOST_REACH} pixels from its centre, and an image has at most {MOST_BANDS:,} bands; the service's"
              " bounds are not documented.", ""]
    for title, answered in (("Answered beside these", True), ("Refused", False)):
        names = [row.name for row in rows if not row.family and (row.status != "not") == answered]
        parts += [f"## {title}", "", ", ".join(f"`{name}`" for name in names), ""]
    return "\n".join(parts)


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(f'`{name}`' for name in names[:-1])} and `{names[-1]}`"


def _meanings(kind: Any) -> dict[str, str]:
    """Attribute -> its text in the docstring's section of attributes."""
    section = re.search(r"Attributes:\n(.*?)(?:\n\n|\Z)", kind.__doc__, re.DOTALL)
    assert section, f"{kind.__name__} says nothing of its attributes"
    found: dict[str, str] = {}
    for line in section[1].splitlines():
        named = re.match(r" {8}(\w+): (.*)", line)
        if named:
            found[named[1]] = named[2]
        elif line.strip():
            found[next(reversed(found))] += " " + line.strip()
    return found


def _default(field: Any) -> str:
    if field.default is MISSING:
        return "required"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{value!r}`" if not isinstance(value, str) else f'`"{value}"`'


PAGES = {"configuration.md": configuration, "cli.md": commands, "engine.md": engine}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
