"""From files of harmonised parcels to a run's drawn places and its probability sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from agrispec.grid import Grid
from agrispec.taxonomy import Taxonomy
from labels import area_sample, drawing, harmonised, run_classes
from labels.drawing import Asked, Parcels
from labels.run_classes import NONE, Translation

AREA_SAMPLE = "area-sample.csv"
"""The probability sample, in the run's directory."""

# Degrees: a pixel centre so near to an outline, 0.1 m, counts as within.
_NEAR = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What a file of harmonised parcels says of itself.

    Attributes:
        path: the file.
        class_set: whose class numbers it has.
        inward_m: how far its inner outlines are drawn in, metres.
        years: declared.
        doubled: (parcel, year) of those that declare several classes in one year, one after the other.
    """

    path: Path
    class_set: str
    inward_m: float
    years: frozenset[int]
    doubled: frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        file: of the places.
        table: as `labels.drawing.places` gives them.
        taxonomy: the run's.
        years: the year whose declarations a season's places lie in.
        doubled: declarations that were left out, for their parcel grew several classes in one year.
        sample: the probability sample, as it is written; None where none was asked for.
        earlier: units of a probability sample that was drawn before and stays apart.
        units: pixels of the map in declared parcels, by class.
        classes: from those of the files to the run's.
    """

    file: Path
    table: pd.DataFrame
    taxonomy: Taxonomy
    years: Mapping[int, int]
    doubled: int
    sample: pd.DataFrame | None
    earlier: int
    units: Mapping[int, int]
    classes: Translation


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
    headings = [heading(path) for path in files]
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
    path = home / AREA_SAMPLE
    earlier = area_sample.read(path) if sample is None and path.exists() else None
    table = drawing.places(_apart(_all(headings, classes), earlier if sample is None else sample), asked)
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
        contents = {path: sample.to_csv(index=False, lineterminator="\n").encode(), **contents}
    write_files(contents)
    return Drawn(file=home / config.labels.places, table=table, taxonomy=config.taxonomy, years=years,
                 doubled=sum(len(each.doubled) for each in headings), sample=sample,
                 earlier=0 if earlier is None else len(earlier), units=counted, classes=classes)


def heading(path: Path) -> Heading:
    """What a file of harmonised parcels says of itself; its outlines are not read.

    Raises:
        CorruptRecord: it is none.
    """
    years: set[int] = set()
    twice: list[pd.DataFrame] = []
    about = harmonised.about(path)
    for rows in harmonised.read(path, ("parcel", "class_number", "year", "crop_from", "area_ha")):
        table = rows.to_pandas()
        years |= set(table["year"].unique().tolist())
        table = table[table["class_number"].notna()].astype({"class_number": np.int64})
        twice.append(table.loc[table["crop_from"].notna(), ["parcel", "year", "class_number", "area_ha"]])
    crops = pd.concat(twice) if twice else pd.DataFrame(columns=["parcel", "year", "class_number", "area_ha"])
    # Parcels that are called "7/1" and "7/2" for themselves are of different sizes.
    crops = crops.assign(parcel=_undivided(crops["parcel"]))
    several = crops.groupby(["parcel", "year", "area_ha"])["class_number"].nunique()
    doubled = several[several > 1].reset_index()[["parcel", "year"]]
    return Heading(path=path, class_set=about.class_set, inward_m=about.inward_m, years=frozenset(years),
                   doubled=frozenset(doubled.itertuples(index=False, name=None)))


def parcels(found: Heading, classes: Translation) -> Iterator[Parcels]:
    """The declarations of a file that are of one class, by the codes of the run's, a row group at a time."""
    doubled = pd.MultiIndex.from_tuples(found.doubled, names=["parcel", "year"]) if found.doubled else None
    for rows in harmonised.read(found.path, ("parcel", "class_number", "year", "crop_from", "geometry", "inside")):
        year = rows["year"].to_numpy().astype(np.int64)
        code = classes.numbers[rows["class_number"].fill_null(NONE).to_numpy()]
        known = code != NONE
        if doubled is not None:
            named = pd.MultiIndex.from_arrays([_undivided(rows["parcel"].to_pandas()), year])
            known &= ~(named.isin(doubled) & rows["crop_from"].is_valid().to_numpy())
        some = Parcels(parcel=rows["parcel"].to_numpy(), year=year, outline=rows["geometry"].to_numpy(),
                       code=code, inside=rows["inside"].to_numpy()).take(known)
        yield Parcels(parcel=some.parcel, code=some.code, year=some.year, inside=some.inside,
                      outline=shapely.from_wkb(some.outline))


def _all(headings: Sequence[Heading], classes: Translation) -> Iterator[Parcels]:
    for each in headings:
        yield from parcels(each, classes)


def _undivided(parcel: pd.Series[str]) -> pd.Series[str]:
    """Ids without the number that tells two crops of a year apart."""
    return parcel.str.replace(r"/\d+$", "", regex=True)


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
    known = frozenset[int]().union(*(each.years for each in headings))
    if lost := sorted(set(config.season.source) - known):
        raise DataError(f"no file declares anything in the season {lost[0]}; there are {sorted(known)}",
                        mend="give its file too, or take the season out of [season] source")


def _sampled(batches: Iterator[Parcels], config: Config, year: int, units: int) -> tuple[pd.DataFrame, dict[int, int]]:
    """The probability sample of the map's pixels in parcels declared in `year`, and how many pixels those are."""
    grid = Grid.covering(config.map.crs, config.map.corners, config.spec.scale_m)
    there = Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    west, south, east, north = there.transform_bounds(*grid.bounds, direction="INVERSE")
    numbers = pd.Series(dict(config.taxonomy.codes))
    classes = area_sample.empty(grid)
    for batch in batches:
        bounds = shapely.bounds(batch.outline)
        chosen = batch.take((batch.year == year) & np.isin(batch.code, numbers.index) & (bounds[:, 2] >= west)
                            & (bounds[:, 0] <= east) & (bounds[:, 3] >= south) & (bounds[:, 1] <= north))
        area_sample.paint(classes, shapely.transform(chosen.outline, there.transform, interleaved=False),
                          np.asarray(numbers[chosen.code], np.int64), grid)
    return area_sample.draw(classes, grid, units, config.samples.seed), area_sample.sizes(classes)


def _apart(batches: Iterator[Parcels], sample: pd.DataFrame | None) -> Iterator[Parcels]:
    """Parcels that no unit of the sample lies in, whatever year they are of."""
    if sample is None:
        yield from batches
        return
    tree = shapely.STRtree(shapely.points(sample["lon"], sample["lat"]))
    for batch in batches:
        touched: NDArray[np.int64] = tree.query(batch.outline, predicate="dwithin", distance=_NEAR)[0]
        free = np.ones(len(batch.parcel), bool)
        free[touched] = False
        yield batch.take(free)


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
    if drawn.doubled:
        yield (f"{drawn.doubled:,} parcels that declare several classes in one year were left out: a season's series"
               " is of no single one")
    if drawn.sample is not None:
        yield (f"Sample for areas: {len(drawn.sample):,} of {sum(drawn.units.values()):,} pixels of the map that lie in"
               " declared parcels; no place was drawn in the parcels that they touch")
        for number, units in drawn.units.items():
            count = int((drawn.sample["stratum"] == drawn.taxonomy.names[number]).sum())
            yield f"  {drawn.taxonomy.names[number]}: {count:,} of {units:,}"
    if drawn.earlier:
        yield f"No place was drawn in the parcels that the {drawn.earlier:,} pixels of {AREA_SAMPLE} touch"
    yield f"Places: {drawn.file}"
