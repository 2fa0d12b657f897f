"""Nulls: given for an argument, within one, and in the features of a collection."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import shapely

from agrispec.errors import EngineError
from gee_scripts.engine.local.geometry import Geometry
from gee_scripts.engine.local.language.encode import encode
from gee_scripts.engine.local.language.promotion import promoted
from gee_scripts.engine.local.language.registry import IMPLEMENTED, signatures
from gee_scripts.engine.local.values import Collection, Feature, hashable


def test_an_answer_has_the_declared_type(every: Any, named: str) -> None:
    found = every.called(named, **every.sample(named))
    assert found is not None
    if every.plain(every.RETURNS[named]) not in ("<any>", "Object", "Classifier", ""):
        promoted(found, every.RETURNS[named], every.Assets())


def test_a_null_argument_is_refused_by_name_or_is_its_default(every: Any, taker: str) -> None:
    given = every.sample(taker)
    for argument in signatures()[taker]:
        if not argument.optional:
            with pytest.raises(EngineError, match=f"^{taker}: Parameter '{argument.name}' is required"):
                every.called(taker, **{**given, argument.name: None})
        else:
            null, default = (every.answered(taker, {**given, argument.name: value})
                             for value in (None, argument.default))
            assert (null is None) == (default is None)
            if type(null).__name__ not in ("Filter", "Closure", "Classifier", "NoneType"):
                assert encode(null) == encode(default)


def test_nulls_within_arguments_are_answered_or_refused_in_words(every: Any, taker: str) -> None:
    for arguments in every.with_others(taker, every.NULLS):
        every.answered(taker, arguments)


def test_aggregates_do_not_count_features_without_the_property(every: Any, aggregate: str) -> None:
    def of(*features: Feature) -> Any:
        found = every.called(aggregate, collection=Collection(features), property="n")
        if aggregate.endswith(".stats"):
            assert found.pop("total_count") == len(features)
        return found

    one, three = every.feature(1), every.feature(3)
    assert of(every.BARE, three, every.UNKNOWN, one, three) == of(three, one, three)
    assert of(every.BARE, every.UNKNOWN) == of()


def test_no_filter_of_a_field_passes_a_feature_without_it(every: Any, condition: str) -> None:
    given = every.sample(condition)
    made = every.called(condition, **given)
    assert not any(made.accepts(element, None) for element in (every.BARE, every.UNKNOWN, Feature()))
    other = {"rightField": "n"} if condition != "Filter.hasType" else {"rightField": "s"}
    pairs = every.called(condition, **{key: value for key, value in given.items() if key != "rightValue"}, **other)
    assert not any(pairs.accepts(one, other)
                   for one, other in itertools.product((every.BARE, every.UNKNOWN), every.TABLE.items))


@pytest.mark.parametrize(("name", "kept"), [("simple", []), ("inverted", ["9", "8"]), ("inner", []), ("saveAll", []),
                                            ("saveFirst", []), ("saveBest", [])])
def test_null_fields_match_nothing_in_a_join(every: Any, name: str, kept: list[str]) -> None:
    nulls = Collection((every.BARE, Feature(properties={"system:index": "8", "n": None})))
    join = every.called(f"Join.{name}", **{argument.name: "m" for argument in signatures()[f"Join.{name}"]
                                           if not argument.optional})
    equals = every.called("Filter.equals", leftField="n", rightField="n")
    near = every.called("Filter.maxDifference", difference=5, leftField="n", rightField="n")
    for condition in (near,) if name == "saveBest" else (equals, near):
        for secondary in (nulls, every.TABLE, Collection(())):
            found = every.called("Join.apply", join=join, primary=nulls, secondary=secondary, condition=condition)
            assert [item.properties["system:index"] for item in found.items] == kept


@pytest.mark.parametrize(("name", "keys"), [("Element.get", ("object", "property")),
                                            ("Dictionary.get", ("dictionary", "key")), ("List.get", ("list", "index"))])
def test_a_value_of_another_type_is_refused_where_one_type_is_asked_for(every: Any, name: str,
                                                                        keys: tuple[str, str]) -> None:
    held = {"Number": 3, "String": "text", "Array": [1, 2], "Geometry": every.AREA}
    places = {kind: place if name == "List.get" else kind for place, kind in enumerate(held)}
    whole = {"Element.get": Feature(properties=held), "Dictionary.get": held, "List.get": list(held.values())}[name]
    for wanted, kind in itertools.product(held, repeat=2):
        if f"{name}{wanted}" not in IMPLEMENTED or (wanted, kind) == ("Array", "Number"):  # a number is an array
            continue
        arguments = dict(zip(keys, (whole, places[kind]), strict=True))
        if wanted == kind:
            assert every.called(f"{name}{wanted}", **arguments) is not None
        else:
            with pytest.raises(EngineError, match=f"is no {wanted}"):
                every.called(f"{name}{wanted}", **arguments)


def test_arrays_and_geometries_are_told_apart_by_what_they_hold(every: Any) -> None:
    arrays = [np.array([1, 2]), np.array([1.0, 2.0]), np.array([[1, 2]]), np.array([2, 1]), [1, 2]]
    table = Collection(tuple(Feature(properties={"n": array}) for array in arrays))
    distinct = every.called("Collection.distinct", collection=table, properties="n")
    assert [id(item.properties["n"]) for item in distinct.items] == [id(arrays[place]) for place in (0, 2, 3, 4)]
    shapes = [every.AREA, Geometry(shapely.from_wkb(every.AREA.shape.wkb)), every.OTHER]
    assert len(every.called("List.distinct", list=shapes)) == 2
    assert every.called("IsEqual", left=np.array([1, 2]), right=np.array([1, 2])) is True
    assert hashable(np.array([1, 2])) != hashable(np.array([[1], [2]]))
