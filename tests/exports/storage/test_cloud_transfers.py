"""What befalls files on their way to and from Cloud Storage: they arrive whole, or an error says what happened."""

import tracemalloc

import pytest

from agrispec.errors import StorageError

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

MIB = 2**20


def test_the_engines_exports_and_the_client_see_the_same_objects(cloud, mine, source, tmp_path):
    (cloud.folder / "exports").mkdir()
    (cloud.folder / "exports" / "map.tif").write_bytes(b"by an export")
    assert mine.list("exports/") == ["exports/map.tif"]
    mine.download("exports/map.tif", tmp_path / "map.tif")
    assert (tmp_path / "map.tif").read_bytes() == b"by an export"
    mine.upload(source, "uploads/a.bin")
    assert (cloud.folder / "uploads" / "a.bin").read_bytes() == source.read_bytes()


def test_a_listing_of_several_pages_is_whole_and_in_order(cloud, mine):
    (cloud.folder / "many").mkdir()
    for number in range(2345):
        (cloud.folder / "many" / f"{number:05}").touch()
    assert mine.list("many/") == [f"many/{number:05}" for number in range(2345)]
    assert cloud.count(r"GET /storage/v1/b/[^/]+/o\?") == 3
    assert mine.list("many/0001") == [f"many/0001{digit}" for digit in range(10)]


def test_a_large_file_goes_in_pieces_and_comes_back(cloud, mine, large, tmp_path, unfinished):
    before = unfinished()
    mine.upload(large, "large.bin")
    assert cloud.count("PUT .*upload_id=") == 3
    mine.download("large.bin", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert unfinished() == before


@pytest.mark.parametrize("kind", ["503", "429", "cut", "lose"])
def test_a_large_upload_outlives_what_befalls_its_pieces(cloud, mine, large, kind):
    cloud.fail("PUT .*upload_id=", kind, 4)
    mine.upload(large, "large.bin")
    assert cloud.count("PUT .*upload_id=") == 7
    assert (cloud.folder / "large.bin").read_bytes() == large.read_bytes()
    assert cloud.count("DELETE") == 0


@pytest.mark.parametrize("kind", ["503", "cut", "lose"])
def test_a_large_upload_outlives_a_failure_of_its_first_request(cloud, mine, large, kind):
    cloud.fail("POST .*uploadType=resumable", kind)
    mine.upload(large, "large.bin")
    assert (cloud.folder / "large.bin").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("kind", ["503", "cut", "lose"])
def test_a_small_upload_outlives_failures_and_is_stored_once(cloud, mine, source, kind):
    # After "lose" the object is there: its second upload is refused by the precondition, and known as ours.
    cloud.fail("POST .*uploadType=multipart", kind, 2)
    assert mine.upload(source, "a.bin") == f"gs://{cloud.bucket}/a.bin"
    assert (cloud.folder / "a.bin").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("kind", ["503", "lose", "break"])
def test_a_download_outlives_failures(cloud, mine, large, tmp_path, kind):
    mine.upload(large, "large.bin")
    cloud.fail("GET .*alt=media", kind, 3)
    mine.download("large.bin", tmp_path / "out" / "back")
    assert (tmp_path / "out" / "back").read_bytes() == large.read_bytes()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["back"]


def test_a_listing_and_a_deletion_outlive_failures(cloud, mine, source):
    mine.upload(source, "a/1")
    cloud.fail(r"GET /storage/v1/b/[^/]+/o\?", "503")
    cloud.fail("DELETE", "lose")
    assert mine.delete("a/") == 1
    assert mine.list("") == []


@pytest.mark.parametrize("size", [10_000, 20 * MIB])
def test_what_is_damaged_on_the_way_up_is_never_stored(cloud, mine, size, file_of, unfinished):
    before = unfinished()
    cloud.fail("(POST .*uploadType=multipart|PUT .*upload_id=)", "spoil")
    with pytest.raises(StorageError, match="Provided CRC32C|did not arrive as it was sent"):
        mine.upload(file_of("a", size), "a.bin")
    assert mine.list("") == []
    assert unfinished() == before


@pytest.mark.parametrize("size", [10_000, 20 * MIB])
def test_an_object_damaged_on_the_way_leaves_no_file(cloud, mine, tmp_path, size, file_of):
    mine.upload(file_of("a", size), "a.bin")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError, match="did not arrive as it was sent"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_damage_in_the_rest_of_a_broken_download_is_found(cloud, mine, large, tmp_path):
    # The client itself compares no checksum where it went on in the middle.
    mine.upload(large, "a.bin")
    cloud.fail("GET .*alt=media", "break")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError, match="its CRC32C differs"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_what_stood_under_the_name_stays_when_a_download_fails(cloud, mine, source, tmp_path):
    mine.upload(source, "a.bin")
    (tmp_path / "kept").write_bytes(b"before")
    cloud.fail("GET .*alt=media", "damage")
    with pytest.raises(StorageError):
        mine.download("a.bin", tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"before"


def test_an_object_replaced_while_it_is_downloaded_is_not_mixed_with_the_new_one(cloud, mine, large, tmp_path):
    mine.upload(large, "a.bin")
    new = cloud.folder / "new"
    new.write_bytes(large.read_bytes()[::-1])
    cloud.fail("GET .*alt=media", "break")
    # After the first half, and before the client asks for the second one.
    cloud.fail("GET .*alt=media", "503", body=lambda: new.replace(cloud.folder / "a.bin"))
    with pytest.raises(StorageError, match="No such object"):
        mine.download("a.bin", tmp_path / "out" / "a.bin")
    assert not list((tmp_path / "out").iterdir())


def test_memory_does_not_grow_with_the_file(cloud, engine, monkeypatch, tmp_path, opened):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", engine.url)
    direct = opened(cloud.bucket)
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(128 * MIB)
    tracemalloc.start()
    try:
        direct.upload(path, "sparse.bin")
        direct.download("sparse.bin", tmp_path / "back")
        # Of the client and of the engine together.
        assert tracemalloc.get_traced_memory()[1] < 48 * MIB
    finally:
        tracemalloc.stop()
    assert (tmp_path / "back").stat().st_size == 128 * MIB
