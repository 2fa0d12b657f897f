"""Patches say where they lie."""



from agrispec.formats import example


def test_patches_say_where_they_lie_and_whether_all_are_there(told, run):
    found = told(run.patches)
    assert found["patches"] == [f"{run.patches}, season 2023"]
    assert found["grid"] == ["20 rows x 24 columns, pixels of 10 x 10 metre, WGS 84 / UTM zone 31N (EPSG:32631)"]
    assert found["bounds"] == ["west 613000, south 5401800, east 613240, north 5402000"]
    assert " ".join(found["mixer"]).startswith("9 patches of 8 x 8 pixels, 3 side by side: 24 rows x 24 columns")
    assert found["records"] == ["9, all patches"]
    [file] = run.patches.glob("*.tfrecord.gz")
    columns = example.read(file)
    example.write(file, {name: column[:8] for name, column in columns.items()})
    assert told(run.patches)["records"] == ["8, where the mixer says 9: export the patches again"]
    assert told(file)["layout"][1].startswith("24_B2 ... 66_count (473 of them): float of 64 values")
