"""Harmonised declarations -> draw -> upload -> export: cubes equal a NumPy oracle, and parcels keep their names."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from click.testing import CliRunner
from pyproj import Transformer

import cli
from agrispec import config
from agrispec.errors import ConfigError, CorruptRecord, DataError, RunError, SchemaMismatch
from agrispec.formats import places as place_files
from agrispec.grid import Cell
from agrispec_tf.area import reference_sample, sample_file
from exports import manifest, mapping, runs, samples, shards
from exports.export import holding, places
from exports.export.declared import digest
from labels import sampling

from ..looks import composites, pixels_of

TABLE = "projects/agrispec-local/assets/declared/fields_{season}"


@pytest.fixture
def configuration(tiny):
    """The tiny season's, with labels by drawn places."""
    return (tiny.home / "agrispec.toml").read_text().replace(
        'images = "projects/agrispec-local/assets/labels"\nband = "crop"\nerode_m = 0',
        f'places = "places.parquet"\nparcels = "{TABLE}"\nparcel_id = "parcel"').replace(
        "codes = [1]", "codes = [0]").replace("codes = [2, 3]", "codes = [7, 8]")


@pytest.fixture
def home(tiny, configuration, tmp_path):
    """A run of a test alone whose landscape is the tiny season."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "agrispec.toml").write_text(configuration)
    shutil.copytree(tiny.home / "landscape", path / "landscape")
    return path


def agrispec_gee(*words, code=0):
    done = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert done.exit_code == code, (done.output, done.exception)
    return done


def test_places_go_from_declarations_to_cubes_that_equal_the_oracle(tiny, fields, declared, home):
    said = agrispec_gee("labels", "draw", home, declared, "--per-parcel", 4).output
    assert "2024: 20 places in 5 parcels, 1 cells, labels closed" in said
    assert said.partition("Left out\n")[2].splitlines()[:3] == [
        "  2 declarations without a class", "  4 declarations of parcels with several classes in one year",
        "  2 declarations with nothing left inside of their outline"]
    agrispec_gee("export", home)
    run = runs.open(home)
    table, cubes = samples.read(run.samples), shards.read(run.shards, run.config.spec)
    source = table[table["season"] == 2023]
    # The field of two crops, the one without a class and the one that is too thin have no place.
    assert set(source["parcel"]) == {"w1", "w2", "m1", "m2", "m3"}
    assert (source.groupby("parcel").size() == 4).all()
    assert source["label"].tolist() == [int(not parcel.startswith("w")) for parcel in source["parcel"]]
    row, column = pixels_of(source, tiny.grid)
    for parcel, *pixel in zip(source["parcel"], row.tolist(), column.tolist(), strict=True):
        assert tuple(pixel) in set(zip(*(axis.tolist() for axis in fields.inner(parcel)), strict=True))
    medians, counts = composites(tiny)
    mine = np.isin(cubes.rows, source["row"])
    np.testing.assert_array_equal(cubes.counts[mine], counts[:, row, column].T)
    expected = medians[:, :, row, column].transpose(2, 0, 1)
    np.testing.assert_allclose(cubes.values[mine], np.where(np.isnan(expected), -9999, expected), rtol=2e-7)


def test_an_export_is_planned_by_what_is_drawn_and_no_map_is_read_again(declared, home):
    agrispec_gee("labels", "draw", home, declared, "--per-parcel", 2)
    planned = agrispec_gee("export", home, "--dry-run").output
    assert planned.startswith("Season 2023: 10 samples in 1 cells\nSeason 2024: 10 samples in 1 cells\n")
    assert "there is no label map to read again" in agrispec_gee("audit", home, "--labels", code=2).output


@pytest.mark.parametrize(("changes", "options", "told", "refusal"), [
    ({'"maize"': '"triticale"', "codes = [7, 8]": "codes = [5]"}, [], "the training cells hold no place of triticale",
     "the training cells hold no sample of triticale; draw again"),
    ({"validation = 0": "validation = 0.3"}, [], "with 1 cells and split seed 0, no cell falls into the validation",
     "no cell falls into the validation fold"),
    ({f'parcels = "{TABLE}"': ""}, ["--median"], "medians are taken of parcels that Earth Engine knows",
     "medians of parcels that Earth Engine does not know"),
])
def test_drawing_tells_what_an_export_refuses(configuration, declared, home, changes, options, told, refusal):
    for before, after in changes.items():
        assert before in configuration
        configuration = configuration.replace(before, after)
    (home / "agrispec.toml").write_text(configuration)
    said = agrispec_gee("labels", "draw", home, declared, *options).output
    assert f"They cannot be exported yet: {told}" in said
    assert "Next:" not in said
    assert refusal in agrispec_gee("export", home, code=2 if options else 1).output


def test_parcels_named_by_parts_are_not_taken_for_two_crops(tiny, fields, home):
    rows = [("7/1", 0, 2023, 3, fields.of(tiny.grid, "w1")), ("7/2", 7, 2023, 3, fields.of(tiny.grid, "m1")),
            ("8/1", 0, 2023, 3, fields.of(tiny.grid, "m2")), ("8/2", 7, 2023, 8, fields.of(tiny.grid, "m2"))]
    drawn = sampling.draw(home, [fields.write(home / "parts.parquet", rows)], per_parcel=3, units=None)
    assert set(drawn.table["parcel"]) == {"7/1", "7/2"}
    assert "  2 declarations of parcels with several classes in one year" in list(sampling.lines(drawn))
    # Nothing is declared in 2024: its places lie in the fields of 2023, and nobody knows what grows there.
    assert set(drawn.table.loc[drawn.table["season"] == 2024, "code"]) == {-1}


def test_a_run_of_another_class_set_gets_its_own_classes(configuration, declared, home):
    (home / "agrispec.toml").write_text(
        configuration.replace("codes = [0]", "codes = [3]").replace('"maize"', '"corn"').replace("[7, 8]", "[0]"))
    said = agrispec_gee("labels", "draw", home, declared).output
    assert "  wheat <- winter wheat, spring wheat\n  corn <- maize\n" in said
    drawn = place_files.read(home / "places.parquet").table
    source = drawn[drawn["season"] == 2023]
    assert {tuple(row) for row in source[["parcel", "code"]].to_numpy().tolist()} == {("w1", 3), ("w2", 3), ("m1", 0)}


def test_the_labels_of_the_target_are_closed_until_they_are_judged_by(declared, home):
    agrispec_gee("labels", "draw", home, declared)
    run = runs.open(home)
    table = places.of_run(run, run.config, None, None, lambda done: None)
    assert (table.loc[table["season"] == 2024, "label"] == -1).all()
    run.samples.write_bytes(samples.encode(table))
    manifest.record(home, "export", {"places": digest(run, run.config)})
    truth = places.truth(run, run.config, None, None).merge(table, on="row")
    assert truth["label_x"].tolist() == [int(not parcel.startswith("w")) for parcel in truth["parcel"]]
    assert len(truth) == (table["season"] == 2024).sum() > 0
    # Other places than those of the samples would tell of some samples, and not of others.
    content = (home / "places.parquet").read_bytes()
    found = place_files.read(home / "places.parquet")
    (home / "places.parquet").write_bytes(place_files.encode(replace(found, table=found.table[:-1])))
    with pytest.raises(SchemaMismatch, match="exported of other places than those in"):
        places.truth(run, run.config, None, None)
    (home / "places.parquet").write_bytes(content)
    assert "their labels are looked up there" in agrispec_gee("labels", "draw", home, declared, "--per-parcel", 1,
                                                              code=1).output
    assert (home / "places.parquet").read_bytes() == content
    run.samples.unlink()
    agrispec_gee("labels", "draw", home, declared, "--per-parcel", 1)
    assert (home / "places.parquet").read_bytes() != content


def test_places_are_not_drawn_while_their_run_is_exported(declared, home):
    with holding.held(home):
        assert "is being exported or drawn for already" in agrispec_gee("labels", "draw", home, declared, code=1).output
    assert not (home / "places.parquet").exists()


def test_an_export_is_of_the_places_that_it_began_with(declared, home):
    agrispec_gee("labels", "draw", home, declared, "--per-parcel", 1)
    agrispec_gee("export", home)
    run = runs.open(home)
    assert manifest.read(home)["stages"]["export"]["places"] == digest(run, run.config)
    found = place_files.read(home / "places.parquet")
    (home / "places.parquet").write_bytes(place_files.encode(replace(found, table=found.table[:-1])))
    next(run.shards.rglob("*.tfrecord.gz")).unlink()
    assert "of other places than those that are drawn now" in agrispec_gee("export", home, "--gaps", code=1).output
    run.samples.rename(run.exporting / "samples.parquet")
    assert f"cancel {home} --drop" in agrispec_gee("labels", "draw", home, declared, code=1).output


def test_samples_of_label_maps_do_not_hinder_drawing(declared, home):
    table = pd.DataFrame({"row": [0], "lon": [4.5], "lat": [48.7], "cell": ["E0045N0487"], "season": [2023],
                          "fold": ["train"], "label": [0]})
    runs.open(home).samples.write_bytes(samples.encode(table))
    agrispec_gee("labels", "draw", home, declared)


def test_medians_of_parcels_equal_those_of_their_pixels(tiny, fields, home):
    for year in (2023, 2024):
        file = fields.declare(home / f"{year}.parquet", tiny.grid, (year,))
        said = agrispec_gee("labels", "upload", file, TABLE.format(season=year), "--run", home).output
        assert f"fields_{year}: 9 parcels, as many as were sent" in said
    agrispec_gee("labels", "draw", home, home / "2023.parquet", home / "2024.parquet", "--median")
    agrispec_gee("export", home)
    run = runs.open(home)
    table, cubes = samples.read(run.samples), shards.read(run.shards, run.config.spec)
    source = table[table["season"] == 2023]
    assert sorted(source["parcel"]) == ["m1", "m2", "m3", "w1", "w2"]
    medians, counts = composites(tiny)
    for number, parcel in zip(source["row"], source["parcel"], strict=True):
        row, column = fields.inner(parcel)
        mine = cubes.rows == number
        series = medians[:, :, row, column]
        seen = ~np.isnan(series).all(axis=2)
        expected = np.full(series.shape[:2], -9999.0)
        expected[seen] = np.nanmedian(series[seen], axis=1)
        np.testing.assert_allclose(cubes.values[mine][0], expected, rtol=2e-7)
        np.testing.assert_allclose(cubes.counts[mine][0], counts[:, row, column].mean(axis=1), rtol=2e-7)
    assert (cubes.values[~np.isin(cubes.rows, source["row"])] == -9999).all()
    # Back again: all rows, their outlines and texts.
    agrispec_gee("labels", "download", TABLE.format(season=2023), home / "back.parquet", "--run", home)
    sent, back = (pq.read_table(path).to_pandas() for path in (home / "2023.parquet", home / "back.parquet"))
    outlines = [shapely.from_wkb(found["geometry"].to_numpy(object)) for found in (sent, back)]
    assert (shapely.hausdorff_distance(*outlines) < 1e-9).all()
    plain = sent.columns.drop(["geometry", "inside"])
    pd.testing.assert_frame_equal(back[plain], sent[plain])
    assert "is there already" in agrispec_gee(
        "labels", "upload", home / "2023.parquet", TABLE.format(season=2023), "--run", home, code=1).output


def elsewhere(path, fields, years):
    """Fields in the cell of the map which it does not show."""
    return fields.write(path, [(f"far{number}", 7 * (number % 2), year, None, shapely.box(
        613000 + 100 * number, 5399000, 613090 + 100 * number, 5399090)) for number in range(8) for year in years])


def test_a_probability_sample_is_of_the_maps_pixels_and_no_place_is_in_its_parcels(tiny, fields, declared, home):
    far = elsewhere(home / "far.parquet", fields, (2023, 2024))
    said = agrispec_gee("labels", "draw", home, declared, far, "--area-sample", 12).output
    sample = sample_file.read(home / sampling.AREA_SAMPLE)
    assert len(sample) == 12
    assert sample["reference"].tolist() == sample["stratum"].tolist()
    row, column = pixels_of(sample, tiny.grid)
    named = np.full(tiny.grid.shape, "", object)
    for name in ("w1", "w2", "m1", "m2", "m3", "thin"):
        top, bottom, left, right = fields.ALL[name]
        named[top:bottom, left:right] = "wheat" if name.startswith("w") else "maize"
    assert named[row, column].tolist() == sample["stratum"].tolist()
    for name, units in sample.groupby("stratum"):
        np.testing.assert_allclose(units["inclusion_probability"], len(units) / (named == name).sum())
    strata = reference_sample.strata_of(sample, 0.01)
    assert dict(zip(strata.names, strata.areas.round(6).tolist(), strict=True)) == {
        name: round((named == name).sum() / 100, 6) for name in ("maize", "wheat")}
    drawn = place_files.read(home / "places.parquet").table
    hit = {name for name in fields.ALL if shapely.contains_xy(
        fields.of(tiny.grid, name), 613005 + 10 * column, 5401995 - 10 * row).any()}
    assert hit
    assert not hit & set(drawn["parcel"])
    assert f"Sample for areas: 12 of {(named != '').sum()} pixels" in said
    # It stays apart when places are drawn again and no sample is.
    assert "that the 12 pixels of area-sample.csv touch" in agrispec_gee("labels", "draw", home, declared, far).output
    assert not hit & set(place_files.read(home / "places.parquet").table["parcel"])
    pd.testing.assert_frame_equal(sample_file.read(home / sampling.AREA_SAMPLE), sample)


def test_a_map_of_the_declared_parcels_alone_is_of_the_pixels_that_the_sample_stands_for(fields, declared, home):
    far = elsewhere(home / "far.parquet", fields, (2023, 2024))
    said = agrispec_gee("labels", "draw", home, declared, far, "--area-sample", 12).output
    assert f"Sample: {home / sampling.AREA_SAMPLE}; `area estimate --sample` takes it, for a map of these" in said
    rows = pq.read_table(declared).to_pylist()
    outlines = [json.loads(shapely.to_geojson(shapely.from_wkb(row["geometry"]))) for row in rows
                if row["year"] == 2024 and row["class"] and "/" not in row["parcel"]]
    assert len(outlines) == 6
    (home / "declared.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {}, "geometry": outline} for outline in outlines]}))
    text = (home / "agrispec.toml").read_text()
    (home / "agrispec.toml").write_text(text.replace("[map]", '[map]\naoi = "declared.geojson"'))
    run = runs.open(home)
    mapped = mapping.aoi_of(run, run.config).numbers(mapping.grid_of(run.config)) >= 0
    sample = sample_file.read(home / sampling.AREA_SAMPLE)
    assert mapped.sum() == round((1 / sample["inclusion_probability"]).sum())


def test_a_sample_of_another_years_parcels_is_to_be_labelled_first(tiny, fields, home):
    file = fields.declare(home / "2023.parquet", tiny.grid, years=(2023,))
    far = elsewhere(home / "far.parquet", fields, (2023,))
    said = agrispec_gee("labels", "draw", home, file, far, "--area-sample", 12).output
    assert "takes it once its column reference is filled in, for a map" in said
    assert sample_file.read(home / sampling.AREA_SAMPLE)["reference"].isna().all()


def test_what_is_wrong_is_said_before_anything_is_written(tiny, fields, configuration, declared, home):
    def refused(error, match, *files, text=None, per_parcel=3):
        (home / "agrispec.toml").write_text(text or configuration)
        with pytest.raises(error, match=match):
            sampling.draw(home, files, per_parcel=per_parcel, units=None)
        assert not (home / "places.parquet").exists()

    refused(ConfigError, "come from label maps", declared, text=(tiny.home / "agrispec.toml").read_text())
    refused(DataError, "no file declares anything in the season 2022", declared,
            text=configuration.replace("source = [2023]", "source = [2022]"))
    refused(ConfigError, r"'wheat' has the codes \[7\], which in agrispec-17 are 'maize'", declared,
            text=configuration.replace("codes = [0]", "codes = [7]").replace("codes = [7, 8]", "codes = [0, 8]"))
    strange = fields.write(home / "strange.parquet", [("x", 0, 2023, None, fields.of(tiny.grid, "w1"))],
                           class_set="mine")
    refused(CorruptRecord, "of the class set 'mine', which is not known", strange)
    other = fields.write(home / "other.parquet", [("x", 0, 2023, None, fields.of(tiny.grid, "w1"))],
                             class_set="cropglobe-7", inward_m=5)
    refused(DataError, "of several class sets", declared, other)
    same = fields.write(home / "other.parquet", [("x", 0, 2023, None, fields.of(tiny.grid, "w1"))], inward_m=5)
    refused(DataError, "drawn in by different distances", declared, same, per_parcel=None)
    # An id of another year, or of a year that nobody asks for, may be another parcel's.
    beside = fields.write(home / "beside.parquet", [(name, 7, year, None, fields.of(tiny.grid, "m1"))
                                                    for name, year in (("m1", 2023), ("m2", 2022), ("new", 2023))])
    refused(DataError, "1 ids of 2023 stand in both", declared, beside)
    pq.write_table(pq.read_table(declared).drop_columns(["inside"]), home / "lost.parquet")
    refused(CorruptRecord, "not a file of harmonised declarations", home / "lost.parquet")
    with pytest.raises(RunError, match="not a run directory"):
        sampling.draw(home / "nowhere", [declared], per_parcel=3, units=None)


def test_places_of_another_configuration_are_not_exported(configuration, declared, home):
    sampling.draw(home, [declared], per_parcel=3, units=None)
    changed = configuration.replace("per_class = 30", "per_class = 31")
    (home / "agrispec.toml").write_text(changed)
    assert "drawn for other samples than the configuration has" in agrispec_gee("export", home, code=1).output


def test_the_brazilian_fields_give_places_inside_of_those_that_grew_one_crop(real_data, tmp_path):
    named = {2019: "Oct Nov Dec", 2020: "Jan Feb Mar Apr May Jun Jul Aug Sep"}
    months = [f"{month}_{year}" for year, names in named.items() for month in names.split()]
    hcat = {"Soybean": "3301160000", "Corn": "3301010600", "Cotton": "3301060300", "Sorghum": "3301010900"}
    # Months without a crop say nothing of the crop of the others; what is not known may be one.
    table = {**hcat, "Uncultivated soil": "3301000000"}
    pd.DataFrame({"country": "BR", "year": 2020, "code": list(table), "hcat": list(table.values())}).to_csv(
        tmp_path / "br.csv", index=False)
    crops = [word for number, column in enumerate(months) for word in ("--crop", f"{column}={(number + 9) % 12 + 1}")]
    shapes, file = real_data / "parcels" / "LEM_dataset.shp", tmp_path / "br.parquet"
    agrispec_gee("labels", "harmonise", shapes, "--country", "BR", "--year", 2020, "--map", tmp_path / "br.csv", "--id",
                 "id", *crops, "--leave-out", "--out", file)
    (tmp_path / "agrispec.toml").write_text("""
