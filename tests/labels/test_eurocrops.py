"""EuroCrops' tables are fetched as they are published, or not at all."""

import functools
import http.server
import shutil

import pytest

from agrispec.errors import CorruptRecord, StorageUnreachable
from labels import eurocrops


@pytest.fixture
def served(real_data, listening, tmp_path):
    """A copy of the published files that a server on loopback serves: its folder and its address."""
    folder = tmp_path / "served"
    shutil.copytree(real_data / "eurocrops" / "csvs" / "country_mappings", folder)
    folder.chmod(0o755)

    class Files(http.server.SimpleHTTPRequestHandler):
        __init__ = functools.partialmethod(http.server.SimpleHTTPRequestHandler.__init__, directory=str(folder))

    return folder, f"{listening(Files).url}/"


def test_all_tables_are_fetched_once(served, tmp_path):
    folder, address = served
    told = []
    eurocrops.fetch(tmp_path / "tables", address, told.append)
    assert told == list(eurocrops.TABLES)
    for name in eurocrops.TABLES:
        assert (tmp_path / "tables" / name).read_bytes() == (folder / name).read_bytes()
    eurocrops.fetch(tmp_path / "tables", "http://127.0.0.1:9/", told.append)
    assert len(told) == len(eurocrops.TABLES)


def test_a_file_that_differs_is_refused_and_not_kept(served, tmp_path):
    folder, address = served
    (folder / "at_2021.csv").chmod(0o644)
    (folder / "at_2021.csv").write_bytes(b"<html>gone</html>")
    with pytest.raises(CorruptRecord, match="at_2021.csv is not the file that this version is tested with"):
        eurocrops.fetch(tmp_path / "tables", address)
    assert list((tmp_path / "tables").iterdir()) == []


def test_a_file_of_the_users_is_not_overwritten(served, tmp_path):
    mine = tmp_path / "tables" / "at_2021.csv"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(CorruptRecord, match="is not the published file"):
        eurocrops.fetch(mine.parent, served[1])
    assert mine.read_text() == "mine"


def test_a_file_that_is_not_there_and_a_server_that_is_not_are_told(served, listening, tmp_path):
    folder, address = served
    (folder / "be_vlg_2021.csv").unlink()
    with pytest.raises(StorageUnreachable, match="be_vlg_2021.csv was not fetched"):
        eurocrops.fetch(tmp_path / "tables", address)
    with pytest.raises(StorageUnreachable, match="at_2021.csv was not fetched: the connection is refused"):
        eurocrops.fetch(tmp_path / "others", "http://127.0.0.1:9/")
