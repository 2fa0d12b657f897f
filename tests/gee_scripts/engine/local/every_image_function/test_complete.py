"""No function of pixels is left out: each is of a kind, and each kind is tried."""

from collections import Counter

ELSEWHERE = {"Image.load": "assets", "ImageCollection.load": "assets", "Image.constant": "algorithms",
             "Image.matrixIdentity": "algorithms", "Image.pixelLonLat": "algorithms", "Image.pixelArea": "algorithms",
             "Image.pixelCoordinates": "algorithms", "Image.random": "algorithms", "Array.accum": "algorithms",
             "Reducer.getOutputs": "algorithms"}
"""Functions that take nothing that could be masked, empty or in another projection: where their tests are."""


def test_every_implemented_function_of_pixels_is_of_a_kind_that_is_tried(every):
    kinds = Counter(every.kind_of(name) for name in every.IMPLEMENTED)
    assert set(kinds) == {"pixelwise", "stacker", "region", "namer", "maker", "reducer", "user", "loader", None}
    # Those of no pixels take and give numbers, texts, geometries, tables and the like.
    for name in every.IMPLEMENTED:
        types = " ".join(argument.type for argument in every.signatures()[name])
        assert ("Image" in types or "Reducer" in types) <= (every.kind_of(name) is not None)


def test_all_but_a_few_take_an_image_or_a_geometry_or_something_empty(every):
    tried = ("Image", "Collection", "Geometry", "List", "Dictionary")
    assert {name for name in every.IMPLEMENTED if every.kind_of(name) not in (None, "reducer")
            and (every.kind_of(name) == "loader" or not any(
                argument.type.startswith(tried) or argument.type.endswith("Collection") or argument.name == "images"
                for argument in every.signatures()[name] if argument.name in every.arguments(name)))
            } == ELSEWHERE.keys()


def test_tables_of_arguments_name_functions_and_arguments_that_are_there(every):
    for name, given in every.special().items():
        assert name in every.IMPLEMENTED
        assert given.keys() <= {argument.name for argument in every.signatures()[name]}
