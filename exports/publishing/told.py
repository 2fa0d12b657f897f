"""What is printed of a publication, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exports.publishing.commands import Publication


def planned(found: Publication, bucket: str) -> Iterator[str]:
    """What would be written."""
    simulated = ", of simulated scenes" if found.card["simulated"] else ""
    yield f"Map of {found.card['season']} by {found.card['model']}{simulated}; version {found.version.number}," \
          f" new images by route {found.route} through gs://{bucket} ({found.place})"
    wide = max(len(asset_id) for asset_id in found.version.ids.values())
    for product in found.products:
        kind = product.pixels.pyramiding if product.pixels else "table"
        state = "there already, stays as it is" if product.name in found.version.there else "new"
        yield f"  {found.version.ids[product.name]:<{wide}}  {product.size:>9,} bytes  {kind:<5}  {state}"
    yield from _strangers(found.version.strangers)
    if found.readers:
        yield f"They may be read by {', '.join(found.readers)}"
    yield from _others(found.others)
    kept = sum(product.size for product in found.missing) - found.asset_bytes
    stays = f", and {kept:,} bytes would stay in the bucket" if kept else ""
    yield f"{len(found.missing)} assets would be written, {found.asset_bytes:,} bytes{stays}; nothing was"


def published(did: Mapping[str, Any]) -> Iterator[str]:
    """What was written, and found equal."""
    names = {asset_id: name for name, asset_id in did["assets"].items()}
    for asset_id, count in did["compared"].items():
        total, new = did["counted"][asset_id], names[asset_id] in did["new"]
        counted = f" of {total:,} compared, all counted" if total > count else " compared"
        yield f"{asset_id}: {count:,}{counted}, all equal{'' if new else ' (it was there, and stays as it was)'}"


def doubts(did: Mapping[str, Any]) -> Iterator[str]:
    """What should be known of a publication."""
    yield from _strangers(did["strangers"])
    yield from _others(did["others"])
    if not did["legend"]:
        yield "the engine takes no lists as properties: names and colours of classes stand as texts only"


def _strangers(ids: Sequence[str]) -> Iterator[str]:
    for asset_id in ids:
        yield f"{asset_id} was not made by agrispec-gee: it is left alone, and its number is not taken"


def _others(by_asset: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for member in dict.fromkeys(member for members in by_asset.values() for member in members):
        ids = [asset_id for asset_id, members in by_asset.items() if member in members]
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        yield f"{member} may read {ids[0]}{more} without being named in [publish]; `earthengine acl ch` takes that back"
