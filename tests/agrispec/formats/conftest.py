"""An asset tree in an empty folder."""

import pytest

from agrispec.formats.asset_tree import AssetTree


@pytest.fixture
def tree(tmp_path):
    """A tree without assets."""
    return AssetTree(tmp_path)
