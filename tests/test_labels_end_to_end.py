"""Real declarations through the commands: harmonise -> draw -> export, to cubes that NumPy computes as well.

Flanders has its real acquisitions. There are none here of the Brazilian and the Kenyan fields: theirs are simulated,
noise without a crop in it, and prove that the right pixels of the right days arrive.
"""

import itertools
from datetime import date, timedelta
from pathlib import Path

import click.testing
import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import rasterio
import shapely
from pyproj import Transformer
from rasterio import features
from scipy import ndimage

import cli
from agrispec.bands import SENTINEL2_IDS
from exports import runs, samples, shards
from labels import harmonised

from .configuration import configuration
from .flanders import CELLS, read_square
from .looks import Looks

# Class numbers of agrispec-17.
CLASSES = {"winter wheat": 0, "maize": 7, "soya": 11, "other": 16}
# What the legend of the Flemish maps calls a crop -> what HCAT does; other leguminous crops may be several there.
FLANDERS = {"Winter wheat": "winter_common_soft_wheat", "Maize": "grain_maize_corn_popcorn",
            "Barley": "barley", "Winter barley": "winter_barley", "Cabages": "brassica_oleracea_cabbage",
            "Potatoes": "potatoes", "Sugar beet": "sugar_beet",
            "Permanent grass crops": "pasture_meadow_grassland_grass"}
DECLARED = "projects/agrispec-local/assets/declared/flanders_{season}"
SOIL = "Uncultivated soil"  # between crops: a land use, which is no crop
BRAZIL = {"Soybean": "soy_soybeans", "Corn": "grain_maize_corn_popcorn", "Cotton": "cotton",
          "Beans": "legumes_dried_pulses_protein_crops", "Sorghum": "millet_sorghum", "Millet": "millet_sorghum",
          "Pasture": "pasture_meadow_grassland_grass", SOIL: "arable_crops"}
BRAZIL_CLASS = {"Soybean": "soya", "Corn": "maize", "Cotton": "other", "Beans": "pulses", "Sorghum": "sorghum",
                "Millet": "sorghum", "Pasture": "other"}
MONTHS = [f"{date(year, month, 1):%b_%Y}={month}" for year, month in
          [*itertools.product([2019], (10, 11, 12)), *itertools.product([2020], range(1, 10))]]
KENYA = {"Maize": "grain_maize_corn_popcorn", "Bean": "legumes_dried_pulses_protein_crops", "Tomato": "tomato",
         "Sweetpotato": "sweet_potatoes", "Millet": "millet_sorghum", "Sorghum": "millet_sorghum",
         "Fallowland": "fallow_land_not_crop"}


