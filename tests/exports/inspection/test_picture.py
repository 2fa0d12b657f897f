"""Pictures show every gap; what cannot be drawn is said."""


import numpy as np
import pytest
from click.testing import CliRunner

import cli
from exports.inspection import picture, series

ROWS = "shards/2023/E0045N0487-000.tfrecord.gz"


def test_a_picture_is_a_png_that_shows_every_gap(run, tmp_path, monkeypatch):
    for at, file in ((run.path, "by_class.png"), (run.path / ROWS, "shard.png")):
        done = CliRunner().invoke(cli.main, ["inspect", str(at), "--plot", str(tmp_path / file)],
                                  catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert done.output.endswith(f"Drawn: {tmp_path / file}\n")
        assert (tmp_path / file).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    monkeypatch.setattr(picture, "_FEW", 0.4)
    curves = series.gather(run.path)
    panels = picture._by_class(curves).axes
    for season, upper, lower in zip((2023, 2024), panels[::2], panels[1::2], strict=True):
        own = [group for group in curves.groups if group.season == season]
        for group, line in zip(own, upper.lines, strict=True):
            few = (~np.isnan(group.values)).mean(axis=0) < 0.4
            np.testing.assert_array_equal(np.isnan(line.get_ydata()), few)
            np.testing.assert_allclose(line.get_ydata()[~few], np.nanmedian(group.values[:, ~few], axis=0),
                                       rtol=1e-5)
            assert line.get_xdata()[[0, -1]].tolist() == [3.5, 363.5]
        missing = np.isnan(np.concatenate([group.values for group in own])).mean(axis=0)
        np.testing.assert_allclose([bar.get_height() for bar in lower.patches[:73]], 100 * missing)


@pytest.mark.parametrize(("given", "code", "what"), [
    (("--plot", "RUN"), 2, "is no .png"), (("RUN/patches", "--plot"), 1, "holds no cubes"),
    (("RUN/samples.parquet", "--plot"), 1, "holds no cubes"),
    (("projects/p/a", "--run", "RUN", "--plot"), 2, "an asset is not drawn")])
def test_what_cannot_be_drawn_is_said(exported, tmp_path, monkeypatch, given, code, what):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["inspect", *(part.replace("RUN", str(exported.path)) for part in given)],
                              catch_exceptions=False)
    assert (done.exit_code, what in done.stderr) == (code, True)
    assert not list(tmp_path.glob("*.png"))
