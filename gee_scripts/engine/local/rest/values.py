"""Routes of values: value:compute, imageCollection:computeImages, and the list of functions they may call."""

from __future__ import annotations

from gee_scripts.engine.local.assets.catalog import Catalog
from gee_scripts.engine.local.language.encode import check_length, encode
from gee_scripts.engine.local.language.evaluate import evaluate
from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.rest import discovery
from gee_scripts.engine.local.rest.calls import Answer, Answers, Call, File
from gee_scripts.engine.local.rest.paging import Results


class ValueRoutes:
    """Graphs to JSON."""

    def __init__(self, catalog: Catalog, results: Results, limits: Limits) -> None:
        self._catalog = catalog
        self._results = results
        self._limits = limits

    @property
    def answers(self) -> Answers:
        """What answers which route."""
        return {"projects.algorithms.list": self._algorithms, "projects.value.compute": self._compute,
                "projects.imageCollection.computeImages": self._compute_images}

    def _algorithms(self, call: Call) -> Answer:
        return File(content=discovery.algorithms(), media_type="application/json")

    def _compute(self, call: Call) -> Answer:
        value = evaluate(call.body["expression"], self._catalog)
        check_length(value)
        return {"result": encode(value, self._limits.elements)}

    def _compute_images(self, call: Call) -> Answer:
        images, next_page = self._results.page(call.body)
        return {"images": [encode(image, self._limits.elements) for image in images], **next_page}
