"""Writes the pages that follow from the code: docs/configuration.md and docs/cli.md. Run it after a change."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click

import cli
from agrispec import config

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
    for name, command in [("", cli.main), *sorted(cli.main.commands.items())]:
        called = f"agrispec-gee {name}".strip()
        context = click.Context(command, info_name=called, max_content_width=100, terminal_width=100,
                                **cli.main.context_settings)
        parts += [f"## {called}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(parts)


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


PAGES = {"configuration.md": configuration, "cli.md": commands}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
