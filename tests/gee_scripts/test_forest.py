"""A forest of scikit-learn classifies the embedded engine's pixels as it classifies them itself."""

import io
from datetime import UTC, datetime

import ee
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from agrispec.config import Service
from agrispec.errors import DataError
from agrispec.formats import tree_text
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Grid
from agrispec.season import Season
from agrispec_tf.baselines import forest as baselines
from exports.publishing import tables
from gee_scripts import embeddings, export, forest
from gee_scripts import engine as engines

GRID = Grid(crs="EPSG:32631", transform=(10.0, 0.0, 613000.0, 0.0, -10.0, 5402000.0), width=60, height=50)
NAMES = ("06_B4", "06_B8", "B11_cos1")
HOME = "projects/agrispec-local/assets/forests"


@pytest.fixture(scope="module")
def pixels_of():
    """(row, column, band) float64, as reflectances come out of a division: most are no float32 numbers.

    Those of the last band lie between some neighbouring float32 numbers, where limits are, too.
    """
    random = np.random.default_rng(5)
    found = random.integers(0, 200, (*GRID.shape, 3)) / 200
    found[..., 2] = 4 + random.uniform(0, 20, GRID.shape) * 2.0**-21
    return found


@pytest.fixture(scope="module")
def engine(tmp_path_factory, pixels_of):
    home = tmp_path_factory.mktemp("forest")
    tree = AssetTree(home / "landscape")
    tree.create_collection(HOME)
    tree.write_image(f"{HOME}/scene", arrays={f"b{i}": pixels_of[..., i] for i in range(3)}, grid=GRID,
                     time_start=datetime(2023, 1, 1, tzinfo=UTC))
    tree.create_collection("GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL")
    for year in (2022, 2023):
        arrays = {f"A{n:02d}": np.full(GRID.shape, n / 64 + year - 2022) for n in range(64)}
        tree.write_image(f"GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL/tile_{year}", arrays=arrays, grid=GRID,
                         time_start=datetime(year, 1, 1, tzinfo=UTC))
    opened = engines.open(Service(), home)
    opened.create_folder("projects/agrispec-local/assets/published")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def grown(pixels_of):
    """scikit-learn's forest and the texts of ours: whole trees of pixels, whose limits fall between neighbours."""
    random = np.random.default_rng(2)
    x = pixels_of.reshape(-1, 3)[random.choice(3000, 600, replace=False)].astype(np.float32)
    score = np.sin(7 * x[:, 0]) + x[:, 1] + (x[:, 2] - 4) * 2.0**17 + random.normal(0, 0.3, 600) - 0.5
    y = np.digitize(score, [0.3, 0.8, 1.3])
    texts = tree_text.write(baselines.grown(x, y, 4, seed=0, trees=60).trees, NAMES)
    return RandomForestClassifier(60, class_weight="balanced", random_state=0).fit(x, y), texts


@pytest.fixture(scope="module")
def model(grown):
    return grown[0]


@pytest.fixture(scope="module")
def texts(grown):
    return grown[1]


def features():
    """The image of the features. Bands of assets cannot be named as those of a graph."""
    return ee.Image(f"{HOME}/scene").rename(NAMES)


def drawn(engine, image):
    return np.load(io.BytesIO(engine.pixels(export.expression(image), GRID)))


def test_every_pixel_has_scikit_learns_class(engine, model, texts, pixels_of):
    made = forest.classes(features(), forest.inline(texts), NAMES)
    found = drawn(engine, made)["class"]
    assert found.dtype == np.uint8
    flat = pixels_of.reshape(-1, 3).astype(np.float32)
    expected = model.predict(flat).reshape(GRID.shape)
    np.testing.assert_array_equal(found, expected)
    # Ties are among them, and values that lie on a limit.
    votes = np.sort(model.predict_proba(flat), axis=1)
    assert (votes[:, -1] == votes[:, -2]).any()
    assert len(np.unique(expected)) == 4


def test_every_pixel_has_scikit_learns_probabilities(engine, model, texts, pixels_of):
    found = drawn(engine, forest.shares(features(), forest.inline(texts), NAMES, 4))
    expected = model.predict_proba(pixels_of.reshape(-1, 3).astype(np.float32)).reshape(*GRID.shape, 4)
    for number in range(4):
        np.testing.assert_allclose(found[str(number)], expected[..., number], atol=1e-6)


def test_a_forest_in_a_table_asset_classifies_as_one_in_the_graph(engine, texts):
    asset = "projects/agrispec-local/assets/published/forest"
    tables.replace(engine, "agrispec-local", forest.rows(texts), asset, {"model": "a"}, Season.of(2023),
                   lambda operation: None)
    scene = features()
    np.testing.assert_array_equal(drawn(engine, forest.classes(scene, forest.stored(asset), NAMES)),
                                  drawn(engine, forest.classes(scene, forest.inline(texts), NAMES)))


def test_masked_inputs_stay_masked(engine, texts):
    scene = features()
    hidden = scene.updateMask(scene.select("06_B8").gt(0.5))
    made = forest.classes(hidden, forest.inline(texts), NAMES).unmask(255, False)
    found, seen = drawn(engine, made)["class"], drawn(engine, scene.select("06_B8").gt(0.5))["06_B8"]
    np.testing.assert_array_equal(found == 255, seen == 0)


def test_forests_that_are_too_large_to_send_are_refused():
    with pytest.raises(DataError, match="11 trees of 11.0 MB do not fit into a request"):
        forest.inline(["x" * 1_000_000] * 11)
    with pytest.raises(DataError, match="a tree of 100001 characters"):
        forest.rows(["x" * 100_001])


def test_an_embedding_is_that_of_its_calendar_year(engine):
    region = ee.Geometry.Rectangle(list(GRID.bounds), GRID.crs, False)
    for year in (2022, 2023):
        found = drawn(engine, embeddings.annual(year, region))
        assert found.dtype.names == tuple(f"A{n:02d}" for n in range(64))
        np.testing.assert_allclose(found["A10"], year - 2022 + 10 / 64, rtol=1e-6)
    with pytest.raises(Exception, match="no embedding of 2016"):
        embeddings.annual(2016, region)
