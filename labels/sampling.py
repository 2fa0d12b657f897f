"""From files of harmonised parcels to a run's drawn places and its probability sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pyproj import Transformer

from agrispec import config as configuration
from agrispec.class_sets import CLASS_SETS, ClassSet
from agrispec.config import Config
from agrispec.errors import ConfigError, CorruptRecord, DataError, RunError
from agrispec.formats import places as place_files
from agrispec.formats.atomic import write_files
from agrispec.formats.places import MEDIAN, PIXEL, Places
from agrispec.grid import Bounds, Cell, Grid
from agrispec.taxonomy import Taxonomy
from labels import area_sample, drawing, run_classes, usable
from labels.drawing import Asked, Parcels
from labels.run_classes import Translation
from labels.usable import Heading

AREA_SAMPLE = "area-sample.csv"
"""The probability sample, in the run's directory."""

# Degrees: a pixel centre so near to an outline, 0.1 m, counts as within.
_NEAR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        file: of the places.
        table: as `labels.drawing.places` gives them.
        taxonomy: the run's.
        years: the year whose declarations a season's places lie in.
        left_out: what gives no place, by reason.
        sample: the probability sample, as it is written; None where none was asked for.
        sample_file: where it is written then.
        earlier: units of a probability sample that was drawn before and stays apart.
        units: pixels of the map in declared parcels, by class.
        classes: from those of the files to the run's.
        obstacles: why the run cannot be exported like this, in words.
    """

    file: Path
    table: pd.DataFrame
    taxonomy: Taxonomy
    years: Mapping[int, int]
    left_out: Mapping[str, int]
    sample: pd.DataFrame | None
    sample_file: Path
    earlier: int
    units: Mapping[int, int]
    classes: Translation
    obstacles: tuple[str, ...]


def draw(home: Path, files: Sequence[Path], *, per_parcel: int | None, units: int | None) -> Drawn:
    """Draw a run's places inside declared parcels, and its probability sample before that.

    Args:
        home: the run's directory.
        files: harmonised parcels, of any years and countries.
        per_parcel: places of a parcel at most; None for one that stands for the median of the parcel.
        units: pixels of the probability sample; None for none, and an earlier one then stays apart.

    Raises:
        RunError, ConfigError: there is no run, its labels come from maps, or its classes are not those of the files.
        CorruptRecord: a file holds no harmonised parcels.
        DataError: files contradict each other, or nothing can be drawn.
    """
    if not (home / "agrispec.toml").is_file():
        raise RunError(f"{home} is not a run directory: it holds no agrispec.toml",
                       mend=f"make one with: agrispec-gee init {home}")
    config = configuration.read(home / "agrispec.toml")
    if not config.labels.places:
        raise ConfigError("the labels of this run come from label maps",
                          mend='write places = "places.parquet" into [labels], in place of images and band')
    seasons = {*config.season.source, config.season.target}
    headings = [usable.heading(path, _near(config, units), seasons) for path in files]
    _check(headings, config, per_parcel)
    classes = run_classes.translation(config.taxonomy, _class_set(headings))
    known = frozenset[int]().union(*(each.years for each in headings))
    target = config.season.target
    year = target if target in known else max(known & set(config.season.source))
    asked = Asked(cells=config.area.resolved, numbers=dict(config.taxonomy.codes), seasons=config.season.source,
                  target=target, target_year=year, per_class=config.samples.per_class,
                  per_cell=config.samples.per_cell, per_parcel=per_parcel, fold=config.split.fold,
                  scale_m=config.spec.scale_m, seed=config.samples.seed)
    sample, counted = _sampled(_all(headings, classes), config, year, units) if units else (None, {})
    sample_file, left_out = home / AREA_SAMPLE, sum((each.left_out for each in headings), Counter[str]())
    earlier = area_sample.read(sample_file) if sample is None and sample_file.exists() else None
    table = drawing.places(_apart(_all(headings, classes), earlier if sample is None else sample, left_out),
                           asked, left_out)
    years = {season: season for season in config.season.source} | {target: year}
    kept = Places(table=table, unit=MEDIAN if per_parcel is None else PIXEL, years=years,
                  inward_m=min(each.inward_m for each in headings), asked=place_files.asked_of(config))
    contents = {home / config.labels.places: place_files.encode(kept)}
    if sample is not None:
        # A declaration tells of its own season alone; in another one somebody has to look.
        names = sample["number"].map(dict(enumerate(config.taxonomy.names)))
        sample = pd.DataFrame({"lon": sample["lon"].round(7), "lat": sample["lat"].round(7), "stratum": names,
                               "inclusion_probability": sample["inclusion_probability"],
                               "reference": names if year == target else ""})
        contents = {sample_file: sample.to_csv(index=False, lineterminator="\n").encode(), **contents}
    write_files(contents)
    return Drawn(file=home / config.labels.places, table=table, taxonomy=config.taxonomy, years=years,
                 left_out=+left_out, sample=sample, sample_file=sample_file,
                 earlier=0 if earlier is None else len(earlier), units=counted,
                 classes=classes, obstacles=tuple(_obstacles(table, config, per_parcel)))


def _all(headings: Sequence[Heading], classes: Translation) -> Iterator[Parcels]:
    for each in headings:
        yield from usable.parcels(each, classes)


def _class_set(headings: Sequence[Heading]) -> ClassSet:
    sets = {each.class_set: each for each in headings}
    if len(sets) > 1:
        said = " and ".join(f"{each.path} of {name!r}" for name, each in sets.items())
        raise DataError(f"the files are of several class sets: {said}", mend="harmonise all of them to one class set")
    [(name, first)] = sets.items()
    if name not in CLASS_SETS:
        raise CorruptRecord(f"{first.path} is of the class set {name!r}, which is not known",
                            mend=f"harmonise it to one of {', '.join(CLASS_SETS)}")
    return CLASS_SETS[name]


def _check(headings: Sequence[Heading], config: Config, per_parcel: int | None) -> None:
    inward = {each.inward_m: each for each in headings}
    if per_parcel is None and len(inward) > 1:
        said = " and ".join(f"{each.path} by {metres:g} m" for metres, each in inward.items())
        raise DataError(f"parcels are drawn in by different distances: {said}",
                        mend="harmonise all of them with one --inward: medians are taken by one")
    for one, other in combinations(headings, 2):
        for year in sorted(one.years & other.years & {*config.season.source, config.season.target}):
            if count := len(np.intersect1d(usable.ids(one, year), usable.ids(other, year), assume_unique=True)):
                raise DataError(f"{count:,} ids of {year} stand in both {one.path} and {other.path}: nobody could tell"
                                " these parcels apart",
                                mend="harmonise both with --id and ids of their own, or files of one country together")
    known = frozenset[int]().union(*(each.years for each in headings))
    if lost := sorted(set(config.season.source) - known):
        raise DataError(f"no file declares anything in the season {lost[0]}; there are {sorted(known)}",
                        mend="give its file too, or take the season out of [season] source")


def _near(config: Config, units: int | None) -> Bounds:
    """What holds all parcels of interest, in degrees."""
    boxes = [cell.bounds for cell in config.area.resolved] + ([_of_map(config)] if units else [])
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _of_map(config: Config) -> Bounds:
    grid = Grid.covering(config.map.crs, config.map.corners, config.spec.scale_m)
    there = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    west, south, east, north = there.transform_bounds(*grid.bounds, direction="INVERSE")
    return west, south, east, north


def _sampled(batches: Iterator[Parcels], config: Config, year: int, units: int) -> tuple[pd.DataFrame, dict[int, int]]:
    """The probability sample of the map's pixels in parcels declared in `year`, and how many pixels those are."""
    grid = Grid.covering(config.map.crs, config.map.corners, config.spec.scale_m)
    there = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    west, south, east, north = _of_map(config)
    numbers = pd.Series(dict(config.taxonomy.codes))
    classes = area_sample.empty(grid)
    for batch in batches:
        bounds = shapely.bounds(batch.outline)
        chosen = batch.take((batch.year == year) & np.isin(batch.code, numbers.index) & (bounds[:, 2] >= west)
                            & (bounds[:, 0] <= east) & (bounds[:, 3] >= south) & (bounds[:, 1] <= north))
        area_sample.paint(classes, shapely.transform(chosen.outline, there.transform, interleaved=False),
                          np.asarray(numbers[chosen.code], np.int64), grid)
    return area_sample.draw(classes, grid, units, config.samples.seed), area_sample.sizes(classes)


