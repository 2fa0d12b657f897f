"""Table manifests to table assets: CSV and TFRecord files with coordinates or geometries, and shapefiles.

https://developers.google.com/earth-engine/guides/table_manifest; the formats are those that the client's
`earthengine upload table` names. The service documents no words for the refusal of others: they are ours.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from agrispec.errors import DataError, SchemaMismatch, StorageError
from agrispec.formats import example
from agrispec.formats.asset_tree import AssetTree
from gee_scripts.engine.local.assets.tree import Assets, milliseconds
from gee_scripts.engine.local.operations import shapefile
from gee_scripts.engine.local.operations.columns import number, typed
from gee_scripts.engine.local.operations.manifests import moment
from gee_scripts.engine.local.operations.tasks import Progress, Work
from gee_scripts.engine.local.rasters.domains import transformer
from gee_scripts.engine.local.refusals import Refusal

# Columns that hold a geometry, in the order they are looked for; the manifest may name another one.
_GEOMETRIES = ("geometry", ".geo", "WKT", "wkt")
# Rows between two looks at whether to go on.
_ROWS = 10_000
# What a shapefile consists of; the service asks for all of them.
_PARTS = (".shp", ".shx", ".dbf", ".prj")
# Unpacked; zip files can promise any size.
_MOST_UNPACKED = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table as read.

    Attributes:
        columns: name -> a value a row, None where there is none.
        geometries: WKB in degrees, or None, of each row.
    """

    columns: Mapping[str, Sequence[Any]]
    geometries: Sequence[bytes | None]


def table_work(body: Mapping[str, Any], tree: AssetTree, assets: Assets) -> Work:
    """The work of a table:import request.

    Raises:
        Refusal: the manifest cannot be served, or its asset exists.
    """
    manifest, overwrite = body.get("tableManifest") or {}, bool(body.get("overwrite"))
    sources = manifest.get("sources") or []
    if len(sources) != 1 or not sources[0].get("uris"):
        raise Refusal(400, "Table manifest must have one source with uris.")
    source = sources[0]
    uris = [manifest.get("uriPrefix", "") + uri for uri in source["uris"]]
    read, uri = _reader(uris)
    kinds = manifest.get("columnDataTypeOverrides") or {}
    asset_id = assets.free_name(manifest.get("name", ""), overwrite=overwrite)
    asset_properties = dict(manifest.get("properties") or {})
    for key, name in (("startTime", "system:time_start"), ("endTime", "system:time_end")):
        if manifest.get(key):
            asset_properties[name] = milliseconds(moment(manifest[key]))

    def work(progress: Progress) -> Sequence[str]:
        progress.check(0.0)
        rows = read(uri, source, kinds, tree, progress)
        properties = [{name: column[i] for name, column in rows.columns.items()} for i in range(len(rows.geometries))]
        tree.write_table(asset_id, properties=properties, geometries=rows.geometries, overwrite=overwrite,
                         asset_properties=asset_properties)
        return [asset_id]

    return work


def _reader(uris: Sequence[str]) -> tuple[Callable[..., Rows], str]:
    """What reads a table, and the file to begin with.

    Raises:
        Refusal: tables are not made of such files.
    """
    for endings, read in _READERS.items():
        found = [uri for uri in uris if uri.lower().endswith(endings)]
        companions = _PARTS if ".shp" in endings else ()
        if len(found) == 1 and all(uri in found or uri.lower().endswith(companions or "\0") for uri in uris):
            return read, found[0]
    raise Refusal(400, "A table is made of one .csv, .tfrecord, .shp or .zip file (with the .dbf, .shx and .prj files "
                       f"beside the .shp file), not of {', '.join(uris)[:200]}.")


def _csv(uri: str, source: Mapping[str, Any], kinds: Mapping[str, str], tree: AssetTree, progress: Progress) -> Rows:
    names, rows = _read(uri, source, tree, progress)
    columns = {name: [row[name] for row in rows] for name in names}
    return _placed(uri, columns, len(rows), source, kinds, progress, first=2)


