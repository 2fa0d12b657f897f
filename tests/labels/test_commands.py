"""Declarations become a harmonised file, whatever they come in, and nothing is lost without a word."""

import itertools
import shutil

import click.testing
import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyproj import Geod

import cli
from agrispec.class_sets import CLASS_SETS
from agrispec.errors import ConfigError, DataError, StorageError
from labels import commands, declarations, harmonised, parts, told
from labels.crop_months import CropColumn
from labels.mapping_tables import MappingTable
from labels.preparation import Asked

CLASSES = CLASS_SETS["agrispec-17"]
MONTHS = {"Oct_2019": 10, "Nov_2019": 11, "Dec_2019": 12, "Jan_2020": 1, "Feb_2020": 2, "Mar_2020": 3, "Apr_2020": 4,
          "May_2020": 5, "Jun_2020": 6, "Jul_2020": 7, "Aug_2020": 8, "Sep_2020": 9}
# What grows in the fields of the real files, by us.
BRAZIL = {"Soybean": "3301160000", "Corn": "3301010600", "Cotton": "3301060300", "Beans": "3301020100",
          "Sorghum": "3301010900", "Millet": "3301010900", "Brachiaria": "3302000000", "Pasture": "3302000000",
          "Hay": "3302000000", "Cerrado": "3306000000", "Eucalyptus": "3306000000"}
KENYA = {"Maize": "3301010600", "Bean": "3301020100", "Tomato": "3301280000", "Sweetpotato": "3301040000"}
FRANCE = {"MIS": "3301010600", "BTH": "3301010101"}


def table(folder, country, year, codes):
    path = folder / f"{country}.csv"
    rows = pd.DataFrame({"country": country, "year": year, "code": codes.keys(), "hcat": codes.values()})
    rows.to_csv(path, index=False)
    return path


