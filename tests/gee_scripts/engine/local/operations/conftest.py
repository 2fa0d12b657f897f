"""An image asset, and exports of exactly its pixels."""

import ee
import numpy as np
import pytest


@pytest.fixture(scope="module")
def classes():
    """Band `crop` of the image: (row, column) uint8, 0 where it is masked."""
    return np.random.default_rng(5).integers(0, 9, (50, 70)).astype(np.uint8)


@pytest.fixture(scope="module")
def share():
    """Band `share` of the image: (row, column) float32, masked where the other band is."""
    return np.random.default_rng(6).random((50, 70), dtype=np.float32)


@pytest.fixture(scope="module")
def image(running, classes, share):
    """An image asset on the grid of `running`."""
    name = f"{running.home}/image"
    running.tree.write_image(name, arrays={"crop": classes, "share": share}, grid=running.grid, nodata=0)
    return ee.Image(name)


@pytest.fixture(scope="session")
def to_bucket():
    """(image, prefix, grid, options) -> an export of exactly the pixels of a grid."""
    def task(image, prefix, grid, **options):
        return ee.batch.Export.image.toCloudStorage(
            image=image, description=prefix, bucket="bucket", fileNamePrefix=prefix, crs=grid.crs,
            crsTransform=list(grid.transform), dimensions=[grid.width, grid.height], **options)

    return task


@pytest.fixture(scope="module")
def files_of(running):
    """prefix -> the files in the bucket that begin with it, in order."""
    def found(prefix):
        folder = running.object(prefix).parent
        return sorted(path for path in folder.iterdir() if path.name.startswith(prefix.rpartition("/")[2]))

    return found


@pytest.fixture(scope="session")
def points():
    """number -> a table of as many points."""
    def table(count=3):
        return ee.FeatureCollection([
            ee.Feature(ee.Geometry.Point([4 + i / 10, 48]),
                       {"row": i, "name": f"p{i}", **({"odd": 1.5} if i % 2 else {})}) for i in range(count)])

    return table
