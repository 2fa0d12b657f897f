"""One service: every route is answered by a group of routes, or refused by name."""

import ee
import pytest

from gee_scripts.engine.local.limits import Limits
from gee_scripts.engine.local.refusals import Refusal
from gee_scripts.engine.local.rest.calls import Call
from gee_scripts.engine.local.rest.discovery import ROUTES
from gee_scripts.engine.local.rest.service import Service


@pytest.mark.parametrize("kind", ["video", "filmstrip"])
def test_moving_pictures_are_refused_by_name(running, kind):
    collection = ee.ImageCollection([ee.Image.constant([1, 2, 3]).byte()])
    with pytest.raises(ee.EEException, match=f"does not make what {kind}Thumbnails.create asks for"):
        ee.data.getThumbId({"image": collection, "dimensions": [8, 8]}, thumbType=kind)


def test_every_route_of_the_discovery_document_is_answered_or_refused_by_name(tmp_path):
    service, refused = Service(tmp_path, "agrispec-local", Limits()), set()
    try:
        for route in ROUTES:
            asked = dict.fromkeys(route.parameters, "projects/agrispec-local/assets/x") | dict.fromkeys("xy", "0")
            try:
                service.answer(route, Call(path=asked | {"zoom": "0"}, query={}, body={}))
            except Refusal as refusal:
                if "does not make" in refusal.message:
                    refused.add(route.id)
    finally:
        service.close()
    assert refused == {route.id for route in ROUTES if not route.answered} == {f"projects.{name}" for name in (
        "video.export", "map.export", "classifier.export", "featureView.create", "videoThumbnails.create",
        "videoThumbnails.getPixels", "filmstripThumbnails.create", "filmstripThumbnails.getPixels")}
