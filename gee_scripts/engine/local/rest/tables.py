"""Routes of features: table:computeFeatures, assets:listFeatures, and tables to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import shapely

from gee_scripts.engine.local.assets import conditions
from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.operations.feature_files import as_features, as_geojson, csv_text, geojson_text
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call, File
from gee_scripts.engine.local.rest.named_requests import NamedRequests
from gee_scripts.engine.local.rest.paging import PAGE, Results, page
from gee_scripts.engine.local.values import SYSTEM_INDEX, Collection, Feature


class TableRoutes:
    """Graphs and assets to features."""

    def __init__(self, catalog: Catalog, results: Results, named: NamedRequests) -> None:
        self._catalog = catalog
        self._results = results
        self._named = named

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        return {"projects.table.computeFeatures": self._compute_features,
                "projects.assets.listFeatures": self._list_features,
                "projects.tables.create": self._create, "projects.tables.getFeatures": self._get_features}

    def _compute_features(self, call: Call) -> Answer:
        found, next_page = self._results.page(call.body)
        return _feature_collection(as_features(Collection(tuple(found))), next_page)

    def _list_features(self, call: Call) -> Answer:
        """Rows of a table asset, those that touch a region and fulfil a condition, a page at a time."""
        features = self._catalog.table(call.path["asset"]).items
        region, condition = call.query.get("region", ""), conditions.parse(call.query.get("filter", ""))
        outline = conditions.region(region) if region else None
        found = [feature for feature in as_features(Collection(tuple(features)))
                 if condition(partial(_field, feature), partial(_shape, feature))
                 and (outline is None or outline.intersects(_shape(feature)))]
        return _feature_collection(*page(found, call.query, most=PAGE))

    def _create(self, call: Call) -> Answer:
        """Keep a request; its graph is evaluated once now, so that errors show where they are made."""
        file_format = call.body.get("fileFormat", "CSV")
        if file_format not in ("CSV", "JSON", "GEO_JSON"):
            raise Refusal(400, f"The local engine downloads tables as CSV and GeoJSON, not {file_format}.")
        self._evaluated(call.body)
        return {"name": self._named.put(call.path["parent"], "tables", call.body)}

    def _get_features(self, call: Call) -> Answer:
        body = self._named.get(call.path["name"])
        features, selectors = self._evaluated(body), list(body.get("selectors") or ())
        name = body.get("filename") or "table"
        if body.get("fileFormat", "CSV") == "CSV":
            return File(content=csv_text(features, selectors).encode(), media_type="text/csv", name=f"{name}.csv")
        return File(content=geojson_text(features, selectors).encode(), media_type="application/geo+json",
                    name=f"{name}.geojson")

    def _evaluated(self, body: Mapping[str, Any]) -> list[Feature]:
        return as_features(evaluate(body["expression"], self._catalog))


def _feature_collection(features: Sequence[Feature], next_page: Mapping[str, str]) -> dict[str, Any]:
    rows = [as_geojson(feature, [name for name in feature.properties if name != SYSTEM_INDEX]) for feature in features]
    return {"type": "FeatureCollection", "features": rows, **next_page}


def _field(feature: Feature, name: str) -> Any:
    return feature.properties.get(name.removeprefix("properties."))


def _shape(feature: Feature) -> shapely.Geometry:
    return shapely.Point() if feature.geometry is None else feature.geometry.to("EPSG:4326")
