"""Names of assets and objects: one for each, and none that leads outside."""

import pytest

from agrispec.errors import DataError
from agrispec.formats.asset_names import canonical_id, object_path


def test_public_and_legacy_names_are_the_same_asset():
    assert canonical_id("projects/earthengine-public/assets/COPERNICUS/S2") == "COPERNICUS/S2"
    assert canonical_id("projects/earthengine-legacy/assets/users/me/x") == "users/me/x"
    assert canonical_id("projects/example.com:prj/assets/x") == "projects/example.com:prj/assets/x"


@pytest.mark.parametrize("name", ["", "a//b", "../x", "a/../b", "a b", "a/b.tif", "a/.hidden"])
def test_ids_never_leave_the_tree(name):
    with pytest.raises(DataError):
        canonical_id(name)


@pytest.mark.parametrize("uri", ["gs://bucket", "s3://bucket/x", "gs://bucket/../x", "gs://../x", "gs://bucket//x", "gs://b/x",
                                 "gs://bucket/.x", "gs://bucket/a/.x/b", "gs://bucket/a/", "gs://bucket/a\nb",
                                 "gs://bucket/caf\udce9", f"gs://bucket/{'x' * 201}", f"gs://bucket/{'a/' * 512}b"])
def test_objects_never_leave_their_bucket(tmp_path, uri):
    with pytest.raises(DataError):
        object_path(tmp_path, uri)


@pytest.mark.parametrize("name", ["a", "a/b.tif", "a b", "caf\u00e9", "a/b..c", "x" * 200, "a/" * 511 + "ab"])
def test_objects_stand_under_their_names(tmp_path, name):
    assert object_path(tmp_path, f"gs://bucket/{name}") == tmp_path / "buckets" / "bucket" / name
