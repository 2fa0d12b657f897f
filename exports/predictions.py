"""What a folder of predictions says of itself: `prediction.json`, true only of the files beside it, and a STAC item."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from agrispec.errors import CorruptRecord
from agrispec.formats import stac
from agrispec.grid import Grid
from agrispec.season import Season
from agrispec.taxonomy import Taxonomy
from exports import manifest, parcels, products
from exports.runs import PREDICTION_CARD

CLASSES = products.CLASS.file
"""The image of classes among the predictions."""

ITEM = "item.json"
"""The STAC item among them."""

_KEYS = ("season", "model", "model_digest", "cube", "simulated", "threshold", "confident", "parcels", "class_digest",
         "products", "parcels_digest")

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_PARQUET, _GEOPACKAGE = "application/vnd.apache.parquet", "application/geopackage+sqlite3"

_NO_NAME = re.compile(r"[^0-9A-Za-z_-]")
"""What names of classes do not hold in STAC; titles do."""


def card(folder: Path) -> dict[str, Any]:
    """The card of a folder of predictions.

    Raises:
        CorruptRecord: it is no card, or a file is not the one that it describes.
    """
    path = folder / PREDICTION_CARD
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lost = [key for key in _KEYS if key not in found]
        if lost:
            raise ValueError(f"it lacks {', '.join(lost)}")
        described = {product["file"]: product["digest"] for product in found["products"].values()}
        if found["parcels_digest"]:
            described[parcels.FILE] = found["parcels_digest"]
        other = [name for name, digest in described.items() if manifest.digest(folder / name) != digest]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecord(f"{path} does not say what the predictions are ({error})", mend="predict again") from error
    if other:
        raise CorruptRecord(f"{folder / other[0]} is not the file that {path.name} describes", mend="predict again")
    return found


def item(card: Mapping[str, Any], name: str, grid: Grid, season: Season, taxonomy: Taxonomy, licence: str
         ) -> dict[str, Any]:
    """The STAC item of a map.

    Args:
        card: what `prediction.json` says.
        name: of the map.
        grid: its pixels.
        season: the one that it shows.
        taxonomy: its classes.
        licence: what others may do with it; "" where nobody has said.

    Source: https://github.com/radiantearth/stac-spec/blob/v1.1.0/item-spec/item-spec.md and its common metadata,
        https://github.com/stac-extensions/projection v2.0.0, https://github.com/stac-extensions/classification v2.0.0
    """
    outline = stac.footprint(grid)
    xs, ys = zip(*outline, strict=True)
    said = ("model", "model_digest", "cube", "simulated", "threshold")
    assets: dict[str, Any] = {
        key: {"href": product["file"], "type": _COG, "roles": ["data"],
              "bands": [{"name": key, "nodata": product["missing"]}]} for key, product in card["products"].items()}
    classes = [{"value": number, "name": _NO_NAME.sub("-", crop.name), "title": crop.name,
                "color_hint": crop.colour.removeprefix("#").upper()} for number, crop in enumerate(taxonomy)]
    for product in products.OF_CLASSES:
        if product.name in assets:
            assets[product.name]["classification:classes"] = classes
    if card["parcels_digest"]:
        assets["parcels"] = {"href": parcels.FILE, "type": _PARQUET, "roles": ["data"]}
        assets["parcels-geopackage"] = {"href": parcels.GEOPACKAGE, "type": _GEOPACKAGE, "roles": ["data"]}
    return {
        "type": "Feature", "stac_version": stac.STAC_VERSION, "id": name,
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json",
                            "https://stac-extensions.github.io/classification/v2.0.0/schema.json"],
        "geometry": {"type": "Polygon", "coordinates": [[list(corner) for corner in outline]]},
        "bbox": [min(xs), min(ys), max(xs), max(ys)],
        "properties": {"datetime": _midnight(season.start), "start_datetime": _midnight(season.start),
                       "end_datetime": _midnight(season.end), "proj:code": grid.crs, "proj:shape": list(grid.shape),
                       "proj:transform": list(grid.transform), **{f"agrispec:{key}": card[key] for key in said},
                       **({"license": licence} if licence else {})},
        "links": [], "assets": assets}


def _midnight(day: date) -> str:
    return datetime.combine(day, time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
