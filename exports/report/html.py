"""A report as one HTML page that loads nothing: styles and figures are in it, and there is no script."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape
from importlib import resources

from exports.report.document import (
    SIMULATED,
    Block,
    Bullets,
    Code,
    Document,
    Facts,
    Figure,
    Heading,
    Missing,
    Paragraph,
    Said,
    Table,
    captioned,
)


def html(document: Document) -> str:
    """The text of a report's page."""
    style = resources.files("exports.report").joinpath("page.css").read_text(encoding="utf-8")
    title = escape(document.title)
    # A browser that opens the page loads nothing and runs nothing, whatever a name in it says.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    links = "".join(f'<li><a href="#{escape(section.id)}">{escape(section.title)}</a></li>'
                    for section in document.sections)
    marked = f'<p class="simulated" role="note">{escape(SIMULATED)}</p>' if document.simulated else ""
    opening = "".join(_block(block, document.simulated) for block in document.opening)
    sections = "".join(
        f'<section id="{escape(section.id)}"><h2>{escape(section.title)}</h2>'
        f'{"".join(_block(block, document.simulated) for block in section.blocks)}</section>\n'
        for section in document.sections)
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n<style>\n{style}</style>\n'
            f'</head>\n<body>\n<nav aria-label="Contents"><ol>{links}</ol></nav>\n<main>\n<header><h1>{title}</h1>'
            f'<p class="subtitle">{escape(document.subtitle)}</p>{marked}</header>\n{opening}\n{sections}</main>\n'
            f'</body>\n</html>\n')


def _block(block: Block, simulated: bool) -> str:
    match block:
        case Paragraph():
            return f'<p class="quiet">{_said(block.said)}</p>' if block.quiet else f"<p>{_said(block.said)}</p>"
        case Missing():
            return (f'<p class="missing">{escape(block.what)} Make it with: <code>{escape(block.command)}</code></p>')
        case Heading():
            return f"<h3>{escape(block.text)}</h3>"
        case Bullets():
            return f"<ul>{''.join(f'<li>{_said(item)}</li>' for item in block.items)}</ul>"
        case Facts():
            pairs = "".join(f"<div><dt>{escape(name)}</dt><dd>{_said(value)}</dd></div>" for name, value in block.pairs)
            return f'<dl class="{"large" if block.large else "facts"}">{pairs}</dl>'
        case Table():
            return _table(block)
        case Figure():
            return (f'<figure>{_picture(block)}<figcaption>{escape(captioned(block, simulated))}</figcaption>'
                    '</figure>')


def _picture(figure: Figure) -> str:
    alt = escape(figure.alt)
    if isinstance(figure.content, bytes):
        return f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(figure.content).decode()}">'
    return f'<div class="chart" role="img" aria-label="{alt}">{figure.content}</div>'


def _table(table: Table) -> str:
    rows = "".join(f"<tr>{''.join(_cells(table, number))}</tr>" for number in range(len(table.rows)))
    head = "".join(f'<th scope="col"{_number(numeric)}>{escape(name)}</th>'
                   for name, numeric in zip(table.head, table.numeric, strict=True))
    caption = escape(table.caption)
    # What scrolls can be scrolled by keyboard, too, and has a name.
    return (f'<figure class="table"><figcaption>{caption}</figcaption>'
            f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></figure>")


def _cells(table: Table, number: int) -> Iterator[str]:
    swatch = ""
    if table.colours:
        swatch = f'<span class="swatch" style="background:{escape(table.colours[number])}"></span>'
    for place, (cell, numeric) in enumerate(zip(table.rows[number], table.numeric, strict=True)):
        if place == 0:
            yield f'<th scope="row">{swatch}{escape(cell)}</th>'
            continue
        shade = table.shades[number][place] if table.shades else 0.0
        style = f' style="--level:{shade:.2f}"' if shade else ""
        yield f"<td{_number(numeric)}{style}>{escape(cell)}</td>"


def _number(numeric: bool) -> str:
    return ' class="number"' if numeric else ""


def _said(said: Said) -> str:
    return "".join(f"<code>{escape(part.text)}</code>" if isinstance(part, Code) else escape(part) for part in said)
