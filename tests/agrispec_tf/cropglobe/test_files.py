"""CropGlobe's files as published: read, or refused by what they lack."""

import numpy as np
import pytest

from agrispec.errors import AgrispecError, CorruptRecord, DataError, SchemaMismatch
from agrispec_tf.cropglobe import files
from agrispec_tf.data.vectors import VectorSpec

FILE = "median_S2_FRA_month1-12_day5.npz"


def stored(folder, fea, lbl, name=FILE):
    np.savez(folder / name, fea=fea, lbl=lbl)
    return folder


def distinct(count):
    return np.arange(count * 730, dtype=np.float32).reshape(count, 10, 73)


def test_series_come_as_they_are_with_time_first_and_every_step_seen(tmp_path):
    fea, lbl = distinct(3), np.array([6, 0, 3])
    samples = files.read(stored(tmp_path, fea, lbl), "FRA").samples(np.array([0, 3, 6]))
    np.testing.assert_array_equal(samples.series.values, fea.transpose(0, 2, 1))
    assert (samples.series.counts == 1).all()
    np.testing.assert_array_equal(samples.labels, [2, 0, 1])
    assert samples.series.cube.shape == (73, 11)
    assert len(set(samples.cells)) == 3


def test_files_are_found_in_the_folders_of_the_download(globe):
    assert files.present(globe) == ("ARG", "BEL", "FRA")
    assert files.present(globe, ("series", "presto")) == ()
    assert len(files.read(globe, "BEL")) == 240


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_labels_may_be_a_column_and_floats(tmp_path, shape):
    table = files.read(stored(tmp_path, distinct(4), np.array([0.0, 1, 6, 2]).reshape(shape)), "FRA")
    np.testing.assert_array_equal(table.labels, [0, 1, 6, 2])


def test_samples_with_the_same_features_are_kept_once_in_order_and_counted(tmp_path):
    fea = distinct(4)[[2, 0, 2, 3, 0, 2]]
    fea[1, 0, 0] = -0.0  # equal to 0.0, though of other bytes
    table = files.read(stored(tmp_path, fea, np.array([1, 0, 1, 3, 0, 6])), "FRA")
    np.testing.assert_array_equal(table.values[:, 0, 0], [1460, 0, 2190])
    np.testing.assert_array_equal(table.labels, [1, 0, 3])
    assert (table.duplicates, table.contradictions) == (3, 1)
    assert table.told() == ("FRA series: 3 samples (corn 1, soybeans 1, wheat 1); 3 duplicates left out, 1 of them with"
                            " another label; values 0 to 2919")


def test_vectors_are_read_by_their_names(tmp_path):
    vectors = np.arange(8.0).reshape(2, 4)
    for kind, name in files.FILES.items():
        if kind != "series":
            np.savez(tmp_path / name.format("NLD"), fea=vectors, lbl=[0, 3])
            np.testing.assert_array_equal(files.read(tmp_path, "NLD", kind).values, vectors)


def refused(folder, error, match, kind="series"):
    with pytest.raises(error, match=match):
        files.read(folder, "FRA", kind)


def test_a_missing_file_is_named(tmp_path):
    refused(tmp_path, DataError, f"no {FILE}")


def test_a_file_in_two_places_is_refused(tmp_path):
    (tmp_path / "copy").mkdir()
    stored(stored(tmp_path, distinct(2), [0, 1]) / "copy", distinct(2), [0, 1])
    refused(tmp_path, DataError, "2 times")


def test_other_keys_are_named(tmp_path):
    np.savez(tmp_path / FILE, x=distinct(2), lbl=[0, 1])
    refused(tmp_path, SchemaMismatch, "holds lbl, x, not fea and lbl")


def test_an_array_alone_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", distinct(2))
    (tmp_path / "a.npy").rename(tmp_path / FILE)
    refused(tmp_path, SchemaMismatch, "no named arrays, not fea")


@pytest.mark.parametrize(("fea", "lbl"), [
    (distinct(2)[:, :, :43], [0, 1]), (distinct(2).transpose(0, 2, 1), [0, 1]), (distinct(2), [0, 1, 2]),
    (distinct(2).reshape(2, -1), [0, 1]), (distinct(2), 0), (distinct(2), [[0, 1], [2, 3]])])
def test_another_shape_is_told(tmp_path, fea, lbl):
    refused(stored(tmp_path, fea, lbl), SchemaMismatch, r"not \(N, 10, 73\) and \(N,\)")


@pytest.mark.parametrize("broken", [np.nan, np.inf, 1e300])
def test_samples_that_are_no_numbers_are_counted(tmp_path, broken):
    fea = distinct(4).astype(np.float64)
    fea[[1, 3], 4, 50] = broken
    refused(stored(tmp_path, fea, [0, 1, 2, 3]), DataError, "2 of 4 samples .* first of them sample 1")


