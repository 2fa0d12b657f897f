"""No function of pixels is left out: each is of a kind, and each kind is tried."""

from collections import Counter


def test_every_implemented_function_of_pixels_is_of_a_kind_that_is_tried(every):
    kinds = Counter(every.kind_of(name) for name in every.IMPLEMENTED)
    assert set(kinds) == {"pixelwise", "stacker", "region", "namer", "maker", "reducer", "user", "loader", None}
    # Those of no pixels take and give numbers, texts, geometries, tables and the like.
    for name in every.IMPLEMENTED:
        types = " ".join(argument.type for argument in every.signatures()[name])
        assert ("Image" in types or "Reducer" in types) <= (every.kind_of(name) is not None)


def test_tables_of_arguments_name_functions_and_arguments_that_are_there(every):
    for name, given in every.special().items():
        assert name in every.IMPLEMENTED
        assert given.keys() <= {argument.name for argument in every.signatures()[name]}
