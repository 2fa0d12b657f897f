"""The publish stage: what is not there yet is brought there, all of it is compared, and said to whom it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agrispec.config import Config
from agrispec.engine import Engine, Expression
from agrispec.errors import AssetExists, AssetMissing, EngineError, EngineUnreachable, RunError
from exports import manifest, storage
from exports.export import holding
from exports.publishing import plan, routes, tables, verification, versions
from exports.publishing.plan import FILE_DIGEST, Product
from exports.publishing.routes import Way
from exports.publishing.versions import Version
from exports.runs import Run
from exports.storage import Storage

Progress = Callable[[str], None]
"""Told of each thing done, in words."""


class Graphs(verification.Graphs, Protocol):
    """What `gee_scripts.export` offers; see there."""

    def table(self, asset_id: str) -> Expression: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is to be written, and where.

    Attributes:
        route: of the images that are missing, one of `routes.ROUTES`; the parcels go as a CSV.
        place: where the bucket is, in words.
        card: what `prediction.json` says.
        products: the images, then the parcels.
        objects: the bucket that it goes through.
        readers: who will be let in; whoever is in already stays.
        others: who else may read the assets that stand, by id, as far as the account is told.
        version: their ids.
    """

    route: str
    place: str
    card: Mapping[str, Any]
    products: Sequence[Product]
    objects: Storage
    readers: Sequence[str]
    others: Mapping[str, Sequence[str]]
    version: Version

    @property
    def missing(self) -> list[Product]:
        """Products without an asset yet."""
        return [product for product in self.products if product.name not in self.version.there]

    @property
    def asset_bytes(self) -> int:
        """Of the missing ones, what counts as the project's: images that stay in the bucket do not."""
        return sum(product.size for product in self.missing if self.route != routes.COG or product.pixels is None)


def prepare(run: Run, config: Config, engine: Engine, route: str) -> Publication:
    """What publishing would write; nothing is written, and all is checked that can be before.

    Raises:
        RunError, CorruptRecord: as `plan.products`.
        EngineError: the assets would not fit into the project.
        AssetExists: the folder is an asset of another kind.
        StorageError, RunError, SchemaMismatch, CorruptRecord, DataError: as `routes.check`.
    """
    card, products = plan.products(run, config)
    objects = storage.open(engine, config.engine.bucket)
    # The maps' folder need not be there yet.
    above = engine.asset(plan.folder(config))
    if above is not None and above["type"] not in ("FOLDER", "IMAGE_COLLECTION"):
        raise AssetExists(f"{plan.folder(config)} is {above['type'].lower().replace('_', ' ')}, not a folder",
                          mend="set [engine] folder to another name")
    version = versions.choose(products, lambda name: plan.asset_id(run, config, card["season"], name), engine.asset)
    readers = [*config.publish.readers, *(["allUsers"] if config.publish.public else [])]
    found = Publication(route=route, place=routes.place(objects), card=card, products=products, objects=objects,
                        readers=readers, version=version,
                        others=_others(engine, [version.ids[name] for name in version.there], readers))
    if found.missing:
        routes.check(route, run, objects, [product for product in found.missing if product.pixels])
        _check_room(config, engine, found)
    return found


def _others(engine: Engine, ids: Iterable[str], readers: Sequence[str]) -> dict[str, list[str]]:
    """Who may read assets beside `readers`, by id; an account that may write them need not be told."""
    found: dict[str, list[str]] = {}
    for asset_id in ids:
        try:
            others = [member for member in engine.readers(asset_id) if member not in readers]
        except EngineUnreachable:
            raise
        except (AssetMissing, EngineError):
            continue
        if others:
            found[asset_id] = others
    return found


def _check_room(config: Config, engine: Engine, planned: Publication) -> None:
    """Whether the project may have so many more assets, and bytes, where the service tells."""
    root = f"projects/{config.engine.project}/assets"
    quota = (engine.asset(root) or {}).get("quota", {})
    for more, used, limit, unit in ((len(planned.missing), "assetCount", "maxAssets", "assets"),
                                    (planned.asset_bytes, "sizeBytes", "maxSizeBytes", "bytes")):
        has, most = int(quota.get(used, 0)), int(quota.get(limit, 0))
        if most and has + more > most:
            raise EngineError(f"{root} has {has:,} of at most {most:,} {unit}, and {more:,} more would be published",
                              mend="delete assets that nobody needs, or ask for a higher quota at"
                                   " https://developers.google.com/earth-engine/guides/usage")


