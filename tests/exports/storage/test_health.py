"""Looks at a bucket: whether it can be written and where it is; and where not, the mend."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agrispec.health import State
from exports import health

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@dataclass(frozen=True)
class Service:
    """As much of an engine as a bucket is opened with."""

    credentials: object | None = None
    buckets: Path | None = None
    project: str = "agrispec-local"


@pytest.fixture
def there(cloud, account):
    """A service whose buckets are behind the proxy."""
    return Service(credentials=account)


def test_a_bucket_that_can_be_written_passes(cloud, there):
    for found in (health.bucket(there, cloud.bucket), health.location(there, cloud.bucket)):
        assert (found.state, found.mend) == (State.PASS, ""), found.said


def test_a_folder_that_can_be_written_passes_and_stays_empty(tmp_path):
    folder = Service(buckets=tmp_path)
    for found in (health.bucket(folder, "mine"), health.location(folder, "mine")):
        assert (found.state, found.mend) == (State.PASS, ""), found.said
    assert not list((tmp_path / "mine").iterdir())


def test_a_bucket_that_is_not_there_fails(there):
    found = health.bucket(there, "yours")
    assert found.state == State.FAIL
    assert "gs://yours/ is not there" in found.said
    assert found.mend == "check [engine] bucket, or make the bucket"


def test_a_folder_that_cannot_be_written_fails(tmp_path):
    # A file in its place: permissions do not bind whoever runs tests as root.
    (tmp_path / "mine").touch()
    found = health.bucket(Service(buckets=tmp_path), "mine")
    assert found.state == State.FAIL
    assert found.mend == "make the folder writable, or choose another one"


def test_a_bucket_that_may_only_be_read_fails(cloud, there):
    cloud.fail("testPermissions", "200", body={"permissions": ["storage.objects.get", "storage.objects.list"]})
    found = health.bucket(there, cloud.bucket)
    assert found.state == State.FAIL
    assert "lacks storage.objects.create, storage.objects.delete" in found.said
    assert "roles/storage.objectUser" in found.mend


@pytest.mark.parametrize(("place", "how"), [
    ({"location": "US", "locationType": "multi-region"}, State.PASS),
    ({"location": "NAM4", "locationType": "dual-region"}, State.PASS),
    ({"location": "US-CENTRAL1", "locationType": "region"}, State.PASS),
    ({"location": "US", "locationType": "dual-region",
      "customPlacementConfig": {"dataLocations": ["US-EAST1", "US-CENTRAL1"]}}, State.PASS),
    ({"location": "US", "locationType": "dual-region",
      "customPlacementConfig": {"dataLocations": ["US-EAST4", "US-WEST1"]}}, State.WARNING),
    ({"location": "US-EAST4", "locationType": "region"}, State.WARNING),
    ({"location": "EU", "locationType": "multi-region"}, State.WARNING),
])
def test_where_a_bucket_is_decides_on_assets_that_stay_geotiffs_alone(cloud, there, place, how):
    cloud.fail(rf"GET /storage/v1/b/{cloud.bucket}\?", "200", body=place)
    found = health.location(there, cloud.bucket)
    assert found.state == how
    assert all(name in found.said for name in place.get("customPlacementConfig", {}).get("dataLocations", ()))
    assert ("take a bucket in US, NAM4 or US-CENTRAL1" in found.mend) == (how == State.WARNING)


def test_a_place_that_may_not_be_read_is_a_warning(cloud, there):
    cloud.fail(rf"GET /storage/v1/b/{cloud.bucket}\?", "403",
               body={"error": {"code": 403, "message": "no storage.buckets.get access"}})
    found = health.location(there, cloud.bucket)
    assert found.state == State.WARNING
    assert "no storage.buckets.get access" in found.said
    assert "roles/storage.legacyBucketReader" in found.mend


def test_without_an_engine_nothing_is_looked_at():
    for found in (health.bucket(None, "mine"), health.location(None, "mine")):
        assert (found.state, found.said) == (State.WARNING, "not looked at: the engine does not open")