def squares(count, **columns):
    west = 5 + np.arange(count) * 0.003
    outlines = shapely.box(west, 48, west + 0.002, 48.002)
    return geopandas.GeoDataFrame({"code": ["MIS", "BTH"] * (count // 2) + ["MIS"] * (count % 2), **columns},
                                  geometry=outlines, crs="EPSG:4326")


@pytest.fixture
def france(tmp_path):
    """Harmonises frames of parcels; their file is beside."""
    codes = table(tmp_path, "FR", 2018, FRANCE)

    def run(*frames, names=("parcels",), others=(), leave_out=False, **asked):
        paths = [tmp_path / f"{name}.gpkg" for name in names]
        for frame, path in zip(frames, paths, strict=True):
            frame.to_file(path)
        read = MappingTable.read(codes, "FR", 2018)
        asked = {"code": "code", **asked}
        did = commands.run_harmonise(paths, read, CLASSES, Asked(country="FR", year=2018, leave_out=leave_out, **asked),
                                     tmp_path / "made.parquet", others=others)
        return did, pa.concat_tables(harmonised.read(tmp_path / "made.parquet")).to_pandas().set_index("parcel")
    return run


def left(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith((".", "made")))


def test_classes_names_and_provenance_come_with_each_parcel(france, tmp_path):
    did, rows = france(squares(3, name=["Maïs", "Blé", None]), name="name")
    assert rows["class"].tolist() == ["maize", "winter wheat", "maize"]
    assert rows["class_number"].tolist() == [[crop.name for crop in CLASSES].index(name) for name in rows["class"]]
    assert rows["name"].tolist()[:2] == ["Maïs", "Blé"]
    assert rows.index.tolist() == ["0", "1", "2"]
    assert set(rows["source"]) == {"parcels.gpkg"}
    assert rows["crop_from"].isna().all()
    about = harmonised.about(tmp_path / "made.parquet")
    assert about.counts == {"mapped": 3, "unmapped": 0, "ambiguous": 0, "land use": 0}
    assert len(about.sources["parcels.gpkg"]) == 64
    assert (did.parcels, did.crops) == (3, 3)
    assert left(tmp_path) == ["made.parquet"]


def test_codes_that_the_table_lacks_leave_no_file_unless_they_are_left_out(france, tmp_path):
    frame = squares(4)
    frame.loc[1, "code"] = "XYZ"
    with pytest.raises(DataError, match="does not map 1 code of 1 declaration .*: XYZ"):
        france(frame)
    assert left(tmp_path) == []
    _, rows = france(frame, leave_out=True)
    assert rows["class"].isna().tolist() == [False, True, False, False]
    assert rows["status"].tolist() == ["mapped", "unmapped", "mapped", "mapped"]


def test_what_a_killed_process_left_is_removed(france, tmp_path):
    (tmp_path / ".made.parquet.abc.part" / "0").mkdir(parents=True)
    france(squares(2))
    assert left(tmp_path) == ["made.parquet"]


def test_a_folder_that_cannot_be_written_is_said(france, tmp_path):
    (tmp_path / "made.parquet").mkdir()
    with pytest.raises(StorageError, match=r"made.parquet could not be written"):
        france(squares(2))
    assert left(tmp_path) == ["made.parquet"]


def test_what_is_wrong_with_outlines_is_flagged_and_counted(france):
    frame = squares(8)
    metre = 1e-5
    frame.loc[1, "geometry"] = shapely.Polygon([(6, 48), (6.002, 48.002), (6.002, 48), (6, 48.002)])
    frame.loc[2, "geometry"] = shapely.box(7, 48, 7 + 8 * metre, 48.01)
    frame.loc[3, "geometry"] = shapely.box(7.1, 48, 7.1 + 18 * metre, 48.01)
    frame.loc[4, "geometry"] = shapely.affinity.translate(frame.geometry[5], 0.001)
    frame.loc[6, "geometry"] = shapely.affinity.translate(frame.geometry[7], 1e-9)
    did, rows = france(frame)
    assert rows["flags"].to_dict() == {
        "0": "", "1": "repaired", "2": "sliver,empty inside", "3": "empty inside", "4": "overlaps", "5": "overlaps",
        "6": "duplicate", "7": "duplicate"}
    assert did.flagged == {"small": 0, "repaired": 1, "sliver": 1, "empty inside": 2, "overlaps": 2, "duplicate": 2} | {
        "small": int(rows["small"].sum())}
    assert rows["inside"].isna().tolist() == ["empty inside" in flags for flags in rows["flags"]]


@pytest.mark.parametrize(("batch", "part"), [(1, 1), (7, 5), (50, 1000)])
def test_batches_and_parts_change_nothing(france, monkeypatch, batch, part):
    rng = np.random.default_rng(4)
    # Over the corner of four cells.
    corner = rng.uniform([5.09, 48.09], [5.11, 48.11], (60, 2))
    frame = squares(60).set_geometry(shapely.box(*corner.T, *(corner + rng.uniform(1e-4, 5e-3, (60, 2))).T))
    frame.loc[50, "geometry"] = frame.geometry[10]
    did, rows = france(frame)
    monkeypatch.setattr(declarations, "ROWS", batch)
    monkeypatch.setattr(parts, "ROWS", part)
    again, others = france(frame)
    assert did == again
    pd.testing.assert_frame_equal(rows.sort_index(), others.sort_index())
    overlapping = [any(one.intersection(other).area > 0.01 * min(one.area, other.area) for place, other in
                       enumerate(frame.geometry) if place != number) for number, one in enumerate(frame.geometry)]
    assert (rows.loc[[str(i) for i in range(60)], "flags"].str.contains("overlaps|duplicate")).tolist() == overlapping


def test_rows_without_an_outline_or_a_code_are_left_out_and_counted(france, tmp_path):
    frame = squares(5)
    frame.loc[1, "code"] = None
    frame.loc[2, ["code", "geometry"]] = ["XYZ", None]
    frame.loc[3, "geometry"] = shapely.LineString([(5, 48), (6, 49)])
    did, rows = france(frame)
    assert rows.index.tolist() == ["0", "4"]
    assert did.left_out == {"without an outline": 1, "without an area": 1, "without a code": 1}
    assert harmonised.about(tmp_path / "made.parquet").left_out == did.left_out


def test_outlines_beyond_the_globe_ask_for_their_crs(france):
    metres = squares(3).to_crs("EPSG:2154").set_crs("EPSG:4326", allow_override=True)
    with pytest.raises(DataError, match="none of the first 3 parcels has an outline on the globe; name the CRS"):
        france(metres)


def test_an_outline_across_180_degrees_is_left_out_and_counted(france, tmp_path):
    frame = squares(4)
    frame.loc[0, "geometry"] = shapely.Polygon([(179.999, 48), (-179.999, 48), (-179.999, 48.002), (179.999, 48.002)])
    frame.loc[1, "geometry"] = shapely.union_all([shapely.box(179.99, 48, 180, 48.01),
                                                  shapely.box(-180, 48, -179.99, 48.01)])
    did, rows = france(frame)
    assert rows.index.tolist() == ["2", "3"]
    assert did.left_out == {"off the globe or across 180 degrees": 2}
    assert rows["area_ha"].max() < 10
    assert "2 more off the globe or across 180 degrees, which are left out" in "\n".join(told.harmonised(did, tmp_path))


def test_no_code_at_all_is_said(france):
    with pytest.raises(DataError, match="none of the 2 rows has an outline and a code: 2 are without a code"):
        france(squares(2).assign(code=["", None]))


@pytest.mark.parametrize(("outlines", "why"), [
    ([None, shapely.Polygon()], "2 are without an outline"),
    ([shapely.Point(5, 48), shapely.LineString([(5, 48), (6, 49)])], "2 are without an area")])
def test_rows_of_no_polygon_do_not_ask_for_a_crs(france, outlines, why):
    with pytest.raises(DataError, match=f"none of the 2 rows has an outline and a code: {why};"):
        france(squares(2).set_geometry(outlines, crs="EPSG:4326"))


def test_an_id_must_name_one_parcel(france):
    with pytest.raises(DataError, match=r"'number' does not tell parcels apart: 1 have .* as rows 0 and 2"):
        france(squares(3, number=[7.0, 8.0, 7.0]), id="number")
    with pytest.raises(DataError, match="row 1 of .*parcels.gpkg has no 'number'"):
        france(squares(3, number=[7.0, None, 9.0]), id="number")
    _, rows = france(squares(3, number=[7.0, 8.0, 9.0]), id="number")
    assert rows.index.tolist() == ["7", "8", "9"]


def test_rows_of_several_files_are_named_by_file(france):
    _, rows = france(squares(2), squares(3), names=("north", "south"))
    assert sorted(rows.index) == ["north.gpkg:0", "north.gpkg:1", "south.gpkg:0", "south.gpkg:1", "south.gpkg:2"]
    assert set(rows["source"]) == {"north.gpkg", "south.gpkg"}
    assert rows.loc["north.gpkg:0", "flags"] == "duplicate"


def test_files_whose_names_differ_in_their_ending_alone_tell_parcels_apart(france, tmp_path):
    for name in ("b.geojson", "b.json"):
        squares(2).to_file(tmp_path / name, driver="GeoJSON")
    codes = MappingTable.read(table(tmp_path, "FR", 2018, FRANCE), "FR", 2018)
    commands.run_harmonise([tmp_path / "b.geojson", tmp_path / "b.json"], codes, CLASSES,
                           Asked(country="FR", year=2018, code="code"), tmp_path / "made.parquet")
    rows = pa.concat_tables(harmonised.read(tmp_path / "made.parquet"))
    assert sorted(rows["parcel"].to_pylist()) == ["b.geojson:0", "b.geojson:1", "b.json:0", "b.json:1"]


@pytest.mark.parametrize("ids", [["7", "7/1", "8"], ["7/2", "9", "7"]])
def test_an_id_is_not_that_of_a_crop_of_another_parcel(france, ids):
    frame = squares(3, number=ids, first=["MIS"] * 3, second=["BTH" if each == "7" else None for each in ids])
    crops = (CropColumn.parse("first=3-8"), CropColumn.parse("second=9-2"))
    with pytest.raises(DataError, match="'number' does not tell parcels apart: 1 have the id of another, or of a crop"):
        france(frame, code=None, crops=crops, id="number")
    did, rows = france(frame.assign(number=["7", "7/3", "8"]), code=None, crops=crops, id="number")
    assert rows.index.is_unique
    assert (did.parcels, did.crops) == (3, 4)


def test_two_crops_of_a_year_are_kept_with_their_months(france):
    frame = squares(3, first=["MIS", "BTH", "MIS"], second=["BTH", None, "MIS"])
    _, rows = france(frame, code=None, crops=(CropColumn.parse("first=3-8"), CropColumn.parse("second=9-2")))
    found = rows[["class", "crop_from", "crop_to", "flags"]].to_dict("index")
    assert found == {"0/1": {"class": "maize", "crop_from": 3, "crop_to": 8, "flags": ""},
                     "0/2": {"class": "winter wheat", "crop_from": 9, "crop_to": 2, "flags": ""},
                     "1": {"class": "winter wheat", "crop_from": 3, "crop_to": 8, "flags": ""},
                     "2": {"class": "maize", "crop_from": 3, "crop_to": 2, "flags": ""}}


def test_outlines_of_another_year_are_told(france, tmp_path):
    france(squares(4))
    (tmp_path / "made.parquet").rename(tmp_path / "before.parquet")
    frame = squares(4)
    frame.loc[2, "geometry"] = shapely.affinity.translate(frame.geometry[2], 0.001)
    did, rows = france(frame, others=[tmp_path / "before.parquet"])
    assert rows["flags"].tolist() == [f"same outline in {2018}"] * 2 + [""] + ["same outline in 2018"]
    assert did.flagged["same outline in 2018"] == 3


@pytest.mark.parametrize(("asked", "message"), [
    ({}, "no column tells what was grown"),
    ({"code": "a", "crops": (CropColumn(column="b", first=1, last=2),)}, "--crop names columns of codes, and so does"),
    ({"code": "a", "inward_m": -1.0}, "--inward -1 is no distance inwards"),
    ({"code": "a", "inward_m": np.inf}, "--inward inf is no distance"),
    ({"code": "a", "inward_m": np.nan}, "--inward nan is no distance")])
def test_what_does_not_fit_together_is_refused(asked, message):
    with pytest.raises(ConfigError, match=message):
        Asked(country="FR", year=2018, **asked)


def brazil(real_data, tmp_path):
    frame = pyogrio.read_dataframe(real_data / "parcels" / "LEM_dataset.shp")
    codes = MappingTable.read(table(tmp_path, "BR", 2020, BRAZIL), "BR", 2020)
    crops = tuple(CropColumn(column=column, first=month, last=month) for column, month in MONTHS.items())
    asked = Asked(country="BR", year=2020, id="id", crops=crops, leave_out=True)
    did = commands.run_harmonise([real_data / "parcels" / "LEM_dataset.shp"], codes, CLASSES, asked,
                                 tmp_path / "br.parquet")
    return frame, did, pa.concat_tables(harmonised.read(tmp_path / "br.parquet")).to_pandas()


def test_the_brazilian_fields_keep_each_crop_with_its_months(real_data, tmp_path):
    frame, did, rows = brazil(real_data, tmp_path)
    expected = {}
    for row in frame.itertuples():
        runs = [(code, [month for _, month in run]) for code, run in itertools.groupby(
            ((getattr(row, column), month) for column, month in MONTHS.items()), key=lambda each: each[0])]
        expected |= {f"{row.id}/{number}" if len(runs) > 1 else row.id: (code, months[0], months[-1])
                     for number, (code, months) in enumerate(runs, 1)}
    found = {row.parcel: (row.code, row.crop_from, row.crop_to) for row in rows.itertuples()}
    assert found == expected
    assert did.parcels == len(frame) == 1854
    assert set(rows.loc[rows["code"] == "Soybean", "class"]) == {"soya"}
    assert rows.loc[rows["code"] == "Uncultivated soil", "class"].isna().all()


def test_the_brazilian_fields_are_drawn_in_by_ten_metres(real_data, tmp_path):
    rows = brazil(real_data, tmp_path)[2]
    rows = rows[rows["parcel"].str.contains("/") == False].reset_index(drop=True)  # noqa: E712
    whole, inside = (shapely.from_wkb(rows[name].to_numpy()) for name in ("geometry", "inside"))
    kept = ~shapely.is_missing(inside)
    assert kept.sum() > 100
    assert shapely.covers(whole[kept], inside[kept]).all()
    geod = Geod(ellps="WGS84")
    area = [abs(geod.geometry_area_perimeter(shapely.orient_polygons(each))[0]) / 1e4 for each in whole[:50]]
    assert rows["area_ha"][:50].to_numpy() == pytest.approx(area, rel=1e-4)


def test_the_kenyan_fields_have_the_class_of_their_crop(real_data, tmp_path):
    path = real_data / "parcels" / "ref_african_crops_kenya_01_labels_00.geojson"
    codes = table(tmp_path, "KE", 2019, KENYA)
    typed = ["labels", "harmonise", str(path), "--country", "KE", "--year", "2019", "--map", str(codes), "--code",
             "Crop1", "--out", str(tmp_path / "ke.parquet")]
    refused = click.testing.CliRunner().invoke(cli.main, typed)
    assert refused.exit_code == 1
    assert "KE.csv does not map 7 codes of " in refused.stderr
    assert not (tmp_path / "ke.parquet").exists()
    done = click.testing.CliRunner().invoke(cli.main, [*typed, "--leave-out"])
    assert done.exit_code == 0, done.stderr
    assert "159 crops in " in done.stdout
    rows = pa.concat_tables(harmonised.read(tmp_path / "ke.parquet")).to_pandas()
    declared = geopandas.read_file(path)["Crop1"]
    assert rows["code"].tolist() == declared.tolist()
    assert rows["class"].fillna("").tolist() == declared.map(
        {"Maize": "maize", "Bean": "pulses", "Tomato": "other", "Sweetpotato": "other"}).fillna("").tolist()
    assert rows["small"].sum() > 100


@pytest.mark.parametrize("out", ["parcels.gpkg", "FR.csv", "before.csv", "other.parquet", "link.gpkg", "maps/FR.csv"])
def test_what_is_read_is_never_overwritten(france, tmp_path, out):
    france(squares(4))
    (tmp_path / "made.parquet").rename(tmp_path / "other.parquet")
    table(tmp_path, "FR", 2018, FRANCE).rename(tmp_path / "before.csv")
    table(tmp_path, "FR", 2018, FRANCE)
    (tmp_path / "maps").mkdir()
    shutil.copyfile(tmp_path / "FR.csv", tmp_path / "maps" / "FR.csv")
    (tmp_path / "link.gpkg").symlink_to(tmp_path / "parcels.gpkg")
    before = (tmp_path / out).read_bytes()
    told = click.testing.CliRunner().invoke(cli.main, [
        "labels", "harmonise", str(tmp_path / "parcels.gpkg"), "--country", "FR", "--year", "2018", "--map",
        str(tmp_path / "FR.csv"), "--map", str(tmp_path / "maps"), "--code", "code", "--against",
        str(tmp_path / "before.csv"), "--other-year", str(tmp_path / "other.parquet"), "--out", str(tmp_path / out)])
    assert told.exit_code == 2
    assert "would overwrite" in told.stderr
    assert (tmp_path / out).read_bytes() == before


def test_changed_codes_are_told_before_anything_is_refused(tmp_path):
    squares(4).to_file(tmp_path / "parcels.gpkg")
    now = table(tmp_path, "FR", 2018, {"MIS": "3301010600"})
    before = tmp_path / "before.csv"
    pd.DataFrame({"country": "FR", "year": 2017, "code": ["MIS", "BTH"], "hcat": ["3301160000", "3301010101"]}).to_csv(
        before, index=False)
    told = click.testing.CliRunner().invoke(cli.main, [
        "labels", "harmonise", str(tmp_path / "parcels.gpkg"), "--country", "FR", "--year", "2018", "--map", str(now),
        "--code", "code", "--against", str(before), "--out", str(tmp_path / "fr.parquet")])
    assert told.exit_code == 1
    assert "mapped elsewhere  MIS" in told.stdout
    assert "new               BTH" in told.stdout
    assert "does not map 1 code" in told.stderr


@pytest.mark.parametrize(("asked", "column", "codes", "before"), [
    ("--name", ["Winter  wheat", "MAIZE"] * 2, "name,hcat\nFR,2018,,Winter Wheat,3301010101\nFR,2018,,Maize,3301010600",
     "name,hcat\nFR,2017,,winter wheat,3301160000\nFR,2017,,Maize,3301010600"),
    ("--code", [1.0, 2.0] * 2, "hcat\nFR,2018,001,3301010101\nFR,2018,002,3301010600",
     "hcat\nFR,2017,001,3301160000\nFR,2017,002,3301010600")])
def test_a_changed_code_is_told_whatever_its_spelling(tmp_path, asked, column, codes, before):
    squares(4, crop=column).to_file(tmp_path / "parcels.gpkg")
    for name, rows in (("now.csv", codes), ("before.csv", before)):
        (tmp_path / name).write_text(f"country,year,code,{rows}\n")
    told = click.testing.CliRunner().invoke(cli.main, [
        "labels", "harmonise", str(tmp_path / "parcels.gpkg"), "--country", "FR", "--year", "2018", "--map",
        str(tmp_path / "now.csv"), asked, "crop", "--against", str(tmp_path / "before.csv"), "--out",
        str(tmp_path / "fr.parquet")])
    assert told.exit_code == 0, told.stderr
    assert "[winter wheat] -> " in told.stdout
    assert "Maize" not in told.stdout.partition("declared codes")[2]


def test_hectares_of_several_crops_are_said_to_be_counted_for_each(tmp_path):
    squares(2, second=["BTH", None]).to_file(tmp_path / "parcels.gpkg")
    codes = table(tmp_path, "FR", 2018, FRANCE)
    typed = ["labels", "harmonise", str(tmp_path / "parcels.gpkg"), "--country", "FR", "--year", "2018", "--map",
             str(codes), "--out", str(tmp_path / "fr.parquet")]
    said = "hectares count a parcel once for each of its crops"
    one, both = (click.testing.CliRunner().invoke(cli.main, [*typed, *crops]).stdout for crops in (
        ["--code", "code"], ["--crop", "code=3-8", "--crop", "second=9-2"]))
    assert one.startswith("2 declarations")
    assert said not in one
    assert both.startswith("3 declarations")
    assert said in both


@pytest.mark.parametrize("folder", [False, True])
def test_the_year_to_compare_with_is_chosen_of_several(tmp_path, real_data, folder):
    squares(4).to_file(tmp_path / "parcels.gpkg")
    mine = tmp_path / "mine.csv"
    mine.write_text("country,year,code,hcat\n" + "".join(
        f"FR,{year},MIS,{maize}\nFR,{year},BTH,3301010101\n"
        for year, maize in ((2016, "3301010600"), (2017, "3301160000"), (2019, "3301010600"))))
    published = real_data / "eurocrops" / "csvs" / "country_mappings"
    typed = ["labels", "harmonise", str(tmp_path / "parcels.gpkg"), "--country", "FR", "--year", "2019", "--map",
             str(mine), "--code", "code", "--out", str(tmp_path / "fr.parquet")]
    against = [*typed, "--against", str(published if folder else mine)]
    several = click.testing.CliRunner().invoke(cli.main, against)
    assert several.exit_code == 1
    assert "year" in several.stderr
    told = click.testing.CliRunner().invoke(cli.main, [*against, "--against-year", "2018" if folder else "2017"])
    assert told.exit_code == 0, told.stderr
    assert ("fr_2018.csv:" in told.stdout) if folder else ("1 mapped elsewhere; 1 code to another" in told.stdout)
    assert "--against-year needs --against" in click.testing.CliRunner().invoke(
        cli.main, [*typed, "--against-year", "2017"]).stderr