def publish(run: Run, config: Config, engine: Engine, graphs: Graphs, route: str, progress: Progress) -> dict[str, Any]:
    """Write what is not there yet, compare all of it, and let readers in.

    Assets of the same predictions that stand already, after a kill or an earlier call, are compared and not written
    again. No asset is ever replaced. Nobody predicts meanwhile: all assets are of one map.

    Returns:
        for the manifest: version, ids by product, which were new, and of images among these the route; by id how many
        pixels or rows were compared, and how many there are; ids that were in the way, who may read beside those that
        were let in, whether the engine took the legend, and what was published.

    Raises:
        AgrispecError: as `prepare`, `routes.send` and `holding.held`.
        TaskFailed: what arrived differs.
        RunError: a file was replaced in spite of that.
    """
    with holding.predictions_held(run.path):
        return _publish(prepare(run, config, engine, route), run, config, engine, graphs, progress)


def _publish(found: Publication, run: Run, config: Config, engine: Engine, graphs: Graphs,
             progress: Progress) -> dict[str, Any]:
    season, version = config.season_of(found.card["season"]), found.version
    way = Way(engine=engine, objects=found.objects, season=season,
              progress=lambda operation: progress(operation.description))
    with routes.writing(plan.folder(config)):
        engine.create_folder(plan.folder(config))
    compared: dict[str, int] = {}
    counted: dict[str, int] = {}
    legend = True
    for product in found.products:
        asset_id = version.ids[product.name]
        if product in found.missing:
            progress(f"writing {asset_id}")
            _need_same(product, "publish again")
            _send(found.route, way, run, product, asset_id)
        # A call that was killed may have left them, too.
        way.objects.delete(routes.uploads(asset_id, product))
        legend = _describe(engine, asset_id, product) and legend
        try:
            verification.check_description(engine, product, asset_id, season)
            compared[asset_id], counted[asset_id] = _compare(engine, graphs, config, product, asset_id)
        finally:
            # Whatever was found, of another file it says nothing.
            _need_same(product, f"delete {asset_id}, then publish again" if product in found.missing else
                       "publish again")
        progress(f"{asset_id}: {compared[asset_id]:,} compared, all equal")
        if found.readers:
            engine.add_readers(asset_id, found.readers)
    return {"version": version.number, "assets": dict(version.ids), "compared": compared, "counted": counted,
            "new": [product.name for product in found.missing],
            "routes": {product.name: found.route for product in found.missing if product.pixels},
            "strangers": list(version.strangers), "legend": legend, "class_digest": found.card["class_digest"],
            "others": _others(engine, version.ids.values(), found.readers)}


def _need_same(product: Product, mend: str) -> None:
    """Raises RunError where a product's file is not the one any more that the card describes."""
    try:
        same = manifest.digest(product.file) == product.properties[FILE_DIGEST]
    except OSError:
        same = False
    if not same:
        raise RunError(f"{product.file} was replaced while it was published", mend=mend)


def _send(route: str, way: Way, run: Run, product: Product, asset_id: str) -> None:
    if product.pixels:
        routes.send(route, way, run, product, asset_id)
        return
    table, below = tables.read(product.file), routes.uploads(asset_id, product)
    uri = tables.upload(way.objects, table, f"{below}table.csv")
    routes.ingest(way, tables.manifest(uri, table, asset_id, product.properties, way.season), product)


def _describe(engine: Engine, asset_id: str, product: Product) -> bool:
    """Bring an asset's properties up to date; whether it takes those that are lists.

    Lists go alone, for "List values are not yet supported for user-uploaded assets"; the same stands as texts, too.
    https://developers.google.com/earth-engine/guides/image_manifest#properties
    """
    has = (engine.asset(asset_id) or {}).get("properties", {})
    wanted: Mapping[str, str | float | None] = {plan.LICENCE: None, **product.properties}
    changed = {name: value for name, value in wanted.items() if has.get(name) != value}
    lists = {name: value for name, value in product.lists.items() if has.get(name) != value}
    if changed:
        engine.set_properties(asset_id, changed)
    if lists:
        try:
            engine.set_properties(asset_id, lists)
        except EngineUnreachable:
            raise
        except EngineError:
            return False
    return True


def _compare(engine: Engine, graphs: Graphs, config: Config, product: Product, asset_id: str) -> tuple[int, int]:
    """How many pixels or rows were compared, and how many there are."""
    if product.pixels:
        found = verification.compare(engine, graphs, product, asset_id)
        return found.pixels, found.total
    rows = tables.compare(engine, graphs.table(asset_id), tables.read(product.file), config.labels.parcel_id)
    return rows, rows
