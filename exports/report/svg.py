"""Lines, areas and words of drawings, as SVG that is legible on light and dark paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

# Okabe & Ito, https://jfly.uni-koeln.de/color/: told apart with any colour vision, and on light and dark paper.
BLUE, VERMILLION, GREEN, PINK = "#2b87bd", "#d55e00", "#00936b", "#c46a9c"
SERIES = (BLUE, VERMILLION, GREEN, PINK)
DASHES = ("", "7 3", "2 3", "9 3 2 3")
"""Beside the colours of `SERIES`: who sees no colours tells lines apart by them."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A panel: data coordinates onto those of the drawing.

    Attributes:
        left, top, width, height: of the panel in the drawing.
        across, up: least and greatest value along each side.
    """

    left: float
    top: float
    width: float
    height: float
    across: tuple[float, float]
    up: tuple[float, float]

    def x(self, value: float) -> float:
        """Where a value of the horizontal side is."""
        low, high = self.across
        return self.left + self.width * (value - low) / (high - low)

    def y(self, value: float) -> float:
        """Where a value of the vertical side is."""
        low, high = self.up
        return self.top + self.height * (high - value) / (high - low)

    def at(self, x: float, y: float) -> Point:
        """A point."""
        return self.x(x), self.y(y)


def drawing(width: float, height: float, parts: Iterable[str]) -> str:
    """The SVG element of parts; text is 13 of its units high."""
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" font-size="13" '
            f'font-family="system-ui, sans-serif" fill="currentColor">{"".join(parts)}</svg>')


def standing_alone(svg: str) -> bytes:
    """A drawing as a file, on white paper: whoever shows it may show it on black."""
    return svg.replace("<svg ", '<svg color="#1c1f23" style="background:#fff" ', 1).encode()


def text(x: float, y: float, words: str, *, anchor: str = "start", weight: int = 400, soft: bool = False) -> str:
    """Words whose base line begins, is centred or ends at a point."""
    faint = ' fill-opacity="0.68"' if soft else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"{faint}>'
            f"{escape(words)}</text>")


def line(start: Point, end: Point, *, colour: str = "currentColor", width: float = 1.0, opacity: float = 1.0,
         dash: str = "") -> str:
    """A straight line."""
    return (f'<line x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}" stroke="{colour}" '
            f'stroke-width="{width:g}" stroke-opacity="{opacity:g}"{_dashed(dash)}/>')


def path(points: Sequence[Point], *, colour: str, width: float = 2.0, opacity: float = 1.0, dash: str = "") -> str:
    """A line through points."""
    if len(points) < 2:
        return "".join(dot(point, colour=colour, radius=width / 2) for point in points)
    return (f'<polyline points="{_listed(points)}" fill="none" stroke="{colour}" stroke-width="{width:g}" '
            f'stroke-opacity="{opacity:g}" stroke-linejoin="round" stroke-linecap="round"{_dashed(dash)}/>')


def band(low: Sequence[Point], high: Sequence[Point], *, colour: str) -> str:
    """The area between two lines."""
    return f'<polygon points="{_listed([*low, *reversed(high)])}" fill="{colour}" fill-opacity="0.18"/>'


def box(x: float, y: float, width: float, height: float, *, colour: str = "currentColor", opacity: float = 1.0) -> str:
    """A filled rectangle."""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}" '
            f'fill-opacity="{opacity:g}"/>')


def dot(at: Point, *, colour: str, radius: float = 4.0, hollow: bool = False) -> str:
    """A disc, or a ring."""
    filled = f'fill="none" stroke="{colour}" stroke-width="1.8"' if hollow else f'fill="{colour}"'
    return f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:.1f}" {filled}/>'


def _listed(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _dashed(dash: str) -> str:
    return f' stroke-dasharray="{dash}"' if dash else ""
