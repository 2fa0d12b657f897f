"""A sample comes back from its labellers as it left, and what is no random sample is refused by name."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from agrispec.errors import DataError
from agrispec_tf.area import sample_file

DRAWN = pd.DataFrame({"unit": [3, 80], "lon": [4.123456789, 4.2], "lat": [48.1, 48.2], "stratum": [0, 2],
                      "inclusion_probability": [0.125, 1 / 3]})


def test_both_files_say_the_same_and_nothing_of_what_the_map_has(tmp_path):
    table, features = sample_file.encoded(DRAWN)
    (tmp_path / "a.csv").write_bytes(table)
    (tmp_path / "a.geojson").write_bytes(features)
    one, other = (sample_file.read(tmp_path / name) for name in ("a.csv", "a.geojson"))
    assert set(one.columns) == {*DRAWN.columns, "reference"}
    pd.testing.assert_frame_equal(one[DRAWN.columns], other[DRAWN.columns])
    pd.testing.assert_frame_equal(one[DRAWN.columns], DRAWN.assign(lon=DRAWN["lon"].round(7)))
    assert one["reference"].isna().all()
    assert other["reference"].isna().all()
    assert pd.read_csv(io.BytesIO(table))["inclusion_probability"][1] == 1 / 3


@pytest.mark.parametrize("suffix", ["csv", "parquet", "geojson"])
def test_labels_are_read_from_each_kind_of_file_without_blanks_about_them(tmp_path, suffix):
    labelled = DRAWN.assign(reference=[" wheat ", ""])
    path = tmp_path / f"a.{suffix}"
    if suffix == "csv":
        labelled.to_csv(path, index=False)
    elif suffix == "parquet":
        labelled.to_parquet(path)
    else:
        rows = labelled.to_dict("records")
        path.write_text(json.dumps({"features": [
            {"geometry": {"type": "Point", "coordinates": [row.pop("lon"), row.pop("lat")]}, "properties": row}
            for row in rows]}))
    found = sample_file.read(path)["reference"]
    assert found[0] == "wheat"
    assert pd.isna(found[1])


@pytest.mark.parametrize(("columns", "said"), [
    ({"row": [1], "lon": [4.0], "lat": [48.0], "cell": ["a"], "season": [2023], "fold": ["test"], "label": [1]},
     "holds training samples"),
    ({"parcel": ["7"], "reference": ["wheat"], "inclusion_probability": [0.1]}, "is a sample of parcels"),
    ({"lon": [4.0], "inclusion_probability": ["a tenth"]}, "it begins with 'a tenth'"),
    ({"lon": ["4,5", None], "lat": [48.0, 48.1], "reference": ["wheat", "maize"]}, "lon of"),
    ({"lon": [4.5], "lat": ["48,1"], "reference": ["wheat"]}, "with a point before decimals")])
def test_samples_that_estimates_cannot_be_made_of_are_refused_by_name(tmp_path, columns, said):
    pd.DataFrame(columns).to_csv(tmp_path / "given.csv", index=False)
    with pytest.raises(DataError) as refused:
        sample_file.read(tmp_path / "given.csv")
    assert said in str(refused.value)
    assert "given.csv" in str(refused.value)


@pytest.mark.parametrize(("name", "content"), [("a.xls", b""), ("a.parquet", b"no"), ("a.geojson", b"{}"),
                                               ("a.csv", np.array([255], np.uint8).tobytes())])
def test_files_that_are_no_tables_are_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        sample_file.read(tmp_path / name)


@pytest.mark.parametrize(("geometry", "said"), [
    ({"type": "Polygon", "coordinates": [[[4.1, 48.1], [4.2, 48.1], [4.2, 48.2], [4.1, 48.1]]]}, "holds Polygon where"),
    ({"type": "Point", "coordinates": []}, "cannot be read"), (None, "cannot be read")])
def test_features_that_are_no_places_are_refused(tmp_path, geometry, said):
    path = tmp_path / "given.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": geometry, "properties": {"reference": "wheat"}}]}))
    with pytest.raises(DataError, match=said):
        sample_file.read(path)
