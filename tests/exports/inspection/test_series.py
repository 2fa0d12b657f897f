"""The series that are drawn are those of the cubes."""


import numpy as np

from exports import samples
from exports.inspection import series


def test_series_by_class_are_those_of_the_cubes(exported, cubes):
    curves = series.gather(exported.path)
    table = samples.read(exported.samples)
    red, nir = (cubes.values[..., exported.config.spec.features.index(band)].astype(float) for band in ("B4", "B8"))
    ndvi = np.where(cubes.counts > 0, (nir - red) / np.where(cubes.counts > 0, nir + red, 1), np.nan)
    assert curves.name == "NDVI"
    assert [(group.season, group.name, group.colour) for group in curves.groups] == [
        (2023, "wheat", "#e6c229"), (2023, "maize", "#1a8fe3"), (2024, "no label", None)]
    for group, label in zip(curves.groups, (0, 1, -1), strict=True):
        np.testing.assert_allclose(group.values, ndvi[(table["label"] == label).to_numpy()], rtol=1e-6)


def test_a_large_class_is_thinned_evenly(exported, monkeypatch):
    whole = {group.name: group for group in series.gather(exported.path).groups}
    monkeypatch.setattr(series, "_A_GROUP", 4)
    for group in series.gather(exported.shards).groups:
        every = whole[group.name]
        assert (len(group.values), group.of) == (4, every.of)
        np.testing.assert_array_equal(group.values[[0, -1]], every.values[[0, -1]])


def test_without_samples_single_series_are_drawn(run, cubes):
    run.samples.unlink()
    curves = series.gather(run.shards)
    assert curves.groups == ()
    assert len(curves.single) == 12
    for title, values in curves.single.items():
        season, _, number = title.split()
        assert season in ("2023", "2024")
        np.testing.assert_array_equal(np.isnan(values), cubes.counts[int(number)] == 0)
