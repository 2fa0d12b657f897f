"""What is said of shards is what their arrays hold, counted again with NumPy."""

import json
import shutil

import numpy as np
import pytest

from agrispec.cube import CubeSpec, preset
from agrispec.errors import SchemaMismatch
from agrispec.formats import example
from exports import amounts, manifest, samples, shards
from exports.inspection import series

ROWS = "shards/2023/E0045N0487-000.tfrecord.gz"


def test_a_folder_of_shards_says_how_often_its_steps_were_seen(told, row, exported, cubes):
    found = told(exported.shards)
    window = slice(24, 67)
    seasons = samples.read(exported.samples)["season"].to_numpy()
    assert found["cubes"] == [str(len(cubes.rows))]
    for name, chosen in (("2023", seasons == 2023), ("2024", seasons == 2024), ("all", seasons > 0)):
        gaps = cubes.counts[chosen] == 0
        worst = gaps[:, window].mean(axis=0)
        step = 24 + int(worst.argmax())
        assert row(found["gaps"], name) == [
            name, str(chosen.sum()), f"{gaps.mean():.1%}", f"{gaps[:, window].mean():.1%}",
            f"{step}, days {5 * step + 1}-{5 * step + 5}: {worst.max():.1%}",
            f"{cubes.counts[chosen, window].mean():.2f}", str(gaps[:, window].all(axis=1).sum())]


def test_a_folder_of_shards_says_what_its_features_hold(told, row, exported, cubes):
    lines = told(exported.shards)["features"]
    seen = cubes.values[:, 24:67][cubes.counts[:, 24:67] > 0]
    for place, name in enumerate(exported.config.spec.features):
        _, least, median, most = row(lines, name)
        assert [least, most] == [f"{seen[:, place].min():.4g}", f"{seen[:, place].max():.4g}"]
        assert float(median) == pytest.approx(np.median(seen[:, place]), rel=2e-3)


def test_a_folder_of_shards_knows_its_samples(told, run):
    digest = manifest.digest(run.samples)
    table = samples.read(run.samples)
    of, rows = told(run.shards)["samples"]
    assert of == f"of {run.samples}, digest {digest}"
    assert rows == f"rows 0-{len(table) - 1}: none missing, none twice or more, none not in that table"

    shutil.copy(run.path / ROWS, run.path / ROWS.replace("-000", "-001"))
    next((run.shards / "2024").iterdir()).unlink()
    twice, lost = table.loc[table["season"] == 2023, "row"], table.loc[table["season"] == 2024, "row"]
    _, rows = told(run.shards)["samples"]
    assert f"{len(lost)} missing (rows {', '.join(map(str, lost[:5]))}, ...)" in rows
    assert f"{len(twice)} twice or more (rows 0, 1, 2, 3, 4, ...)" in rows

    run.samples.write_bytes(table.iloc[1:].to_parquet(index=False))
    assert told(run.shards)["samples"][0] == (
        f"of a table of digest {digest}, but {run.samples} has digest {manifest.digest(run.samples)}")
    run.samples.unlink()
    assert "is not there" in told(run.shards)["samples"][0]


def test_rows_with_holes_are_nothing_strange(told, run):
    """Samples that could not be exported are left out of table and shards alike."""
    table = samples.read(run.samples)
    kept = table[~table["row"].isin((0, 7, 100))]
    run.samples.write_bytes(kept.to_parquet(index=False))
    for path in run.shards.rglob("*.tfrecord.gz"):
        columns = example.read(path)
        chosen = np.isin(columns["row"][:, 0], kept["row"])
        example.write(path, {name: column[chosen] for name, column in columns.items()})
    shards.describe(run.shards, run.config.spec,
                    sampling=shards.Sampling.of(manifest.digest(run.samples), run.config.taxonomy))
    found = told(run.shards)
    assert found["cubes"] == [str(len(kept))]
    assert "none missing, none twice or more, none not in that table" in found["samples"][1]
    assert told(run.path)["places"][0].startswith(f"{len(kept)} in 1 cell, rows 1-{table['row'].max()},")
    assert sum(group.of for group in series.gather(run.shards).groups) == len(kept)


def test_a_shard_says_the_same_of_itself(told, row, run, cubes):
    found = told(run.path / ROWS)
    of_season = samples.read(run.samples)["season"].to_numpy() == 2023
    assert found["shard"] == [f"{run.path / ROWS}, {amounts.size((run.path / ROWS).stat().st_size)},"
                              f" SHA-256 {manifest.digest(run.path / ROWS)}"]
    assert found["layout"][0] == f"{of_season.sum()} records of 2 features"
    assert f"cube: float of {73 * 11} values, in 100.0% of the records" in found["layout"]
    assert found["in run"] == ["run"]
    assert row(found["gaps"], "2023") == row(told(run.shards)["gaps"], "2023")
    assert "missing" not in found["samples"][1]
    alone = run.path.parent / "alone.tfrecord.gz"
    shutil.copy(run.path / ROWS, alone)
    assert set(told(alone)) == {"shard", "layout"}


def test_a_season_of_shards_is_told_of_by_itself(told, row, run):
    found = told(run.shards / "2024")
    assert row(found["gaps"], "2024") == row(told(run.shards)["gaps"], "2024")
    assert not [line for line in found["gaps"] if line.startswith("2023")]


def test_cubes_with_degree_days_say_what_they_span(told, row, tmp_path):
    spec = preset("cropnet-5d", gdd_base=0.0)
    random = np.random.default_rng(0)
    flat = random.random((5, *spec.shape), np.float32)
    flat[..., -1] = 1
    flat[..., -2] = np.arange(73) * 10
    flat[2, 60:, -2] = spec.fill
    folder = tmp_path / "shards" / "2023"
    folder.mkdir(parents=True)
    example.write(folder / "a.tfrecord.gz", {"row": np.arange(5, dtype=np.float32), "cube": flat.reshape(5, -1)})
    shards.describe(folder.parent, spec, sampling=shards.Sampling(samples="0" * 16, classes=(("a", (1,)),)))
    least, median, most = row(told(folder.parent)["features"], "gdd, °C day")[1:]
    known = flat[:, 24:67, -2]
    known = known[known != spec.fill]
    assert (least, most) == ("240", "660")
    assert float(median) == pytest.approx(np.median(known), rel=2e-3)


def test_shards_of_another_cube_are_refused(told, run):
    other = json.loads(json.dumps(run.config.spec.to_table())) | {"exported": [0, 67]}
    shards.describe(run.shards, CubeSpec.from_table(other),
                    sampling=shards.Sampling.of(manifest.digest(run.samples), run.config.taxonomy))
    with pytest.raises(SchemaMismatch):
        told(run.shards)
