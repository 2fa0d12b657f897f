"""Settings of operations, and what they are said to have cost."""

from datetime import datetime

import ee
import pytest


def test_the_settings_of_the_project_are_read_and_changed(running):
    before = ee.data.getProjectConfig()
    assert before["maxConcurrentExports"] == 2
    assert before["registrationState"] == "REGISTERED_NOT_COMMERCIALLY", "scripts that ask go on"
    assert ee.data.updateProjectConfig({"maxConcurrentExports": 1})["maxConcurrentExports"] == 1
    assert ee.data.getProjectConfig()["maxConcurrentExports"] == 1
    with pytest.raises(ee.EEException, match="between 1 and 2, not 3"):
        ee.data.updateProjectConfig({"maxConcurrentExports": 3})
    ee.data.updateProjectConfig(before)


def test_measured_seconds_are_those_of_the_processor(running):
    heavy = ee.Image.pixelLonLat()
    for number in range(30):
        heavy = heavy.divide(number + 2).add(heavy)
    task = ee.batch.Export.image.toCloudStorage(heavy.toFloat(), "heavy", "bucket", "heavy", crs=running.grid.crs,
                                                crsTransform=list(running.grid.transform), dimensions=[1000, 600])
    done = running.exported(task)["metadata"]
    assert done["state"] == "SUCCEEDED"
    moments = [datetime.fromisoformat(done[key]) for key in ("startTime", "endTime")]
    # Other threads of the process may compute at the same time, so no more than two processors' time.
    assert 0 < done["batchEecuUsageSeconds"] < 2 * (moments[1] - moments[0]).total_seconds() + 0.1
    assert task.status()["attempt"] == 1
    assert task.status()["batch_eecu_usage_seconds"] == done["batchEecuUsageSeconds"]