def _apart(batches: Iterator[Parcels], sample: pd.DataFrame | None, left_out: Counter[str]) -> Iterator[Parcels]:
    """Parcels that no unit of the sample lies in, whatever year they are of; the others are counted."""
    if sample is None:
        yield from batches
        return
    tree = shapely.STRtree(shapely.points(sample["lon"], sample["lat"]))
    for batch in batches:
        touched: NDArray[np.int64] = tree.query(batch.outline, predicate="dwithin", distance=_NEAR)[0]
        free = np.ones(len(batch.parcel), bool)
        free[touched] = False
        left_out["declarations that pixels of the probability sample lie in"] += int((~free).sum())
        yield batch.take(free)


def _obstacles(table: pd.DataFrame, config: Config, per_parcel: int | None) -> Iterator[str]:
    """Why an export of places would be refused."""
    if per_parcel is None and not config.labels.parcels:
        yield ("medians are taken of parcels that Earth Engine knows: upload FILE with `agrispec-gee labels upload`,"
               " and name the table in [labels] parcels")
    try:
        folds = config.split.folds(sorted(Cell.parse(cell) for cell in table["cell"].unique()))
    except DataError as error:
        yield str(error)
        return
    train = [cell.id for cell, fold in folds.items() if fold == "train"]
    taught = set(table.loc[table["cell"].isin(train), "number"])
    if lost := [name for number, name in enumerate(config.taxonomy.names) if number not in taught]:
        yield (f"the training cells hold no place of {', '.join(lost)}: draw again in a wider [area], of more"
               " declarations, or take the class out of [[classes]]")


