"""A forest that was trained elsewhere, as an Earth Engine classifier.

Trees of `agrispec.formats.tree_text` take 50 to 60 characters a node. So 500 trees fit into a request while they
have up to some 150 leaves each, as whole trees of a few hundred samples do; up to some 800 leaves each they fit
into a table asset, a tree a row; trees with more must be grown with a limit on their leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

import ee
import pyarrow as pa
import pyarrow.compute as pc

from agrispec.errors import DataError

# https://developers.google.com/earth-engine/guides/usage ("Maximum request size"); the rest is for the image's graph.
LARGEST_REQUEST = 9_500_000
"""Characters of trees that fit into the graph of a request."""

# https://developers.google.com/earth-engine/guides/table_upload
LONGEST_TEXT = 100_000
"""Characters of a string in a table."""

# Lines would end a row of a CSV: as in tables that geemap makes of trees, another sign stands for their ends.
_LINE_END = "#"

_NOWHERE = bytes([1, 1, *bytes(19)])
"""The point at longitude 0, latitude 0 as WKB: little-endian, type 1, two floats."""


def fits(texts: Sequence[str]) -> bool:
    """Whether trees can travel in the graph itself."""
    return sum(len(text) for text in texts) <= LARGEST_REQUEST


def inline(texts: Sequence[str]) -> ee.Classifier:
    """The classifier of trees that travel in the graph itself (`agrispec.formats.tree_text`).

    Each tree has one vote. Earth Engine does not say which class it takes of two with as many votes; the embedded
    engine takes the lower one, as `agrispec_tf.baselines.forest` does.

    Raises:
        DataError: they are more than a request may hold.
    """
    if not fits(texts):
        size = sum(len(text) for text in texts)
        raise DataError(f"{len(texts)} trees of {size / 1e6:.1f} MB do not fit into a request of 10 MB",
                        mend="put them into a table asset, as agrispec-gee map-on-engine does, or train with"
                             " --leaves 150")
    return ee.Classifier.decisionTreeEnsemble(list(texts))


def rows(texts: Sequence[str]) -> pa.Table:
    """The trees as rows of a table asset, for `exports.publishing.tables.replace`: `tree`, `text`, and `geometry`, WKB,
    at longitude 0, latitude 0.

    Raises:
        DataError: a tree is longer than a table's strings may be.
    """
    longest = max((len(text) for text in texts), default=0)
    if longest > LONGEST_TEXT:
        raise DataError(f"a tree of {longest} characters does not fit into a table, whose strings have {LONGEST_TEXT}",
                        mend="train with --leaves 800")
    lines: pa.Array = pc.replace_substring(pa.array(texts, pa.string()), "\n", _LINE_END)
    return pa.table({"tree": pa.array(range(len(texts)), pa.int64()), "text": lines,
                     "geometry": pa.array([_NOWHERE] * len(texts), pa.binary())})


def stored(asset_id: str) -> ee.Classifier:
    """The classifier of a table asset that was made of `rows`."""
    texts = ee.FeatureCollection(asset_id).aggregate_array("text")
    return ee.Classifier.decisionTreeEnsemble(texts.map(lambda text: ee.String(text).replace(_LINE_END, "\n", "g")))


def classes(image: ee.Image, classifier: ee.Classifier, names: Sequence[str]) -> ee.Image:
    """Byte band `class`: the class number of each pixel, masked where one of the bands `names` is.

    Bands are compared in single precision, in which the forest was grown.
    """
    return image.select(list(names)).toFloat().classify(classifier, "class").toByte()


def shares(image: ee.Image, classifier: ee.Classifier, names: Sequence[str], count: int) -> ee.Image:
    """Float bands `0` … `count` - 1: each class's share of the votes. Every class must be some leaf's."""
    voted = image.select(list(names)).toFloat().classify(classifier.setOutputMode("MULTIPROBABILITY"), "votes")
    return voted.arrayFlatten([[str(number) for number in range(count)]]).toFloat()
