"""The mixer file beside an image export: where the patches of its records lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agrispec.errors import SchemaMismatch, StorageError
from agrispec.formats.atomic import write_files

_MEND = "give the -mixer.json file that Earth Engine wrote beside the TFRecord files of this export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixer:
    """Patches of equal size, numbered row by row from the upper left: record i of the export is patch i.

    crs as Earth Engine prints it; transform (a, b, c, d, e, f) of the whole image, x = a * column + b * row + c
    and y = d * column + e * row + f in units of the CRS; sizes in pixels, without the kernel's margin.

    Source: https://developers.google.com/earth-engine/guides/tfrecord#export-patches
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]
    patch_width: int
    patch_height: int
    patches_per_row: int
    total_patches: int

    def __post_init__(self) -> None:
        for name in ("patch_width", "patch_height", "patches_per_row", "total_patches"):
            if getattr(self, name) < 1:
                raise SchemaMismatch(f"the mixer gives {getattr(self, name)} as {name}", mend=_MEND)
        if self.total_patches % self.patches_per_row:
            raise SchemaMismatch(f"the mixer gives {self.total_patches} patches in rows of {self.patches_per_row}, "
                                 "so the last row is not full", mend=_MEND)
        a, b, _, d, e, _ = self.transform
        if a * e - b * d == 0:
            raise SchemaMismatch(f"the mixer's transform {self.transform} maps pixels onto a line", mend=_MEND)

    @property
    def width(self) -> int:
        """Columns of the whole image."""
        return self.patches_per_row * self.patch_width

    @property
    def height(self) -> int:
        """Rows of the whole image."""
        return self.total_patches // self.patches_per_row * self.patch_height

    def corner(self, patch: int) -> tuple[int, int]:
        """Row and column of the upper left pixel of a patch."""
        row, column = divmod(patch, self.patches_per_row)
        return row * self.patch_height, column * self.patch_width


def read(path: str | Path) -> Mixer:
    """The mixer of a file.

    Raises:
        SchemaMismatch: the file is no mixer, or its numbers contradict each other.
        StorageError: the file cannot be read.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"{path} could not be read: {error.strerror or error}", mend=_MEND) from error
    try:
        return parse(json.loads(text))
    except (ValueError, RecursionError):
        raise SchemaMismatch(f"{path} is not JSON", mend=_MEND) from None
    except SchemaMismatch as error:
        raise SchemaMismatch(f"{path}: {error.message}", mend=error.mend) from None


def parse(document: Any) -> Mixer:
    """The mixer of a JSON document. Keys that are not part of a mixer are left alone. Raises SchemaMismatch."""
    affine = _get(document, "projection", "affine", "doubleMatrix")
    if not isinstance(affine, list) or len(affine) != 6 or not all(_is_number(value) for value in affine):
        raise SchemaMismatch(f"the mixer's affine.doubleMatrix is {affine!r}, not six finite numbers", mend=_MEND)
    a, b, c, d, e, f = map(float, affine)
    crs = _get(document, "projection", "crs")
    if not isinstance(crs, str):
        raise SchemaMismatch(f"the mixer's projection.crs is {crs!r}, not a text", mend=_MEND)
    dimensions = _get(document, "patchDimensions")
    if not isinstance(dimensions, list) or len(dimensions) != 2:
        raise SchemaMismatch(f"the mixer's patchDimensions is {dimensions!r}, not [width, height]", mend=_MEND)
    width, height = (_whole(value, "patchDimensions") for value in dimensions)
    return Mixer(crs=crs, transform=(a, b, c, d, e, f), patch_width=width, patch_height=height,
                 patches_per_row=_whole(_get(document, "patchesPerRow"), "patchesPerRow"),
                 total_patches=_whole(_get(document, "totalPatches"), "totalPatches"))


def write(path: str | Path, mixer: Mixer) -> None:
    """Write the mixer as Earth Engine prints it. Raises StorageError."""
    document = {"projection": {"crs": mixer.crs, "affine": {"doubleMatrix": list(mixer.transform)}},
                "patchDimensions": [mixer.patch_width, mixer.patch_height],
                "patchesPerRow": mixer.patches_per_row, "totalPatches": mixer.total_patches}
    write_files({Path(path): json.dumps(document, separators=(",", ":")).encode()})


def _get(document: Any, *keys: str) -> Any:
    for depth, key in enumerate(keys):
        if not isinstance(document, dict) or key not in document:
            raise SchemaMismatch(f"the mixer lacks {'.'.join(keys[: depth + 1])}", mend=_MEND)
        document = document[key]
    return document


def _whole(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SchemaMismatch(f"the mixer's {name} holds {value!r}, not a whole number", mend=_MEND)
    return value


def _is_number(value: Any) -> bool:
    # JSON as Python reads it also knows NaN and Infinity.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
