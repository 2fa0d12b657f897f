"""Label maps with a confidence, in a southern season, on the embedded engine: equal to NumPy's and SciPy's answers."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from pyproj import Transformer
from scipy import ndimage

from agrispec import config
from agrispec.errors import DataError
from agrispec.formats.asset_tree import AssetTree
from agrispec.grid import Cell, Grid
from agrispec.season import Season
from exports.export import places
from gee_scripts import engine as engines
from gee_scripts import export, labels, sampling

CELL = Cell.parse("W0621S0331")
COLLECTION = "projects/agrispec-local/assets/maps"
TEXT = f"""
[area]
cells = ["{CELL.id}"]
[season]
source = [2023]
target = 2024
first_day = "07-01"
[labels]
images = "{COLLECTION}"
band = "crop"
confidence_band = "sure"
least_confidence = 40
[samples]
per_class = 25
[split]
validation = 0
test = 0
[map]
bounds = [0, 0, 1000, 1000]
crs = "{CELL.crs}"
[[classes]]
name = "corn"
codes = [1]
colour = "#e69f00"
[[classes]]
name = "soybeans"
codes = [5, 26]
colour = "#009e73"
least_confidence = 70
"""


@dataclass(frozen=True)
class Maps:
    """Two maps of one season on a grid, the second over a part of the first.

    `codes`, `sure` (row, column) of what lies on top; 0 = no code, or no confidence.
    """

    engine: object
    config: config.Config
    grid: Grid
    codes: np.ndarray
    sure: np.ndarray

    @property
    def numbers(self) -> np.ndarray:
        """(row, column) class number, -1 where there is none, or too little confidence."""
        number = np.select([self.codes == 1, np.isin(self.codes, (5, 26))], [0, 1], -1)
        return np.where(self.sure >= np.array([40, 70, 0])[number], number, -1)

    @property
    def inner(self) -> np.ndarray:
        """(row, column): whether all pixels within 60 m have one number."""
        y, x = np.mgrid[-6:7, -6:7]
        around = np.pad(self.numbers, 6, constant_values=-1)
        least, most = (extreme(around, footprint=x**2 + y**2 <= 36)[6:-6, 6:-6]
                       for extreme in (ndimage.minimum_filter, ndimage.maximum_filter))
        return (least == most) & (self.numbers >= 0)

    def image(self, image) -> np.ndarray:
        return np.load(io.BytesIO(self.engine.pixels(export.expression(image.unmask(-1, False).toInt()), self.grid)))[
            "label"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    home = tmp_path_factory.mktemp("south")
    west, south, _, _ = CELL.bounds
    x, y = Transformer.from_crs("EPSG:4326", CELL.crs, always_xy=True).transform(west + 0.05, south + 0.05)
    grid = Grid(crs=CELL.crs, transform=(10.0, 0.0, round(x, -1), 0.0, -10.0, round(y, -1)), width=150, height=120)
    random = np.random.default_rng(8)
    below = np.kron(random.choice([1, 5, 26], (3, 3)), np.ones((40, 50), int)).astype(np.uint8)
    below[:, 70:73] = 0
    unsure = np.full(below.shape, 90, np.uint8)
    unsure[:20, :60], unsure[60:64], unsure[90:, 100:] = 50, 39, 70
    # The later map covers a corner. It says nothing of how sure it is of a part; the map below is sure there.
    above, told = np.zeros_like(below), np.full(below.shape, 95, np.uint8)
    above[70:, :60], told[100:, :40] = 1, 0
    tree = AssetTree(home / "landscape")
    tree.create_collection(COLLECTION)
    for name, day, codes, sure in (
            ("2023", datetime(2023, 1, 1, tzinfo=UTC), below, unsure),
            ("2023_later", datetime(2023, 6, 30, 23, tzinfo=UTC), above, told),
            # Neither day is of the season that ends in 2023.
            ("2022", datetime(2022, 6, 30, tzinfo=UTC), np.full_like(below, 5), np.full_like(below, 99)),
            ("2024", datetime(2023, 7, 1, tzinfo=UTC), np.full_like(below, 1), np.full_like(below, 99))):
        tree.write_image(f"{COLLECTION}/{name}", arrays={"crop": codes, "sure": sure}, grid=grid, nodata=0,
                         time_start=day)
    settings = config.parse(TEXT)
    engine = engines.open(settings.engine, home)
    yield Maps(engine=engine, config=settings, grid=grid, codes=np.where(above > 0, above, below),
               sure=np.where(above > 0, told, unsure))
    engine.close()


def test_pixels_below_the_confidence_of_their_class_have_no_label(world):
    region, season, of = sampling.region(CELL), world.config.season_of(2023), world.config.labels
    label = labels.classes(of, world.config.taxonomy, season, region)
    found = world.image(labels.confident(label, of, world.config.taxonomy, season, region))
    np.testing.assert_array_equal(found, world.numbers)
    at_threshold = world.sure == 70
    assert (found[at_threshold & (np.isin(world.codes, (5, 26)))] == 1).any()
    # Nobody told how sure the map on top is there: that of the map below does not count.
    assert (found[100:, :40] == -1).all()


def test_places_keep_buffer_confidence_and_quota(world):
    kept = world.inner
    graph = export.labelled_places(world.config.labels, world.config.taxonomy, world.config.season_of(2023), CELL,
                                   world.config.samples.per_class, 10, seed=3)
    drawn = [feature["properties"] for feature in world.engine.features(graph)]
    found = np.array([each["label"] for each in drawn])
    available = np.bincount(world.numbers[kept], minlength=2)
    assert np.bincount(found, minlength=2).tolist() == np.minimum(available, 25).tolist()
    assert (available > 25).all()
    row, column = pixels(world.grid, drawn)
    assert kept[row, column].all()
    np.testing.assert_array_equal(world.numbers[row, column], found)


def test_what_nobody_labels_is_drawn_whatever_the_confidence(world):
    graph = export.unlabelled_places(world.config.labels, world.config.taxonomy, world.config.season_of(2023), CELL,
                                     5000, 10, seed=3)
    row, column = pixels(world.grid, [feature["properties"] for feature in world.engine.features(graph)])
    assert (world.numbers[row, column] == -1).any()
    assert (world.codes[row, column] > 0).all()


def test_labels_to_compare_with_are_those_the_map_is_sure_of(world):
    lon, lat = Transformer.from_crs(CELL.crs, "EPSG:4326", always_xy=True).transform(
        *(np.asarray(world.grid.transform[2::3])[:, None] + [[15, 905], [-1095, -15]]))
    graph = export.labels_at(world.config.labels, world.config.taxonomy, world.config.season_of(2023), CELL,
                             zip((0, 1), lon.tolist(), lat.tolist(), strict=True), 10)
    found = {each["properties"]["row"]: each["properties"]["label"] for each in world.engine.features(graph)}
    assert found == {0: -1, 1: world.numbers[1, 90]}
    assert world.codes[109, 1] == 1


def pixels(grid, drawn):
    """Rows and columns of pixels whose centres are places."""
    x, y = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True).transform(
        [each["longitude"] for each in drawn], [each["latitude"] for each in drawn])
    column, row = (np.array(x) - grid.transform[2]) / 10, (grid.transform[5] - np.array(y)) / 10
    np.testing.assert_allclose([column % 1, row % 1], 0.5, atol=0.01)
    return np.floor(row).astype(int), np.floor(column).astype(int)


@pytest.mark.parametrize("first_day", ["01-01", "03-01", "07-01", "12-31"])
def test_a_map_dated_by_its_year_belongs_to_the_season_that_ends_in_it(world, first_day):
    for year, expected in ((2022, 0), (2023, 1), (2024, 0)):
        season = Season.of(year, first_day)
        found = labels.maps(world.config.labels, season, sampling.region(CELL))
        dates = world.engine.compute(export.expression(found.aggregate_array("system:index")))
        assert ("2023" in dates) == bool(expected)


def test_a_map_dated_before_a_southern_season_is_not_its_own(world):
    found = {year: world.engine.compute(export.expression(labels.maps(
        world.config.labels, world.config.season_of(year), sampling.region(CELL)).aggregate_array("system:index")))
        for year in (2022, 2023, 2024)}
    assert {year: sorted(names) for year, names in found.items()} == {
        2022: ["2022"], 2023: ["2023", "2023_later"], 2024: ["2024"]}


def test_a_cell_gives_no_more_than_its_quota_in_a_source_season(world):
    limited = config.parse(TEXT.replace("per_class = 25", "per_class = 25\nper_source_cell = 31\nper_cell = 40"))
    table = places.draw(limited, world.engine, export, lambda done: None)
    counts = table.groupby("season")["label"].value_counts().to_dict()
    assert sorted(counts[2023, number] for number in (0, 1)) == [15, 16]
    assert counts[2024, -1] == 40
    again = places.draw(limited, world.engine, export, lambda done: None)
    assert again.equals(table)


def test_a_confidence_that_no_pixel_has_leaves_no_place(world):
    unheard = config.parse(TEXT.replace("least_confidence = 40", "least_confidence = 101"))
    with pytest.raises(DataError, match="hold no sample of corn, soybeans"):
        places.draw(unheard, world.engine, export, lambda done: None)
