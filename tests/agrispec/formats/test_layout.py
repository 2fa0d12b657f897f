import struct

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agrispec.formats.layout import NotAnExample, encode, parse, varint_sizes


def _example_class():
    """tf.train.Example by protobuf itself, in a pool of its own beside TensorFlow's."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="oracle.proto", package="oracle", syntax="proto3")

    def message(where, name, *fields):
        added = where.add(name=name)
        for number, (key, kind, label, type_name) in enumerate(fields, 1):
            added.field.add(name=key, number=number, type=kind, label=label, type_name=type_name)
        return added

    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED
    message(file.message_type, "BytesList", ("value", field.TYPE_BYTES, many, None))
    message(file.message_type, "FloatList", ("value", field.TYPE_FLOAT, many, None))
    message(file.message_type, "Int64List", ("value", field.TYPE_INT64, many, None))
    feature = message(file.message_type, "Feature", *[
        (f"{kind}_list", field.TYPE_MESSAGE, one, f".oracle.{kind.title()}List")
        for kind in ("bytes", "float", "int64")])
    feature.oneof_decl.add(name="kind")
    for member in feature.field:
        member.oneof_index = 0
    features = message(file.message_type, "Features",
                       ("feature", field.TYPE_MESSAGE, many, ".oracle.Features.FeatureEntry"))
    entry = message(features.nested_type, "FeatureEntry", ("key", field.TYPE_STRING, one, None),
                    ("value", field.TYPE_MESSAGE, one, ".oracle.Feature"))
    entry.options.map_entry = True
    message(file.message_type, "Example", ("features", field.TYPE_MESSAGE, one, ".oracle.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("oracle.Example"))


Example = _example_class()


def by_protobuf(record):
    found = {}
    for name, feature in Example.FromString(record).features.feature.items():
        which = feature.WhichOneof("kind")
        if which is not None:
            found[name] = (which.removesuffix("_list"), list(getattr(feature, which).value))
    return found


def by_us(record):
    layout = parse(record)
    row = np.frombuffer(record, np.uint8)[None]
    assert layout.matches(row).all()
    return {name: (values.kind, layout.get(row, name)[0].tolist()) for name, values in layout.features.items()}


def same(found, expected):
    """Equal, bit by bit for floats (NaN included)."""
    return repr(sorted(found.items())) == repr(sorted(expected.items()))


floats = st.floats(width=32)
integers = st.integers(-2**63, 2**63 - 1) | st.integers(-3, 300)
rows = st.dictionaries(st.text(max_size=6), st.one_of(
    st.tuples(st.just("float"), st.lists(floats, max_size=5)),
    st.tuples(st.just("int64"), st.lists(integers, max_size=5)),
    st.tuples(st.just("bytes"), st.lists(st.binary(max_size=200), max_size=3))), max_size=5)


def varint(number):
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def span(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


@st.composite
def unusual_records(draw):
    """Examples as a foreign writer may put them: lists unpacked or split, value before name, names twice, kinds
    replaced, unknown fields between."""
    unknown = st.sampled_from([b"", b"", span(9, b"later"), varint(10 << 3) + varint(2**40), b"\x5d1234",
                               b"\x5912345678"])

    def values(kind):
        if kind == "bytes":
            return b"".join(span(1, item) for item in draw(st.lists(st.binary(max_size=4), max_size=3)))
        found = b""
        for _ in range(draw(st.integers(0, 3))):
            if kind == "float":
                items = [struct.pack("<f", item) for item in draw(st.lists(floats, max_size=3))]
                tag = b"\x0d"
            else:
                items = [varint(item % 2**64) for item in draw(st.lists(integers, max_size=3))]
                tag = b"\x08"
            packed = draw(st.booleans())
            found += span(1, b"".join(items)) if packed else b"".join(tag + item for item in items)
        return found

    def feature():
        kinds = draw(st.lists(st.sampled_from(["bytes", "float", "int64"]), max_size=2))
        return b"".join(draw(unknown) + span({"bytes": 1, "float": 2, "int64": 3}[kind], values(kind) + draw(unknown))
                        for kind in kinds)

    def entry():
        # No unknown fields here: protobuf's upb leaves out the whole entry then, its C++ does not.
        parts = [span(1, draw(st.sampled_from(["a", "b", "grün"])).encode()), span(2, feature())]
        return span(1, b"".join(draw(st.permutations(parts))))

    return b"".join(span(1, b"".join(entry() for _ in range(draw(st.integers(0, 3)))) + draw(unknown))
                    for _ in range(draw(st.integers(0, 2))))


@given(rows)
def test_what_is_encoded_protobuf_reads(row):
    record = encode(row)
    assert same(by_protobuf(record), row)
    assert same(by_us(record), row)


@settings(max_examples=200)
@given(unusual_records())
def test_any_record_is_read_as_protobuf_reads_it(record):
    assert same(by_us(record), by_protobuf(record))


@settings(max_examples=300)
@given(record=unusual_records() | rows.map(encode), data=st.data())
def test_damaged_bytes_are_refused_or_read_as_protobuf_reads_them(record, data):
    damaged = bytearray(record)
    for _ in range(data.draw(st.integers(1, 2))):
        if damaged:
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        found = by_us(damaged)
    except NotAnExample:
        return  # protobuf may be more lenient, with groups for instance
    try:
        expected = by_protobuf(damaged)
    except DecodeError:
        pytest.fail("protobuf refuses this record")
    assert same({name: found.get(name) for name in expected}, expected)


@example([2**power + step for power in range(63) for step in (-1, 0)])  # where one more byte begins
@given(st.lists(integers, min_size=1))
def test_an_integer_is_as_long_as_protobuf_writes_it(numbers):
    assert varint_sizes(np.array(numbers)).tolist() == [len(varint(number % 2**64)) for number in numbers]


@given(row=rows, data=st.data())
def test_put_is_the_inverse_of_get(row, data):
    record = encode(row)
    layout = parse(record)
    original = np.frombuffer(record, np.uint8)[None]
    copy = original.copy()
    for values in layout.features.values():  # forget the values; the continuation bits return with them
        for start, stop in zip(values.starts, values.stops, strict=True):
            copy[:, start:stop] = 0
    for name in layout.features:
        layout.put(copy, name, layout.get(original, name))
    np.testing.assert_array_equal(copy, original)


def test_only_records_of_the_same_layout_match():
    one = encode({"a": ("int64", [300, 5]), "b": ("float", [1.0])})
    alike = encode({"a": ("int64", [200, 7]), "b": ("float", [-2.0])})
    other_split = encode({"a": ("int64", [5, 300]), "b": ("float", [1.0])})
    other_name = encode({"a": ("int64", [300, 5]), "c": ("float", [1.0])})
    rows = np.frombuffer(one + alike + other_split + other_name, np.uint8).reshape(4, -1)
    layout = parse(one)
    assert layout.matches(rows).tolist() == [True, True, False, False]
    assert layout.get(rows[:2], "a").tolist() == [[300, 5], [200, 7]]
