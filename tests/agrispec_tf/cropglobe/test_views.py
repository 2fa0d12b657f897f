"""Steps and windows."""

from dataclasses import replace

import numpy as np
import pytest

from agrispec.errors import ConfigError
from agrispec_tf.cropglobe.views import View


@pytest.mark.parametrize(("days", "steps", "window"), [(5, 73, (24, 67)), (15, 25, (8, 23)), (30, 13, (4, 12))])
def test_longer_steps_are_the_medians_of_the_steps_in_them(of_codes, days, steps, window):
    table = of_codes([0, 1])
    values = np.broadcast_to(np.arange(73.0)[:, None] ** 2, (2, 73, 10)).astype(np.float32)
    samples = View(step_days=days).of(replace(table, values=values).samples(table.codes))
    assert samples.series.values.shape == (2, steps, 10)
    assert (samples.series.cube.window.start, samples.series.cube.window.stop) == window
    joined = days // 5
    assert samples.series.values[0, 0, 0] == np.median(np.arange(joined) ** 2)
    assert samples.series.values[0, -1, 0] == np.median(np.arange(73)[(steps - 1) * joined:] ** 2.0)


def test_the_whole_year_is_a_view():
    assert View(first_day=1, last_day=365).cube.window.steps == 73


def test_steps_are_made_of_the_files_steps():
    with pytest.raises(ConfigError, match="steps of 7 days"):
        View(step_days=7)