def _tfrecord(uri: str, source: Mapping[str, Any], kinds: Mapping[str, str], tree: AssetTree,
              progress: Progress) -> Rows:
    path = tree.existing_object(uri)
    described = example.describe(path)
    for name, each in described.features.items():
        if len(each.kinds) > 1 or len(each.lengths) > 1:
            raise SchemaMismatch(f"{uri} holds {name!r} as {' and '.join(each.kinds)}, of {each.lengths[0]} to "
                                 f"{each.lengths[-1]} values a record", mend="write one kind and number of values")
    # Records need not have all properties.
    found = example.read(path, {name: example.Feature(kind=each.kinds[0], length=each.lengths[0], required=False)
                                for name, each in described.features.items()})
    columns: dict[str, list[Any]] = {}
    charset = source.get("charset", "utf-8")
    for name, values in found.items():
        plain = values.tolist() if values.dtype != object else [
            [item.decode(charset, errors="replace") for item in row] for row in values]
        columns[name] = [None if all(map(_absent, row)) else row[0] if len(row) == 1 else row for row in plain]
    return _placed(uri, columns, described.records, source, kinds, progress, first=1)


def _absent(value: Any) -> bool:
    """Whether a value is what `example.read` gives where there is none."""
    return value != value or value in ("", np.iinfo(np.int64).min)


def _placed(uri: str, columns: Mapping[str, list[Any]], length: int, source: Mapping[str, Any],
            kinds: Mapping[str, str], progress: Progress, first: int) -> Rows:
    """Columns with types, less that of the geometry; `first` is the number of the first row in messages."""
    names = list(columns)
    geometry = _geometry_column(source, names)
    x, y = source.get("xColumn", "longitude"), source.get("yColumn", "latitude")
    crs = source.get("crs", "EPSG:4326")
    word = "line" if first == 2 else "record"
    geometries: list[bytes | None] = [None] * length
    for row in range(length):
        if row % _ROWS == 0:
            progress.check(row / length)
        place = f"{uri}, {word} {row + first}"
        if geometry is not None:
            geometries[row] = _shape(str(columns[geometry][row] or ""), crs, place)
        elif x in columns and y in columns:
            geometries[row] = _point(columns[x][row], columns[y][row], crs, place)
    # Of these files only CSV knows no types.
    return Rows(columns={name: typed(column, kinds.get(name), detect=first == 2)
                         for name, column in columns.items() if name != geometry}, geometries=geometries)


def _shapefile(uri: str, source: Mapping[str, Any], kinds: Mapping[str, str], tree: AssetTree,
               progress: Progress) -> Rows:
    stem = uri[:-len(".shp")]
    path = tree.existing_object(uri)
    siblings = {each.suffix.lower(): each for each in path.parent.iterdir() if each.stem == Path(stem).name}
    lacking = [part for part in _PARTS if part not in siblings]
    if lacking:
        raise DataError(f"{uri} lacks {', '.join(lacking)} beside it", mend="upload all files of the shapefile")
    return _shapes(uri, {part: siblings[part].read_bytes() for part in _PARTS}, source, kinds, progress)


def _zipped(uri: str, source: Mapping[str, Any], kinds: Mapping[str, str], tree: AssetTree, progress: Progress) -> Rows:
    try:
        with zipfile.ZipFile(io.BytesIO(tree.existing_object(uri).read_bytes())) as archive:
            # macOS adds a folder of companions of its own.
            names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
            found = [name for name in names if name.lower().endswith(".shp")]
            if len(found) != 1:
                raise DataError(f"{uri} holds {len(found)} .shp files", mend="zip the files of one shapefile")
            stem = found[0][:-len(".shp")]
            parts = {name[len(stem):].lower(): name for name in names if name.startswith(stem)}
            lacking = [part for part in _PARTS if part not in parts]
            if lacking:
                raise DataError(f"{uri} lacks {', '.join(lacking)}", mend="zip all files of the shapefile")
            if sum(archive.getinfo(parts[part]).file_size for part in _PARTS) > _MOST_UNPACKED:
                raise DataError(f"{uri} is too large unpacked", mend="split it")
            contents = {part: archive.read(parts[part]) for part in _PARTS}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise DataError(f"{uri} cannot be unpacked: {error}", mend="zip it again, without a password") from error
    return _shapes(uri, contents, source, kinds, progress)


