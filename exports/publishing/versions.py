"""Which number the assets of a map get: one for all of them, and never one that holds something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from exports.publishing.plan import FILE_DIGEST, IDENTITY, Product

Asset = Mapping[str, Any]
"""An asset as the engine describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A number for the assets of a map.

    Attributes:
        number: 1, 2, …
        ids: of the assets, by product.
        there: those that stand already, by product.
        strangers: ids of assets in the way that were made by somebody else, so that their numbers were left out.
    """

    number: int
    ids: Mapping[str, str]
    there: Mapping[str, Asset]
    strangers: tuple[str, ...]


def choose(products: Sequence[Product], name: Callable[[str], str], look: Callable[[str], Asset | None]) -> Version:
    """The first number under which nothing else stands: what was published whole or in part is found again.

    Args:
        products: of one map.
        name: product's name -> id without a number.
        look: id -> what stands there, None where nothing does.
    """
    strangers: list[str] = []
    for number in count(1):
        ids = {product.name: f"{name(product.name)}_v{number}" for product in products}
        there: dict[str, Asset] = {}
        for product in products:
            found = look(ids[product.name])
            if found is None:
                continue
            if not is_of(found, product):
                if FILE_DIGEST not in found.get("properties", {}):
                    strangers.append(ids[product.name])
                break
            there[product.name] = found
        else:
            return Version(number=number, ids=ids, there=there, strangers=tuple(strangers))
    raise AssertionError("numbers do not end")


def is_of(asset: Asset | None, product: Product) -> bool:
    """Whether an asset was made of this product, by the same model of the same cube."""
    said: Mapping[str, Any] = {} if asset is None else asset.get("properties", {})
    return all(said.get(key) == product.properties[key] for key in IDENTITY)
