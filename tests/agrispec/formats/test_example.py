import gzip
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from agrispec.errors import CorruptRecord, DataError, SchemaMismatch, StorageError
from agrispec.formats import example, tfrecord
from agrispec.formats.example import Described, Feature
from agrispec.formats.layout import encode
from agrispec.kernels import gathering

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
integers = st.integers(-2**63, 2**63 - 1) | st.integers(-3, 300)


@st.composite
def tables(draw):
    """Columns of a few rows, as `write` takes them and as `read` gives them."""
    rows = draw(st.integers(1, 12))
    shapes = st.integers(1, 4).map(lambda length: (rows, length))
    column = st.one_of(
        hnp.arrays(np.float32, shapes, elements=st.floats(width=32)),
        hnp.arrays(np.int64, shapes, elements=integers),
        hnp.arrays(object, shapes, elements=st.binary(max_size=5)))
    return draw(st.dictionaries(st.text(max_size=4), column, min_size=1, max_size=4))


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, column in expected.items():
        assert found[name].dtype == column.dtype
        np.testing.assert_array_equal(found[name], column)


@same_folder
@given(columns=tables(), compressed=st.booleans(), batch=st.integers(1, 13))
def test_what_was_written_is_read_at_once_or_in_batches(tmp_path, columns, compressed, batch):
    path = tmp_path / "records"
    example.write(path, columns, gzip=compressed)
    same(example.read(path), columns)
    batches = list(example.iterate(path, None, batch))
    rows = len(next(iter(columns.values())))
    assert [len(next(iter(found.values()))) for found in batches] == (
        [batch] * (rows // batch) + [rows % batch] * (rows % batch > 0))
    same({name: np.concatenate([found[name] for found in batches]) for name in columns}, columns)


@same_folder
@given(columns=tables())
def test_rows_written_together_are_the_same_bytes_as_rows_encoded_one_by_one(tmp_path, columns):
    kinds = {np.dtype(np.float32): "float", np.dtype(np.int64): "int64", np.dtype(object): "bytes"}
    records = [encode({name: (kinds[column.dtype], column[row]) for name, column in columns.items()})
               for row in range(len(next(iter(columns.values()))))]
    example.write(tmp_path / "together", columns, gzip=False)
    tfrecord.write_frames(tmp_path / "single", records, gzip=False)
    assert (tmp_path / "together").read_bytes() == (tmp_path / "single").read_bytes()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_of_many_blocks_and_more_layouts_than_are_kept_is_read_in_its_order(tmp_path, monkeypatch, compressed):
    monkeypatch.setattr(example, "_LAYOUTS_PER_LENGTH", 3)
    monkeypatch.setattr(example, "_LAYOUTS_KEPT", 20)
    rng = np.random.default_rng(0)
    rows = 3000
    names = [[rng.bytes(size) for size in sizes] for sizes in rng.integers(0, 6, (rows, 3))]
    columns = {"name": np.array(names, object),
               "number": rng.integers(-5, 2**40, (rows, 2)) >> rng.integers(0, 40, (rows, 2)),
               "cube": rng.random((rows, 1000), np.float32)}
    path = tmp_path / "records"
    example.write(path, columns, gzip=compressed)
    assert len(list(tfrecord.blocks(path))) > 1
    same(example.read(path), columns)


def test_a_file_that_begins_with_fill_values_only_needs_no_room_for_its_best_case(tmp_path):
    rng = np.random.default_rng(0)
    cubes = np.full((6000, 800), -9999.0, np.float32)
    cubes[5000:] = rng.random((1000, 800))
    path = tmp_path / "records"
    example.write(path, {"cube": cubes})
    found = example.read(path)["cube"]
    np.testing.assert_array_equal(found, cubes)
    assert found.base.nbytes < 10 * cubes.nbytes


def test_records_of_other_key_order_and_encoding_are_read_side_by_side(tmp_path):
    records = [encode({"a": ("float", [1]), "b": ("int64", [-7])}),
               encode({"b": ("int64", [2**40]), "a": ("float", [2])}),
               encode({"b": ("int64", [5]), "more": ("bytes", [b"x"]), "a": ("float", [3])}),
               # a as a list that is not packed
               b"\x0a\x17\x0a\x0c\x0a\x01a\x12\x07\x12\x05\x0d\x00\x00\x80\x40\x0a\x07" + b"\x0a\x01b\x12\x02\x1a\x00"]
    path = tmp_path / "records"
    tfrecord.write_frames(path, records[:3])
    wanted = {"a": Feature(kind="float"), "b": Feature(kind="int64")}
    same(example.read(path, wanted), {"a": np.array([[1], [2], [3]], np.float32), "b": np.array([[-7], [2**40], [5]])})
    tfrecord.write_frames(path, records)
    same(example.read(path, {"a": wanted["a"]}), {"a": np.array([[1], [2], [3], [4]], np.float32)})
    found = example.describe(path)
    assert found.records == 4
    assert found.features == {"a": Described(kinds=("float",), lengths=(1,), present=1.0),
                              "b": Described(kinds=("int64",), lengths=(0, 1), present=1.0),
                              "more": Described(kinds=("bytes",), lengths=(1,), present=0.25)}


def test_a_feature_that_is_not_required_reads_as_missing_where_it_is_absent(tmp_path):
    path = tmp_path / "records"
    example.write_batches(path, [
        {"row": np.float32([1])},
        {"row": np.float32([2]), "x": np.float32([[3, 4]]), "n": np.array([5]), "s": ["six"]}])
    found = example.read(path, {"row": Feature(kind="float"), "x": Feature(kind="float", length=2, required=False),
                                "n": Feature(kind="int64", required=False), "s": Feature(kind="bytes", required=False)})
    assert np.isnan(found["x"][0]).all()
    assert found["x"][1].tolist() == [3, 4]
    assert found["n"][:, 0].tolist() == [np.iinfo(np.int64).min, 5]
    assert found["s"][:, 0].tolist() == [b"", b"six"]
    assert found["row"][:, 0].tolist() == [1, 2]


@pytest.mark.parametrize(("wanted", "complaint"), [
    ({"cube": Feature(kind="float", length=6)}, "record 0 holds 4 values of 'cube', expected 6 of kind float"),
    ({"cube": Feature(kind="int64", length=4)}, "record 0 holds 'cube' as float, expected 4 of kind int64"),
    ({"row": Feature(kind="float")}, "record 0 lacks the feature 'row', expected 1 of kind float")])
def test_a_file_of_another_layout_is_refused_with_file_record_and_feature(tmp_path, wanted, complaint):
    path = tmp_path / "shard.tfrecord.gz"
    example.write(path, {"cube": np.zeros((3, 4), np.float32)})
    with pytest.raises(SchemaMismatch, match=f"shard.tfrecord.gz {complaint}"):
        example.read(path, wanted)


def test_without_features_the_first_record_says_what_all_must_hold(tmp_path):
    path = tmp_path / "shard"
    example.write_batches(path, [{"cube": np.zeros((2, 4), np.float32)}, {"cube": np.zeros((1, 3), np.float32)}])
    with pytest.raises(SchemaMismatch, match="record 2 holds 3 values of 'cube', expected 4"):
        example.read(path)
    assert example.describe(path).features["cube"].lengths == (3, 4)


def test_whole_records_that_are_no_examples_are_refused(tmp_path):
    path = tmp_path / "records"
    tfrecord.write_frames(path, [encode({"a": ("float", [1])}), b"plain text"])
    with pytest.raises(SchemaMismatch, match="record 1 is not a tf.train.Example"):
        example.read(path)


def test_a_file_without_records_has_the_asked_columns_without_rows(tmp_path):
    path = tmp_path / "records"
    example.write(path, {"cube": np.zeros((0, 4), np.float32)})
    assert example.read(path) == {}
    assert example.read(path, {"cube": Feature(kind="float", length=4)})["cube"].shape == (0, 4)
    assert example.describe(path) == example.Description(records=0, features={})
    assert list(example.iterate(path, None, 5)) == []


def test_damage_is_refused_before_any_value_is_given(tmp_path):
    path = tmp_path / "records"
    example.write(path, {"cube": np.ones((50, 40), np.float32)}, gzip=False)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptRecord, match="record 49"):
        example.read(path)


@pytest.mark.parametrize(("columns", "complaint"), [
    ({"a": np.zeros(2)}, "the column 'a' holds float64"),
    ({"a": np.zeros(2, bool)}, "the column 'a' holds bool"),
    ({"a": np.zeros(2, np.uint64)}, "the column 'a' holds uint64"),
    ({"a": ["x", None]}, "the column 'a' holds object"),
    ({"a": np.zeros((2, 2, 2), np.float32)}, r"the column 'a' has the shape \(2, 2, 2\)"),
    ({"a": np.zeros(2, np.float32), "b": ["x"]}, "differ in their rows: a has 2, b has 1")])
def test_columns_that_would_lose_something_are_refused_and_nothing_is_written(tmp_path, columns, complaint):
    with pytest.raises(DataError, match=complaint):
        example.write(tmp_path / "records", columns)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        example.write(tmp_path / "file" / "records", {"a": np.zeros(1, np.float32)})


# ---- Other readers, each in a process of its own: they cannot be imported together.

WITH_TENSORFLOW = """
import pickle, sys
import numpy as np
import tensorflow as tf

jobs, answers = sys.argv[1:]
found = []
types = {"float": tf.float32, "int64": tf.int64, "bytes": tf.string}
for path, compression, features in pickle.load(open(jobs, "rb")):
    spec = {name: tf.io.FixedLenFeature([length], types[kind]) for name, (kind, length) in features.items()}
    records = tf.data.TFRecordDataset(path, compression_type=compression).batch(512)
    batches = list(records.map(lambda some: tf.io.parse_example(some, spec)).as_numpy_iterator())
    found.append({name: np.concatenate([batch[name] for batch in batches]) for name in spec})
pickle.dump(found, open(answers, "wb"))
"""

WITH_TFRECORD = """
import pickle, sys
import numpy as np
from tfrecord import tfrecord_loader

jobs, answers = sys.argv[1:]
found = []
for path, compression, features in pickle.load(open(jobs, "rb")):
    description = {name: {"float": "float", "int64": "int", "bytes": "byte"}[kind]
                   for name, (kind, _) in features.items()}
    rows = list(tfrecord_loader(path, None, description, compression_type=compression.lower() or None))
    found.append({name: [row[name] for row in rows] for name in features})
pickle.dump(found, open(answers, "wb"))
"""

WRITING_WITH_TENSORFLOW = """
import pickle, sys
import tensorflow as tf

jobs, path = sys.argv[1:]
kinds = {"float": lambda values: tf.train.Feature(float_list=tf.train.FloatList(value=values)),
         "int64": lambda values: tf.train.Feature(int64_list=tf.train.Int64List(value=values)),
         "bytes": lambda values: tf.train.Feature(bytes_list=tf.train.BytesList(value=values))}
with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
    for row in pickle.load(open(jobs, "rb")):
        features = {name: kinds[kind](values) for name, (kind, values) in row.items()}
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
"""


def run(script, question, answer):
    asked = answer.with_suffix(".question")
    asked.write_bytes(pickle.dumps(question))
    done = subprocess.run([sys.executable, "-c", script, str(asked), str(answer)], capture_output=True, text=True,
                          check=False, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0, done.stderr
    return answer


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Our own shards: path, compression, name -> (kind, length), columns."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(7)
    rows = 700
    cubes = {"cube": rng.normal(size=(rows, 73 * 11)).astype(np.float32), "row": np.arange(rows, dtype=np.float32)}
    cubes["cube"][rng.random(cubes["cube"].shape) < 0.3] = -9999.0
    table = {"label": rng.integers(-3, 2**50, (rows, 1)) >> rng.integers(0, 50, (rows, 1)),
             "crop": np.array([[f"crop {number}".encode()] for number in rng.integers(0, 2000, rows)], object),
             "x": rng.random((rows, 1), np.float32)}
    patches = {f"{step:02d}_{name}": rng.random((3, 16 * 16), np.float32)
               for step in range(5) for name in ("B2", "count")}
    found = []
    for number, (columns, packed) in enumerate([(cubes, True), (cubes, False), (table, True), (patches, True)]):
        path = folder / f"{number}.tfrecord{'.gz' * packed}"
        example.write(path, columns, gzip=packed)
        columns = {name: column.reshape(len(column), -1) for name, column in columns.items()}
        kinds = {np.dtype(np.float32): "float", np.dtype(np.int64): "int64", np.dtype(object): "bytes"}
        features = {name: (kinds[column.dtype], column.shape[1]) for name, column in columns.items()}
        found.append((str(path), "GZIP" if packed else "", features, columns))
    return found


EXPORTS = ("training", "validation", "testing", "image_2021")


@pytest.fixture(scope="module")
def read_by_tensorflow(shards, tmp_path_factory):
    """Our shards, and Earth Engine's exports where they are, as tf.data reads them: by path."""
    jobs = [(path, compression, features) for path, compression, features, _ in shards]
    folder = os.environ.get("AGRISPEC_TEST_DATA")
    if folder:
        for name in EXPORTS:
            path = Path(folder, "earth_engine_exports", f"{name}.tfrecord.gz")
            features = {key: (seen.kinds[0], seen.lengths[0]) for key, seen in example.describe(path).features.items()}
            jobs.append((str(path), "GZIP", features))
    answer = run(WITH_TENSORFLOW, jobs, tmp_path_factory.mktemp("tensorflow") / "answer")
    return dict(zip([job[0] for job in jobs], pickle.loads(answer.read_bytes()), strict=True))


def test_tf_data_reads_our_shards_to_equal_values(shards, read_by_tensorflow):
    for path, _, _, columns in shards:
        same(read_by_tensorflow[path], columns)


def test_the_tfrecord_package_reads_our_shards_to_equal_values(shards, tmp_path):
    answer = run(WITH_TFRECORD, [shard[:3] for shard in shards], tmp_path / "answer")
    for found, (_, _, features, columns) in zip(pickle.loads(answer.read_bytes()), shards, strict=True):
        for name, (kind, _) in features.items():
            if kind == "bytes":
                assert [bytes(value) for value in found[name]] == columns[name][:, 0].tolist()
            else:
                np.testing.assert_array_equal(np.reshape(found[name], columns[name].shape), columns[name])


def test_what_tensorflow_writes_is_read(tmp_path):
    rng = np.random.default_rng(3)
    rows = [{"name": ("bytes", [rng.bytes(rng.integers(0, 9))]), "cube": ("float", rng.random(5).tolist()),
             "codes": ("int64", (rng.integers(-2**63, 2**63, 3) >> rng.integers(0, 63, 3)).tolist())}
            for _ in range(300)]
    path = run(WRITING_WITH_TENSORFLOW, rows, tmp_path / "records")
    found = example.read(path)
    assert found["name"][:, 0].tolist() == [row["name"][1][0] for row in rows]
    assert found["codes"].tolist() == [row["codes"][1] for row in rows]
    np.testing.assert_array_equal(found["cube"], np.float32([row["cube"][1] for row in rows]))


@pytest.mark.parametrize(("name", "records", "features", "length"), [
    ("training", 8316, 9, 1), ("validation", 2385, 9, 1), ("testing", 1219, 9, 1), ("image_2021", 1, 8, 256 * 256)])
def test_real_earth_engine_exports_are_read_as_tf_data_reads_them(
        real_data, read_by_tensorflow, name, records, features, length):
    path = real_data / "earth_engine_exports" / f"{name}.tfrecord.gz"
    found = example.read(path)
    assert {column.shape for column in found.values()} == {(records, length)}
    assert len(found) == features
    same(dict(sorted(found.items())), dict(sorted(read_by_tensorflow[str(path)].items())))
    assert example.describe(path).records == records


def test_a_real_export_that_was_cut_is_refused(real_data, tmp_path):
    content = (real_data / "earth_engine_exports" / "testing.tfrecord.gz").read_bytes()
    (tmp_path / "packed").write_bytes(content[: len(content) // 2])
    (tmp_path / "plain").write_bytes(gzip.decompress(content)[:100_000])
    for name in ("packed", "plain"):
        with pytest.raises(CorruptRecord):
            example.read(tmp_path / name)


def test_a_file_that_compresses_to_nothing_is_read_to_its_end(tmp_path):
    # All of its bytes are read before the first block is decompressed.
    column = np.full((5000, 1000), -9999, np.float32)
    example.write(tmp_path / "fill", {"x": column})
    assert len(example.read(tmp_path / "fill")["x"]) == 5000


@pytest.mark.parametrize("bytes_ahead", [200, 2000, 10**6])
@pytest.mark.parametrize("alike", [True, False])
def test_tiles_are_the_columns_of_their_records_whatever_their_order(tmp_path, monkeypatch, bytes_ahead, alike):
    monkeypatch.setattr(example, "_AHEAD_BYTES", bytes_ahead)
    columns = {name: np.random.default_rng(number).random((50, 7)).astype(np.float32)
               for number, name in enumerate("abc")}
    names, path = ("c", "a"), tmp_path / "records"
    batches = [{name: column[first:first + 10] for name, column in (
        columns if alike or first % 20 else dict(reversed(columns.items()))).items()} for first in range(0, 50, 10)]
    example.write_batches(path, batches)
    counts, found = [], []
    for tiles in example.tiles([path, path], names, 7, 3):
        counts.append(len(tiles))
        found.append(gathering.series(tiles, np.arange(2)))
    assert sum(counts) == 100
    assert max(counts) <= 3
    np.testing.assert_array_equal(np.concatenate(found).reshape(2, 50, 7, 2),
                                  [np.stack([columns[name] for name in names], axis=-1)] * 2)
    with pytest.raises(SchemaMismatch, match="expected 7 of kind float"):
        list(example.tiles([path], ("a", "x"), 7, 3))
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CorruptRecord):
        list(example.tiles([path], names, 7, 3))
