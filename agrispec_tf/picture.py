"""A map as a picture: classes in their colours beside how sure the model is of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from agrispec.formats.atomic import write_files


def draw_map(path: Path, classes: NDArray[np.uint8], probability: NDArray[np.float32], names: Sequence[str],
             colours: Sequence[str], title: str) -> None:
    """Write a PNG of class numbers (row, column) and their probabilities; numbers beyond the names stay white."""
    figure = Figure(figsize=(11.5, 5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    shown = np.ma.masked_where(classes >= len(names), classes)
    left.imshow(shown, cmap=ListedColormap(list(colours)), vmin=-0.5, vmax=len(names) - 0.5, interpolation="nearest")
    left.set_title(title)
    drawn = right.imshow(np.ma.masked_where(classes >= len(names), probability), vmin=0, vmax=1, cmap="viridis",
                         interpolation="nearest")
    right.set_title("probability of the class")
    figure.colorbar(drawn, ax=right, shrink=0.8)
    for axes in (left, right):
        axes.set_axis_off()
    present = [number for number in range(len(names)) if (classes == number).any()]
    figure.legend(handles=[Patch(color=colours[number], label=names[number]) for number in present],
                  loc="outside left center", frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, metadata={"Software": None})
    write_files({path: content.getvalue()})
