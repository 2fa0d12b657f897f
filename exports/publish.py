"""The map and its parcels into Earth Engine, and the proof that they arrived: the publish stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from agrispec.config import Config
from agrispec.engine import Engine, Expression
from exports import assets, manifest, parcels, shards, tiles
from exports.assets import ImageAsset
from exports.runs import Run

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


class Graphs(Protocol):
    """What `gee_scripts.export` offers; see there."""

    def image(self, asset_id: str, missing: float) -> Expression: ...

    def table(self, asset_id: str) -> Expression: ...


def images(run: Run, config: Config) -> list[ImageAsset]:
    """The images of a run's map, a file and an asset each: classes are pyramided by MODE, quantities by MEAN."""
    season = shards.layout_of(run.patches).season
    folder = f"projects/{config.engine.project}/assets/{config.engine.folder}"
    predicted = manifest.read(run.path)["stages"]["predict"]
    said = {"season": season, "model": predicted["model"], "model_digest": predicted["model_digest"],
            "cube_digest": predicted["cube"], "simulated": str(predicted["simulated"]).lower()}
    classes = {"class_names": ",".join(config.taxonomy.names), "class_palette": ",".join(config.taxonomy.colours)}

    def image(name: str, pyramiding: str, missing: float, **more: str | float) -> ImageAsset:
        return ImageAsset(asset_id=f"{folder}/{run.path.resolve().name}_{season}_{name}", band=name,
                          file=run.predictions / f"{name}.tif", pyramiding=pyramiding, missing=missing,
                          properties={**said, **more})

    return [image("class", "MODE", tiles.NO_CLASS, **classes),
            image("probability", "MEAN", tiles.NO_PROBABILITY),
            image("confident", "MODE", tiles.NO_CLASS, threshold=config.training.confidence)]


def publish(run: Run, config: Config, engine: Engine, graphs: Graphs, progress: Progress) -> dict[str, Any]:
    """Ingest class, probability and flag images and the parcels' table, then read all back and compare.

    Returns:
        for the manifest: asset ids with the number of pixels or rows that were compared.

    Raises:
        TaskFailed: an ingestion failed, or what arrived differs.
    """
    layout, bucket = shards.layout_of(run.patches), config.engine.bucket
    season = config.season_of(layout.season)
    engine.create_folder(f"projects/{config.engine.project}/assets/{config.engine.folder}")
    compared: dict[str, int] = {}
    for image in images(run, config):
        assets.publish_image(engine, bucket, image, season, lambda operation: progress(operation.description))
        compared[image.asset_id] = assets.compare_image(engine, graphs.image(image.asset_id, image.missing), image)
        progress(f"{image.asset_id}: {compared[image.asset_id]} pixels compared, all equal")
    rows = parcels.read(run.predictions / "parcels.json")
    if rows:
        table = f"projects/{config.engine.project}/assets/{config.engine.folder}/" \
                f"{run.path.resolve().name}_{layout.season}_parcels"
        assets.publish_table(engine, bucket, rows, table, {"season": layout.season}, season,
                             lambda operation: progress(operation.description))
        compared[table] = assets.compare_table(engine, graphs.table(table), rows, config.labels.parcel_id)
        progress(f"{table}: {compared[table]} parcels compared, all equal")
    return {"compared": compared}