def _shapes(uri: str, parts: Mapping[str, bytes], source: Mapping[str, Any], kinds: Mapping[str, str],
            progress: Progress) -> Rows:
    try:
        crs = CRS.from_wkt(parts[".prj"].decode(errors="replace")).to_wkt()
    except CRSError as error:
        raise DataError(f"{uri}: its .prj file cannot be read: {error}", mend="write the projection as WKT") from error
    found = shapefile.shapes(parts[".shp"], uri)
    progress.check(0.5)
    try:
        names, rows = shapefile.attributes(parts[".dbf"], f"{uri}: its .dbf file", source.get("charset", "utf-8"))
    except LookupError as error:
        raise DataError(f"{uri}: {error}", mend="give a charset such as UTF-8 or ISO-8859-1") from error
    if len(rows) != len(found):
        raise DataError(f"{uri} has {len(found)} shapes and {len(rows)} rows", mend="write the shapefile again")
    kept = [(shape, row) for shape, row in zip(found, rows, strict=True) if row is not None]
    columns = {name: [row[name] for _, row in kept] for name in names}
    columns = {name: typed(column, kinds.get(name), detect=False) for name, column in columns.items()}
    return Rows(columns=columns, geometries=[None if shape is None else _in_degrees(shape, crs) for shape, _ in kept])


_READERS: Mapping[tuple[str, ...], Callable[..., Rows]] = {
    (".csv",): _csv, (".tfrecord", ".tfrecord.gz"): _tfrecord, (".shp",): _shapefile, (".zip",): _zipped}


def _in_degrees(shape: shapely.Geometry, crs: str) -> bytes:
    if crs not in ("EPSG:4326", ""):
        change = transformer(crs, "EPSG:4326")
        shape = shapely.transform(shape, lambda xy: np.column_stack(change.transform(xy[:, 0], xy[:, 1])))
    return bytes(shapely.to_wkb(shape))


def _csv_reader(file: TextIO, delimiter: str, qualifier: str) -> Any:
    try:
        return csv.reader(file, delimiter=delimiter, quotechar=qualifier)
    except (TypeError, ValueError) as error:
        raise DataError(f"CSV cannot be read with the csvDelimiter {delimiter!r} and the csvQualifier {qualifier!r}",
                        mend="give one character for each, which do not end a line") from error


def _read(uri: str, source: Mapping[str, Any], tree: AssetTree, progress: Progress) -> \
        tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV file.

    Raises:
        DataError: it has no header, or a row of another length.
        StorageError: it cannot be read.
    """
    path = tree.existing_object(uri)
    progress.check(0.0)
    try:
        with path.open(encoding=source.get("charset", "utf-8-sig"), newline="") as file:
            reader = _csv_reader(file, source.get("csvDelimiter", ","), source.get("csvQualifier", '"'))
            names: list[str] = next(reader, [])
            rows = []
            for values in reader:
                if len(values) != len(names):
                    raise DataError(f"{uri}, line {reader.line_num}: {len(values)} values for {len(names)} columns",
                                    mend="give every row one value a column")
                rows.append(dict(zip(names, values, strict=True)))
    except (LookupError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{uri} cannot be read as CSV: {error}", mend="save it as CSV in UTF-8") from error
    except OSError as error:
        raise StorageError(f"{uri} could not be read: {error}", mend="check the bucket") from error
    if not names or len(set(names)) < len(names):
        raise DataError(f"{uri} has no header, or two columns of one name", mend="name each column once, in line 1")
    return names, rows


def _geometry_column(source: Mapping[str, Any], names: Sequence[str]) -> str | None:
    wanted = source.get("primaryGeometryColumn")
    if wanted is not None and wanted not in names:
        raise DataError(f"there is no column {wanted!r}", mend=f"name one of {', '.join(names)}")
    return wanted or next((name for name in _GEOMETRIES if name in names), None)


def _point(x: Any, y: Any, crs: str, place: str) -> bytes | None:
    if x in ("", None) and y in ("", None):
        return None
    try:
        return _in_degrees(shapely.Point(number(x), number(y)), crs)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: {x!r}, {y!r} are not coordinates", mend="give degrees, longitude first") from error


def _shape(text: str, crs: str, place: str) -> bytes | None:
    if not text.strip():
        return None
    try:
        shape = shapely.from_geojson(text) if text.lstrip().startswith("{") else shapely.from_wkt(text)
    except shapely.GEOSException as error:
        raise DataError(f"{place}: the geometry cannot be read: {error}",
                        mend="write it as WKT or GeoJSON in degrees, longitude first") from error
    return _in_degrees(shape, crs)
