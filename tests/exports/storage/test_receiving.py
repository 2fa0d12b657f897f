"""Many objects side by side over a bad network: each arrives whole or says why not, and none disturbs another."""

import threading
import time

import pytest
from google.cloud.storage import retry

from agrispec.errors import StorageError, StorageUnreachable
from exports.storage import receiving
from exports.storage.receiving import ATTEMPTS, Receiver

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

MEDIA = "GET .*alt=media"


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(receiving, "_PAUSE_S", (0.001, 0.002))


@pytest.fixture
def impatient(monkeypatch):
    """The client itself asks once only."""
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.0)


@pytest.fixture
def stored(file_of):
    """(bucket, sizes) -> content by name, of objects that stand in the bucket now."""
    def store(bucket, sizes):
        files = {f"shards/{size}": file_of(f"of-{size}", size) for size in sizes}
        for name, path in files.items():
            bucket.upload(path, name)
        return {name: path.read_bytes() for name, path in files.items()}

    return store


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("receiver")]


def receive(bucket, names, folder, workers=3):
    """Bytes, or the error, by name."""
    with Receiver(bucket, workers) as receiver:
        futures = {name: receiver.fetch(name, folder / name) for name in names}
        found = {name: future.exception() or future.result() for name, future in futures.items()}
    assert threads() == []
    return found


def hopeless(error):
    return isinstance(error, StorageError) and not isinstance(error, StorageUnreachable)


@pytest.mark.parametrize("workers", [1, 4, 16])
def test_every_object_arrives_whole_whatever_the_order(bucket, stored, tmp_path, workers):
    contents = stored(bucket, [0, 1, 17, 1000, 300_000, 2_000_001])
    for order in (sorted(contents), sorted(contents, reverse=True)):
        folder = tmp_path / f"out-{order[0][-1]}"
        assert receive(bucket, order, folder, workers) == {name: len(contents[name]) for name in order}
        assert {name: (folder / name).read_bytes() for name in contents} == contents
        assert len(list(folder.rglob("*"))) == len(contents) + 1


def test_objects_that_are_asked_for_one_by_one_arrive_before_the_end(bucket, stored, tmp_path):
    contents = stored(bucket, [10, 20, 30])
    with Receiver(bucket, 2) as receiver:
        for name, content in contents.items():
            assert receiver.fetch(name, tmp_path / "out" / name).result() == len(content)
            assert (tmp_path / "out" / name).read_bytes() == content


@pytest.mark.parametrize("kind", ["503", "429", "500", "lose", "break", "damage"])
def test_objects_outlive_a_storm(cloud, mine, stored, tmp_path, impatient, kind):
    contents = stored(mine, range(200_000, 200_006))
    cloud.fail(MEDIA, kind, 4)
    assert receive(mine, contents, tmp_path, 3) == {name: len(content) for name, content in contents.items()}
    assert {name: (tmp_path / name).read_bytes() for name in contents} == contents


def test_a_connection_that_breaks_again_and_again_goes_on_where_it_was(cloud, mine, stored, tmp_path, impatient):
    [(name, content)] = stored(mine, [4_000_000]).items()
    cloud.fail(MEDIA, "break", ATTEMPTS + 2)
    assert mine.download(name, tmp_path / "a") == len(content)
    assert (tmp_path / "a").read_bytes() == content
    assert cloud.count(MEDIA) == ATTEMPTS + 3


def test_an_object_that_never_arrives_whole_is_given_up_and_the_others_come(cloud, mine, stored, tmp_path):
    contents = stored(mine, [1000, 2000, 3000, 4000])
    cloud.fail("GET .*2000.*alt=media", "damage", 10**9)
    found = receive(mine, contents, tmp_path / "out", 2)
    lost = found.pop("shards/2000")
    assert type(lost) is StorageUnreachable
    assert "did not arrive as it was sent" in str(lost)
    assert cloud.count("GET .*2000.*alt=media") == ATTEMPTS
    assert found == {name: len(contents[name]) for name in found}
    assert sorted(path.name for path in (tmp_path / "out" / "shards").iterdir()) == ["1000", "3000", "4000"]


