"""What of a run's predictions becomes an asset, under which name, and what it says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agrispec.config import Config
from agrispec.errors import CorruptRecord
from exports import parcels, predictions
from exports.runs import Run

PARCELS = "parcels"
"""The product that is a table."""

FILE_DIGEST = "file_digest"
"""The property that tells whose an asset is: the digest of the file that it was made of."""

IDENTITY = (FILE_DIGEST, "model_digest", "cube")
"""Properties that are alike where an asset is of the same predictions."""

LICENCE = "licence"
"""The property that an asset has only where `[publish]` names a licence."""

_OF_CLASSES = ("class", "second", "smoothed")

# https://developers.google.com/earth-engine/guides/asset_manager: letters, digits, hyphens and underscores.
_NO_ID = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """What is particular to an image of one band, which has the product's name.

    Attributes:
        pyramiding: how coarser pixels are made, "MODE" for classes, "MEAN" for quantities.
        missing: the value that stands for nothing.
    """

    pyramiding: str
    missing: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A file of the predictions that becomes an asset of its own.

    Attributes:
        name: "class", "probability", …, or "parcels".
        file: a GeoTIFF, or a GeoParquet.
        size: of the file, bytes.
        pixels: of an image; None stands for a table.
        properties: what the asset says of itself, as texts and numbers, of which manifests are made.
        lists: what it says beside, as lists.
    """

    name: str
    file: Path
    size: int
    pixels: Pixels | None
    properties: Mapping[str, str | float]
    lists: Mapping[str, list[str] | list[int]] = field(default_factory=dict)


def products(run: Run, config: Config) -> tuple[dict[str, Any], list[Product]]:
    """What `prediction.json` of a run says, and its products: the images in the card's order, then the parcels.

    Raises:
        RunError: nothing is predicted yet.
        CorruptRecord: the predictions are not whole, or a file is not the one that the card describes.
    """
    folder = run.need(run.predictions, "predict")
    card = predictions.card(folder)
    found = [_image(folder, config, card, name, each) for name, each in card["products"].items()]
    if card["parcels"]:
        file = folder / parcels.FILE
        found.append(Product(name=PARCELS, file=file, size=file.stat().st_size, pixels=None,
                             properties={**said(card), **_licence(config), FILE_DIGEST: card["parcels_digest"]}))
    return card, found


def _image(folder: Path, config: Config, card: Mapping[str, Any], name: str, described: Mapping[str, Any]) -> Product:
    try:
        file, digest = folder / described["file"], described["digest"]
        pixels = Pixels(pyramiding=described["pyramiding"], missing=float(described["missing"]))
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptRecord(f"the predictions in {folder} do not say what {name!r} is ({error})",
                            mend="predict again") from error
    properties: dict[str, str | float] = {**said(card), **_licence(config), FILE_DIGEST: digest}
    lists: dict[str, list[str] | list[int]] = {}
    if name in _OF_CLASSES:
        properties |= said_of_classes(config)
        lists = legend(config, name)
    if name == "confident":
        properties["threshold"] = card["threshold"]
    return Product(name=name, file=file, size=file.stat().st_size, pixels=pixels, properties=properties, lists=lists)


def said(card: Mapping[str, Any]) -> dict[str, str | float]:
    """What every asset of a map says of itself.

    Args:
        card: season, model, digests of model and cube, and whether scenes were simulated, as in `prediction.json`.
    """
    return {**{key: card[key] for key in ("season", "model", "model_digest", "cube")},
            "simulated": str(card["simulated"]).lower()}


def said_of_classes(config: Config) -> dict[str, str]:
    """What an image of class numbers says beside: names and colours by number.

    As texts, for manifests take no lists: https://developers.google.com/earth-engine/guides/image_manifest#properties
    """
    return {"class_names": ",".join(config.taxonomy.names), "class_palette": ",".join(config.taxonomy.colours)}


def legend(config: Config, band: str) -> dict[str, list[str] | list[int]]:
    """The same as lists, under the names by which maps of Earth Engine draw a band that holds classes.

    Source: how NLCD says it, https://developers.google.com/earth-engine/datasets/catalog/USGS_NLCD_RELEASES_2021_REL_NLCD
    """
    names, colours = config.taxonomy.names, config.taxonomy.colours
    return {f"{band}_class_values": list(range(len(names))), f"{band}_class_names": list(names),
            f"{band}_class_palette": [colour.removeprefix("#") for colour in colours]}


def _licence(config: Config) -> dict[str, str]:
    return {LICENCE: config.publish.licence} if config.publish.licence else {}


def folder(config: Config) -> str:
    """The asset folder of the maps."""
    return f"projects/{config.engine.project}/assets/{config.engine.folder}"


def asset_id(run: Run, config: Config, season: int, name: str) -> str:
    """The id of one of the assets of a run's map of a season."""
    return f"{folder(config)}/{_NO_ID.sub('-', run.path.resolve().name)}_{season}_{name}"