def agrispec_gee(*words, code=0):
    """What a command prints to either stream."""
    done = click.testing.CliRunner().invoke(cli.main, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def mapping(path: Path, real_data: Path, country: str, year: int, names: dict[str, str]) -> Path:
    """A mapping table of our own: national codes -> names of HCAT, whose codes its own list tells."""
    hcat = pd.read_csv(real_data / "eurocrops" / "hcat_core" / "HCAT3.csv", dtype=str)
    number = dict(zip(hcat.iloc[:, 0], hcat.iloc[:, 1], strict=True))
    pd.DataFrame({"country": country, "year": year, "code": names.keys(),
                  "hcat": [number[name] for name in names.values()]}).to_csv(path, index=False)
    return path


def new_run(path: Path, classes: list[str], labels: dict[str, str] | None = None, **tables) -> Path:
    """The directory of a run that takes drawn places, without a split."""
    path.mkdir()
    (path / "agrispec.toml").write_text(configuration(
        classes=[{"name": name, "codes": [CLASSES[name]], "colour": f"#{number:06x}"}
                 for number, name in enumerate(classes)],
        labels={"images": "", "band": "", "places": "places.parquet", **(labels or {})},
        split={"validation": 0, "test": 0}, **tables))
    return path


def exported(home: Path):
    """The samples of a run and their cubes, row by row."""
    agrispec_gee("export", home)
    run = runs.open(home)
    table, cubes = samples.read(run.samples), shards.read(run.shards, run.config.spec)
    assert cubes.rows.tolist() == table["row"].tolist()
    return table, cubes


def assert_composites(cubes, mine, medians, counts):
    np.testing.assert_array_equal(cubes.counts[mine], counts)
    np.testing.assert_allclose(cubes.values[mine], np.where(np.isnan(medians), -9999, medians), rtol=2e-7)


def rows_of(path: Path) -> pd.DataFrame:
    return pa.concat_tables(harmonised.read(path)).to_pandas().set_index("parcel")


@pytest.fixture(scope="module")
def squares(real_data):
    return {year: read_square(real_data / "flanders" / str(year)) for year in CELLS}


@pytest.fixture(scope="module")
def flanders(real_data, squares, tmp_path_factory):
    """The fields of both squares as somebody would declare them, harmonised, beside a landscape of the acquisitions;
    the fields' numbers by year."""
    home = tmp_path_factory.mktemp("flanders")
    legend = pd.read_csv(real_data / "legend" / "wc2eurocrops_map.csv").set_index("name")["croptype"]
    names = {str(legend[name]): hcat for name, hcat in FLANDERS.items()}
    numbers = {}
    for year, square in squares.items():
        fine, coarse, _ = square.files
        agrispec_gee("engine", "import", "--data", home / "landscape", fine, coarse)
        fields = numbers[year] = square.fields(np.unique(square.codes[square.codes > 0]))
        shapes = [(shapely.geometry.shape(shape), int(number)) for shape, number in features.shapes(
            fields.astype(np.int32), mask=fields > 0, transform=rasterio.Affine(10, 0, square.west, 0, -10,
                                                                                square.north))]
        code = ndimage.maximum(square.codes, fields, [number for _, number in shapes])
        geopandas.GeoDataFrame({"field": [number for _, number in shapes], "crop": code.astype(int)},
                               geometry=[shape for shape, _ in shapes], crs=square.crs).to_file(home / f"{year}.gpkg")
        codes = mapping(home / f"be_{year}.csv", real_data, "BE", year, names)
        harmonise = ["labels", "harmonise", home / f"{year}.gpkg", "--country", "BE", "--year", year, "--map", codes,
                     "--code", "crop", "--id", "field", "--out", home / f"{year}.parquet"]
        if year == 2018:
            assert "does not map 1 code of 4 declarations (1.0 ha): 7900;" in agrispec_gee(*harmonise, code=1)
            harmonise.append("--leave-out")
        agrispec_gee(*harmonise)
    return home, numbers


def flemish_run(home: Path, flanders: Path, **labels) -> Path:
    new_run(home, ["winter wheat", "maize", "other"], area={"cells": list(CELLS.values())}, labels=labels,
            season={"source": list(CELLS), "target": 2020})
    (home / "landscape").symlink_to(flanders / "landscape")
    return home


def inner_of(numbers: np.ndarray, parcel: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a field's pixels whose centres are 10 m or more from its outline: all around is field."""
    return np.nonzero(ndimage.minimum_filter(numbers == int(parcel), size=3, mode="constant"))


def test_flemish_fields_keep_the_class_of_their_code(squares, flanders):
    home, numbers = flanders
    status = {}
    for year, square in squares.items():
        rows = rows_of(home / f"{year}.parquet")
        assert len(rows) == numbers[year].max()
        code = ndimage.maximum(square.codes, numbers[year], rows.index.astype(int)).astype(int)
        assert rows["code"].tolist() == code.astype(str).tolist()
        area = ndimage.sum_labels(np.full(square.codes.shape, 0.01), numbers[year], rows.index.astype(int))
        # UTM shortens lengths by 0.9996 here.
        np.testing.assert_allclose(rows["area_ha"], area, rtol=1e-3)
        known = {1110: "winter wheat", 1200: "maize", 1510: "winter barley", 2130: "other", 5100: "potato",
                 8100: "sugar beet", 9120: "other"}
        assert rows["class"].fillna("").tolist() == [known.get(each, "") for each in code]
        status |= dict(zip(code.tolist(), rows["status"], strict=True))
    # Barley may be of winter or of spring, and our table does not tell what leguminous crops are "other".
    assert {code: said for code, said in status.items() if said != "mapped"} == {1500: "ambiguous", 7900: "unmapped"}


def test_cubes_of_places_in_flemish_fields_are_the_medians_of_the_files(squares, flanders, tmp_path):
    home, numbers = flanders
    run = flemish_run(tmp_path / "run", home)
    said = agrispec_gee("labels", "draw", run, *(home / f"{year}.parquet" for year in CELLS), "--per-parcel", 5)
    assert "labels closed; parcels are those of 2019" in said
    table, cubes = exported(run)
    for year, square in squares.items():
        mine = (table["season"] == year).to_numpy()
        of_year, rows = table[mine], rows_of(home / f"{year}.parquet")
        row, column = square.pixels(of_year["lon"].to_numpy(), of_year["lat"].to_numpy())
        drawn = set(zip(of_year["parcel"], row.tolist(), column.tolist(), strict=True))
        assert len(drawn) == len(of_year) > 0
        wanted = rows[rows["class"].isin(["winter wheat", "maize", "other"])]
        for parcel in wanted.index:
            there = set(zip(itertools.repeat(parcel), *(axis.tolist() for axis in inner_of(numbers[year], parcel)),
                            strict=False))
            found = {each for each in drawn if each[0] == parcel}
            assert found <= there
            assert len(found) == min(5, len(there))
        assert set(of_year["parcel"]) <= set(wanted.index)
        names = np.array(["winter wheat", "maize", "other"])[of_year["label"]]
        assert names.tolist() == wanted.loc[of_year["parcel"], "class"].tolist()
        assert_composites(cubes, mine, *square.composites(date(year, 1, 1), row, column))


def test_medians_of_flemish_fields_are_those_of_their_pixels_in_the_files(squares, flanders, tmp_path):
    home, numbers = flanders
    run = flemish_run(tmp_path / "run", home, parcels=DECLARED, parcel_id="parcel")
    for year in CELLS:
        agrispec_gee("labels", "upload", home / f"{year}.parquet", DECLARED.format(season=year), "--run", run)
    agrispec_gee("labels", "draw", run, *(home / f"{year}.parquet" for year in CELLS), "--median")
    table, cubes = exported(run)
    for year, square in squares.items():
        for place in np.flatnonzero(table["season"] == year):
            row, column = inner_of(numbers[year], table["parcel"][place])
            medians, counts = square.composites(date(year, 1, 1), row, column)
            seen = (counts > 0).any(axis=0)
            expected = np.full(medians.shape[1:], np.nan)
            expected[seen] = np.nanmedian(medians[:, seen], axis=0)
            np.testing.assert_allclose(cubes.values[place], np.where(np.isnan(expected), -9999, expected), rtol=2e-7)
            np.testing.assert_allclose(cubes.counts[place], counts.mean(axis=0), rtol=2e-7)
        assert (table["season"] == year).any()


def simulated(folder: Path, landscape: Path, first: date, crs: str, west: float, north: float, side: int) -> Looks:
    """Scenes of noise over `side` x `side` pixels, as GeoTIFF files and brought in as such.

    Three on days of one step, two of one day, one on the first and one on the last day of the season that begins on
    `first`, and one on the days before and behind it.
    """
    random = np.random.default_rng(3)
    year_days = (first.replace(year=first.year + 1) - first).days
    days = [first + timedelta(days=each) for each in (-1, 0, 46, 48, 49, 140, 140, year_days - 1, year_days)]
    dn = random.integers(1, 9000, (len(days), 10, side, side), np.uint16)
    dn[1, :, :side // 3] = 0
    scl = random.integers(1, 12, (len(days), side, side), np.uint16)
    folder.mkdir()
    grid = {"crs": crs, "transform": rasterio.Affine(10, 0, west, 0, -10, north), "width": side, "height": side}
    for number, day in enumerate(days):
        path = folder / f"scene_{number}.tif"
        with rasterio.open(path, "w", driver="GTiff", count=11, dtype="uint16", nodata=0, **grid) as file:
            file.write(np.concatenate([dn[number], scl[number, None]]))
            file.descriptions = (*SENTINEL2_IDS, "SCL")
        agrispec_gee("engine", "import", "--data", landscape, "--time", f"{day}T13:0{number}:00", path)
    return Looks(days=np.array(days, "datetime64[D]"), dn=dn, clear=np.isin(scl, (4, 5, 6, 7)) & (dn > 0).all(axis=1),
                 crs=crs, west=west, north=north)


def assert_simulated(table, cubes, season, looks, first, most):
    """Cubes of a season's samples: those under the scenes, 40 or more, of steps with up to `most` looks, and the
    others, which nobody saw."""
    mine = (table["season"] == season).to_numpy()
    row, column = looks.pixels(table["lon"].to_numpy(), table["lat"].to_numpy())
    rows, columns = looks.clear.shape[1:]
    under = mine & (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    assert under.sum() >= 40
    medians, counts = looks.composites(first, row[under], column[under])
    assert counts.max() == most
    assert_composites(cubes, under, medians, counts)
    assert not cubes.counts[mine & ~under].any()
    assert (cubes.values[mine & ~under] == -9999).all()


def test_brazilian_fields_of_one_crop_go_to_cubes_of_simulated_scenes(real_data, tmp_path):
    shapes, file = real_data / "parcels" / "LEM_dataset.shp", tmp_path / "br.parquet"
    codes = mapping(tmp_path / "br.csv", real_data, "BR", 2020, BRAZIL)
    harmonise = ["labels", "harmonise", shapes, "--country", "BR", "--year", 2020, "--map", codes, "--id", "id",
                 *itertools.chain.from_iterable(("--crop", month) for month in MONTHS), "--out", file]
    assert "does not map 8 codes of" in agrispec_gee(*harmonise, code=1)
    agrispec_gee(*harmonise, "--leave-out")
    run = new_run(tmp_path / "run", ["soya", "maize"], area={"bounds": [-46.29, -12.29, -46.21, -12.11], "cells": []},
                  season={"source": [2020], "target": 2021, "first_day": "07-01"})
    said = agrispec_gee("labels", "draw", run, file, "--per-parcel", 20)

    frame = pyogrio.read_dataframe(shapes).set_index("id")
    months = [month.partition("=")[0] for month in MONTHS]
    grown = frame[months].apply(lambda row: frozenset(BRAZIL_CLASS.get(code, "unknown") for code in row
                                                      if code not in (SOIL, None)), axis=1)
    assert (grown.map(len) > 1).sum() > 100
    assert "declarations of parcels with several classes in one year" in said
    looks = simulated(tmp_path / "scenes", run / "landscape", date(2019, 7, 1), "EPSG:32723", 364800, 8653700, 500)
    table, cubes = exported(run)
    source = table[table["season"] == 2020]
    of = source["parcel"].str.partition("/")[0]
    # In the file's own words: that class grew there, and no other.
    assert [frozenset([["soya", "maize"][label]]) for label in source["label"]] == grown[of].tolist()
    place = shapely.points(*Transformer.from_crs("EPSG:4326", looks.crs, always_xy=True).transform(
        source["lon"], source["lat"]))
    shapes = frame.geometry.make_valid().to_crs(looks.crs).loc[of].to_numpy()
    assert shapely.contains(shapes, place).all()
    assert shapely.distance(shapely.boundary(shapes), place).min() >= 0.98 * 10
    assert_simulated(table, cubes, 2020, looks, date(2019, 7, 1), 3)
    assert_simulated(table, cubes, 2021, looks, date(2020, 7, 1), 1)


def centres(shape: shapely.Geometry, inward_m: float) -> set[tuple[float, float]]:
    """Centres of the pixels that lie `inward_m` or more inside of an outline in metres, each asked for itself."""
    west, south, east, north = shapely.bounds(shape)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(west // 10 * 10 + 5, east, 10),
                                                 np.arange(south // 10 * 10 + 5, north, 10)))
    inside = shapely.contains_xy(shape, x, y)
    inside &= shapely.distance(shapely.boundary(shape), shapely.points(x, y)) >= inward_m
    return {*zip(x[inside].tolist(), y[inside].tolist(), strict=True)}


def test_small_kenyan_fields_go_to_cubes_of_simulated_scenes(real_data, tmp_path):
    fields, file = real_data / "parcels" / "ref_african_crops_kenya_01_labels_00.geojson", tmp_path / "ke.parquet"
    codes = mapping(tmp_path / "ke.csv", real_data, "KE", 2019, KENYA)
    agrispec_gee("labels", "harmonise", fields, "--country", "KE", "--year", 2019, "--map", codes, "--code", "Crop1",
                 "--inward", 2, "--leave-out", "--out", file)
    run = new_run(tmp_path / "run", ["maize", "other"], area={"bounds": [34.1, 0.4, 34.3, 0.6], "cells": []},
                  season={"source": [2019], "target": 2020}, samples={"per_class": 100})
    agrispec_gee("labels", "draw", run, file, "--per-parcel", 4)
    looks = simulated(tmp_path / "scenes", run / "landscape", date(2019, 1, 1), "EPSG:32636", 635000, 62000, 500)
    table, cubes = exported(run)
    source, frame = table[table["season"] == 2019], pyogrio.read_dataframe(fields)
    label = frame["Crop1"].map({"Maize": 0} | dict.fromkeys(("Tomato", "Sweetpotato", "Fallowland"), 1)).dropna()
    assert source["label"].tolist() == label[source["parcel"].astype(int)].tolist()
    # The outlines are in metres of the pixels' own zone.
    x, y = Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True).transform(source["lon"], source["lat"])
    drawn = {number: set[tuple[float, float]]() for number in label.index}
    for number, *place in zip(source["parcel"].astype(int), x.round(3), y.round(3), strict=True):
        drawn[number].add(tuple(place))
    # Outlines are drawn in by 2 m, to 2 %.
    for number, shape in frame.geometry[label.index].make_valid().items():
        surely, perhaps = centres(shape, 2), centres(shape, 0.98 * 2)
        assert drawn[number] <= perhaps
        assert min(4, len(surely)) <= len(drawn[number]) <= min(4, len(perhaps))
    assert sum(map(bool, drawn.values())) > 100
    assert_simulated(table, cubes, 2019, looks, date(2019, 1, 1), 3)
    assert_simulated(table, cubes, 2020, looks, date(2020, 1, 1), 1)
