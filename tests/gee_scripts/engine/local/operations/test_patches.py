"""Patches of images as records, exported by the real client: what our record reader finds is the image."""

import ee
import numpy as np
import pytest

from agrispec.formats import example, mixer
from gee_scripts.engine.local.operations import patches


def read_patches(files, size):
    columns = [example.read(path, {name: example.Feature(kind="float", length=size) for name in ("crop", "share")})
               for path in files]
    return {name: np.concatenate([c[name] for c in columns]) for name in ("crop", "share")}


def test_patches_are_the_image_row_by_row_and_partial_ones_are_dropped(running, image, classes, to_bucket, files_of):
    done = running.exported(to_bucket(image.toFloat(), "patches/a", running.grid, fileFormat="TFRecord", formatOptions={
        "patchDimensions": [16, 16], "compressed": True, "defaultValue": -9999}))
    assert done["metadata"]["state"] == "SUCCEEDED", done
    files = files_of("patches/a")
    assert [path.name for path in files] == ["a-00000.tfrecord.gz", "a-mixer.json"]
    assert done["metadata"]["destinationUris"] == [f"gs://bucket/patches/{path.name}" for path in files]
    found = read_patches(files[:1], 256)
    layout = mixer.read(files[1])
    assert (layout.patches_per_row, layout.total_patches) == (4, 12)
    assert (layout.crs, layout.transform) == (running.grid.crs, running.grid.transform)
    for number in range(layout.total_patches):
        row, column = layout.corner(number)
        part = slice(row, row + 16), slice(column, column + 16)
        np.testing.assert_array_equal(found["crop"][number].reshape(16, 16),
                                      np.where(classes[part] == 0, -9999.0, classes[part]))


def test_a_kernel_adds_its_margin_around_each_patch(running, image, classes, to_bucket, files_of):
    running.exported(to_bucket(image.unmask(0).toFloat(), "patches/k", running.grid, fileFormat="TFRecord",
                               formatOptions={"patchDimensions": [16, 16], "kernelSize": [8, 4], "compressed": True}))
    files = files_of("patches/k")
    found = read_patches(files[:1], 20 * 24)["crop"].reshape(-1, 20, 24)
    padded = np.pad(classes, ((2, 30), (4, 30)))
    for number in range(12):
        row, column = divmod(number, 4)
        expected = padded[16 * row:16 * row + 20, 16 * column:16 * column + 24]
        np.testing.assert_array_equal(found[number], expected)


@pytest.mark.parametrize("most", [1, 3, 4, 9, 100])
def test_blocks_cover_all_patches_in_order(most):
    found = [(row + i) * 4 + column + j for row, column, down, across in patches._blocks(3, 4, most)
             for i in range(down) for j in range(across)]
    assert found == list(range(12))
    assert all(down * across <= most for _, _, down, across in patches._blocks(3, 4, most))


def test_files_are_split_by_size_and_keep_the_order(running, image, monkeypatch, to_bucket, files_of):
    monkeypatch.setattr(patches, "_BLOCK_PIXELS", 256)  # one patch a block: a file ends between blocks
    for prefix, size in (("patches/one", 2**30), ("patches/many", 5 * 2 * 256 * 4)):
        running.exported(to_bucket(image.toFloat(), prefix, running.grid, fileFormat="TFRecord", formatOptions={
            "patchDimensions": [16, 16], "compressed": True, "maxFileSize": size}))
    many = files_of("patches/many")
    assert [path.name[-17:] for path in many[:-1]] == [f"-{n:05d}.tfrecord.gz"[-17:] for n in range(3)]
    one = read_patches(files_of("patches/one")[:1], 256)
    found = read_patches(many[:-1], 256)
    for name, values in one.items():
        np.testing.assert_array_equal(found[name], values)


def test_patches_with_too_many_masked_pixels_are_left_out_and_then_there_is_no_mixer(running, image, to_bucket,
                                                                                     files_of):
    half = image.updateMask(ee.Image.pixelLonLat().select("longitude").lt(3.004))
    running.exported(to_bucket(half.select("share").addBands(half.select("crop").unmask(0, False)).toFloat(),
                               "patches/few", running.grid, fileFormat="TFRecord",
                               formatOptions={"patchDimensions": [16, 16], "compressed": True, "maskedThreshold": 0.5}))
    files = files_of("patches/few")
    assert [path.name for path in files] == ["few-00000.tfrecord.gz"]
    assert 0 < len(read_patches(files, 256)["crop"]) < 12


def test_an_image_smaller_than_a_patch_fails_with_a_reason(running, image, to_bucket):
    done = running.exported(to_bucket(image.toFloat(), "patches/s", running.grid, fileFormat="TFRecord",
                                      formatOptions={"patchDimensions": [64, 64]}))
    assert done["metadata"]["state"] == "FAILED"
    assert "No patch of 64x64 pixels fits into the exported image of 70x50" in done["error"]["message"]
