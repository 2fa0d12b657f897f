"""The patches of a map: where they lie, and whether all are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agrispec.formats import tfrecord
from exports import shards
from exports.inspection import cube, image
from exports.inspection.text import entry, on_disk


def describe(folder: Path) -> Iterator[str]:
    """Season, grid, mixer, files and cube of a folder of patches.

    Raises:
        CorruptRecord: a file of it is missing or damaged.
        SchemaMismatch: the mixer is none.
    """
    spec, layout, mixer = shards.cube_of(folder), shards.layout_of(folder), shards.mixer_of(folder)
    files = sorted(folder.glob("*.tfrecord.gz"))
    yield from entry("patches", f"{folder}, season {layout.season}")
    yield from image.place(layout.grid)
    yield from entry("mixer", f"{mixer.total_patches:,} patches of {mixer.patch_height} x"
                              f" {mixer.patch_width} pixels, {mixer.patches_per_row} side by side: {mixer.height} rows"
                              f" x {mixer.width} columns with what fills up the edges, {mixer.crs}")
    yield from cube.describe(spec)
    yield from entry("files", on_disk(files))
    held = sum(len(block) for path in files for block in tfrecord.blocks(path))
    yield from entry("records", f"{held:,}, all patches" if held == mixer.total_patches else
                     f"{held:,}, where the mixer says {mixer.total_patches:,}: export the patches again")