def lines(drawn: Drawn) -> Iterator[str]:
    """What was drawn, in words."""
    yield from drawn.classes.lines(drawn.taxonomy)
    for season, year in drawn.years.items():
        rows = drawn.table[drawn.table["season"] == season]
        said = f"{len(rows):,} places in {rows['parcel'].nunique():,} parcels, {rows['cell'].nunique():,} cells"
        if (rows["number"] == drawing.NOTHING).all():
            yield f"{season}: {said}, labels closed" + ("" if year == season else f"; parcels are those of {year}")
        else:
            yield f"{season}: {said}"
            for number, name in enumerate(drawn.taxonomy.names):
                of = rows[rows["number"] == number]
                yield f"  {name}: {len(of):,} places in {of['parcel'].nunique():,} parcels"
    if drawn.left_out:
        yield "Left out"
        for why, count in drawn.left_out.items():
            yield f"  {count:,} {why}"
    if drawn.sample is not None:
        yield (f"Sample for areas: {len(drawn.sample):,} of {sum(drawn.units.values()):,} pixels of the map that lie in"
               " declared parcels; no place was drawn in the parcels that they touch")
        for number, units in drawn.units.items():
            count = int((drawn.sample["stratum"] == drawn.taxonomy.names[number]).sum())
            yield f"  {drawn.taxonomy.names[number]}: {count:,} of {units:,}"
        looked_up = " once its column reference is filled in" if (drawn.sample["reference"] == "").all() else ""
        yield (f"Sample: {drawn.sample_file}; `area estimate --sample` takes it{looked_up}, for a map of these parcels"
               " alone: [map] aoi or mask")
    if drawn.earlier:
        yield f"No place was drawn in the parcels that the {drawn.earlier:,} pixels of {AREA_SAMPLE} touch"
    yield f"Places: {drawn.file}"
    for why in drawn.obstacles:
        yield f"They cannot be exported yet: {why}"