def test_a_service_that_stays_down_is_asked_so_often_and_no_more(cloud, mine, stored, tmp_path, impatient):
    [name] = stored(mine, [1000])
    cloud.fail(MEDIA, "503", 10**9)
    assert type(receive(mine, [name], tmp_path)[name]) is StorageUnreachable
    assert cloud.count(MEDIA) == ATTEMPTS


@pytest.mark.parametrize("status", ["400", "401", "403", "404"])
def test_what_no_waiting_mends_is_told_at_once(cloud, mine, stored, tmp_path, status):
    stored(mine, [1000, 2000])
    cloud.fail("GET .*1000.*alt=media", status, 10**9)
    found = receive(mine, ["shards/1000", "shards/2000"], tmp_path)
    assert hopeless(found["shards/1000"])
    assert cloud.count("GET .*1000.*alt=media") <= (3 if status == "401" else 1)  # credentials are renewed twice
    assert found["shards/2000"] == 2000


def test_an_object_that_is_not_there_is_an_error_and_the_others_come(bucket, stored, tmp_path):
    [name] = stored(bucket, [1000])
    found = receive(bucket, ["nothing", name], tmp_path / "out")
    assert hopeless(found["nothing"])
    assert found[name] == 1000


def test_a_folder_that_cannot_be_written_is_told_at_once(cloud, mine, stored, tmp_path):
    [name] = stored(mine, [1000])
    (tmp_path / "shards").write_text("a file is in the way")
    assert "could not be written" in str(receive(mine, [name], tmp_path)[name])
    assert cloud.count(MEDIA) == 0


def test_what_is_here_already_is_not_fetched_again(cloud, mine, stored, tmp_path):
    contents = stored(mine, [0, 1000, 2000])
    first = receive(mine, contents, tmp_path)
    before = cloud.count(MEDIA)
    assert receive(mine, contents, tmp_path) == first
    assert cloud.count(MEDIA) == before == 3


@pytest.mark.parametrize("spoilt", [lambda content: content[:-1], lambda content: content + b"1", lambda content: b"",
                                    lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:]])
def test_a_file_that_is_not_the_object_is_fetched_again(bucket, stored, tmp_path, spoilt):
    [(name, content)] = stored(bucket, [1000]).items()
    (tmp_path / "shards").mkdir()
    (tmp_path / name).write_bytes(spoilt(content))
    assert receive(bucket, [name], tmp_path) == {name: 1000}
    assert (tmp_path / name).read_bytes() == content


def test_what_a_killed_run_left_behind_is_not_taken_for_the_object(bucket, stored, tmp_path):
    [(name, content)] = stored(bucket, [1000]).items()
    left = tmp_path / "shards" / ".1000.0123456789ab.part"
    left.parent.mkdir()
    left.write_bytes(content[:500])
    assert receive(bucket, [name], tmp_path) == {name: 1000}
    assert (tmp_path / name).read_bytes() == content
    assert left.read_bytes() == content[:500]


def test_an_error_in_the_block_ends_the_waiting_and_forgets_the_rest(cloud, mine, stored, tmp_path, impatient,
                                                                     monkeypatch):
    monkeypatch.setattr(receiving, "_PAUSE_S", (600.0, 600.0))
    contents = stored(mine, range(1000, 1020))
    cloud.fail(MEDIA, "503", 10**9)
    began = time.monotonic()

    def interrupted():
        with Receiver(mine, 2) as receiver:
            futures.extend(receiver.fetch(name, tmp_path / "out" / name) for name in contents)
            while cloud.count(MEDIA) < 2:
                time.sleep(0.01)
            raise KeyboardInterrupt

    futures = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threads() == []
    assert time.monotonic() - began < 60
    assert cloud.count(MEDIA) == 2
    assert [future.cancelled() for future in futures] == [False] * 2 + [True] * 18