@pytest.mark.parametrize("label", [7, -1, 0.5, np.nan])
def test_a_label_that_is_no_code_is_refused(tmp_path, label):
    refused(stored(tmp_path, distinct(2), [0, label]), DataError, "holds the label")


@pytest.mark.parametrize("content", [b"", b"no file", b"PK\x03\x04 cut short"])
def test_an_unreadable_file_is_told(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    refused(tmp_path, CorruptRecord, "cannot be read")


def test_a_file_cut_short_or_flipped_is_told(tmp_path):
    np.savez_compressed(tmp_path / FILE, fea=np.random.default_rng(0).normal(size=(20, 10, 73)), lbl=np.zeros(20, int))
    whole = bytearray((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(whole[:len(whole) // 2])
    refused(tmp_path, CorruptRecord, "cannot be read")
    whole[len(whole) // 2] ^= 255
    (tmp_path / FILE).write_bytes(whole)
    refused(tmp_path, CorruptRecord, "cannot be read")


@pytest.mark.parametrize("fea", [np.array([["a"], ["b"]]), np.array([[{}], [{}]], dtype=object)])
def test_what_is_no_number_is_refused(tmp_path, fea):
    stored(tmp_path, fea, [0, 1], files.FILES["harmonic"].format("FRA"))
    refused(tmp_path, (SchemaMismatch, CorruptRecord), "npz", "harmonic")


def test_an_empty_file_is_told(tmp_path):
    refused(stored(tmp_path, distinct(0), []), DataError, "no samples")


def test_tables_of_numbers_for_each_sample_are_vectors_row_after_row(tmp_path):
    fea = np.arange(2 * 5 * 7.0).reshape(2, 5, 7)
    np.savez(tmp_path / files.FILES["harmonic"].format("FRA"), fea=fea, lbl=[0, 3])
    np.testing.assert_array_equal(files.read(tmp_path, "FRA", "harmonic").values, fea.reshape(2, 35))


def test_vectors_are_samples_of_one_step_that_was_seen(tmp_path):
    np.savez(tmp_path / files.FILES["presto"].format("FRA"), fea=np.arange(8.0).reshape(2, 4), lbl=[6, 3])
    samples = files.read(tmp_path, "FRA", "presto").samples(np.array([3, 6]))
    np.testing.assert_array_equal(samples.series.values, np.arange(8.0).reshape(2, 1, 4))
    assert samples.series.cube == VectorSpec(kind="presto", length=4)
    assert (samples.series.counts == 1).all()
    np.testing.assert_array_equal(samples.labels, [1, 0])


@pytest.mark.parametrize("fea", [np.zeros(2), np.zeros((2, 0)), np.zeros((2, 3, 0)), np.zeros((2, 1, 1, 1)),
                                 np.zeros((3, 4)), np.float64(1)])
def test_another_shape_of_vectors_is_told(tmp_path, fea):
    np.savez(tmp_path / files.FILES["alphaearth"].format("FRA"), fea=fea, lbl=[0, 1])
    refused(tmp_path, SchemaMismatch, r"not \(N, D\) and \(N,\)", "alphaearth")


def test_whatever_byte_of_a_file_is_flipped_is_told_in_one_sentence_or_makes_no_difference(tmp_path):
    path = tmp_path / files.FILES["presto"].format("FRA")
    np.savez(path, fea=np.arange(8, dtype=np.float32).reshape(2, 4), lbl=[0, 3])
    whole = path.read_bytes()
    refusals = []
    for place in range(len(whole)):
        for flipped in (1, 32, 255):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flipped]) + whole[place + 1:])
            try:
                files.read(tmp_path, "FRA", "presto")
            except AgrispecError as error:
                refusals.append(str(error))
    assert len(refusals) > len(whole)
    assert not [said for said in refusals if "\n" in said]


def test_names_that_cannot_be_printed_are_told_in_one_line(tmp_path):
    np.savez(tmp_path / FILE, **{"fea": distinct(2), "l\nbl": [0, 1]})
    refused(tmp_path, SchemaMismatch, r"holds fea, 'l\\nbl', not fea and lbl")


def test_an_encrypted_file_is_told(tmp_path):
    whole = bytearray(stored(tmp_path, distinct(2), [0, 1]).joinpath(FILE).read_bytes())
    whole[6] |= 1  # of the first member: encrypted
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / FILE).write_bytes(whole)
    refused(tmp_path, CorruptRecord, "cannot be read .*encrypted")