[area]
bounds = [-46.4, -14.1, -45.4, -11.7]
[season]
source = [2020]
target = 2021
[labels]
places = "places.parquet"
[map]
bounds = [350000, 8640000, 400000, 8690000]
crs = "EPSG:32723"
[[classes]]
name = "soya"
codes = [11]
colour = "#e6c229"
[[classes]]
name = "maize"
codes = [7]
colour = "#1a8fe3"
""")
    drawn = sampling.draw(tmp_path, [file], per_parcel=3, units=None)
    source = drawn.table[drawn.table["season"] == 2020]
    frame = pyogrio.read_dataframe(shapes).set_index("id")
    crop = {11: "Soybean", 7: "Corn"}
    of = source["parcel"].str.replace(r"/\d+$", "", regex=True)
    # In the file's own words: the crop grew there, and no other one that is mapped.
    grown = frame.loc[of, months].apply(lambda row: frozenset(set(row) & set(hcat)), axis=1)
    assert [frozenset([crop[code]]) for code in source["code"]] == grown.tolist()
    place = shapely.points(*Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True).transform(
        source["lon"], source["lat"]))
    assert shapely.covers(frame.geometry.loc[of].make_valid().to_numpy(), place).all()
    assert source.groupby("parcel").size().max() == 3
    assert len(set(of)) > 100
    split = config.read(tmp_path / "agrispec.toml").split
    folds = source["cell"].map(lambda cell: split.fold(Cell.parse(cell)))
    assert folds.groupby(of.to_numpy()).nunique().max() == 1
