"""What is said of a path that there is nothing to tell of: what it is, where that is known, and what tells of it."""

from __future__ import annotations

from pathlib import Path

from agrispec.errors import DataError
from agrispec.formats.asset_files import DESCRIPTIONS
from exports import runs


def refusal(path: Path) -> DataError:
    """Names the command for an export that is not finished and for the embedded engine's assets."""
    here, home = path.resolve(), runs.above(path)
    if home and here.is_relative_to(home.exporting):
        return DataError(f"{path} belongs to an export that is not finished",
                         mend=f"see how it stands with: agrispec-gee status {home.path}; go on with: agrispec-gee"
                              f" export {home.path} --resume")
    run = home.path if home else "RUN, a run whose [engine] landscape it is in"
    if asset := _asset_id(here):
        return DataError(f"{path} is the asset {asset} of an embedded engine",
                         mend=f"ask that by its id: agrispec-gee inspect {asset} --run {run}")
    if held := [asset for folder in (here, here / "assets") if folder.is_dir()
                for asset in map(_asset_id, folder.iterdir()) if asset]:
        return DataError(f"{path} holds the assets of an embedded engine",
                         mend=f"ask for one by its id, as in: agrispec-gee inspect {min(held)} --run {run}")
    return DataError(f"{path} is neither a run, a model, records of cubes or patches, predictions, a GeoTIFF nor a"
                     " table of samples or truth",
                     mend="name one of these; record files end in .tfrecord.gz, images in .tif, tables in .parquet")


def _asset_id(path: Path) -> str:
    """The id of an asset that holds others, by its folder; "" of any other path. See
    `agrispec.formats.asset_tree`."""
    names: list[str] = []
    while any((path / document).is_file() for document in DESCRIPTIONS.values()):
        names.insert(0, path.name)
        path = path.parent
    return "/".join(names) if path.name == "assets" else ""
