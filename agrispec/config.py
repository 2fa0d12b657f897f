"""The project's configuration: `agrispec.toml`, read once, checked, frozen.

Every key is an attribute of one of the classes below; the class's docstring says what it means and its
default. How a file becomes these classes, and what is refused, says `agrispec.toml_tables`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from agrispec import toml_tables
from agrispec.cube import ClearLook, CubeSpec, preset
from agrispec.errors import ConfigError
from agrispec.grid import Bounds, Cell, cells_in
from agrispec.season import Season
from agrispec.splits import Split
from agrispec.taxonomy import CropClass, Taxonomy

# https://cloud.google.com/resource-manager/docs/creating-managing-projects#before_you_begin
PROJECT_ID = r"[a-z][-a-z0-9]{4,28}[a-z0-9]"
# https://developers.google.com/earth-engine/guides/noncommercial_tiers: a project that chose none is "community".
TIERS = {"community": 150.0, "contributor": 1000.0, "partner": 100_000.0, "paid": math.inf}
"""Tier of a project -> EECU-hours a month."""

ERODE_M = 60.0
"""Metres from other labels that samples of label maps keep, unless others are asked for."""

LOCAL_PROJECT = "agrispec-local"
"""The project that the embedded engine stands for where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """[engine]: where graphs are computed.

    Attributes:
        name: "local" (the embedded engine, no account) or "cloud" (Google Earth Engine).
        project: Cloud project id, 6-30 lower-case letters, digits and hyphens.
        bucket: Cloud Storage bucket of exports and uploads.
        landscape: the local engine's folder of assets and buckets, relative to the configuration file.
        folder: asset folder that predictions are published into.
        service_account_key: file of a service account's key; empty uses application default credentials.
        tier: "community", "contributor", "partner" or "paid"; its monthly compute is what an export may use.
    """

    name: str = "local"
    project: str = LOCAL_PROJECT
    bucket: str = "agrispec-local"
    landscape: str = "landscape"
    folder: str = "maps"
    service_account_key: str = ""
    tier: str = "community"

    def __post_init__(self) -> None:
        if self.name not in ("local", "cloud"):
            raise ConfigError(f"there is no engine {self.name!r}", mend='set [engine] name to "local" or "cloud"')
        if not re.fullmatch(PROJECT_ID, self.project):
            raise ConfigError(f"{self.project!r} is not a Cloud project id",
                              mend="give [engine] project 6-30 lower-case letters, digits or hyphens, a letter first")
        if self.tier not in TIERS:
            raise ConfigError(f"there is no tier {self.tier!r} of Earth Engine projects",
                              mend=f"set [engine] tier to one of {', '.join(TIERS)}, as the project's page at"
                                   " https://console.cloud.google.com/earth-engine says")

    @property
    def monthly_eecu_hours(self) -> float:
        """Compute of a month, EECU-hours; infinite where nobody counts, as on the embedded engine."""
        return TIERS[self.tier] if self.name == "cloud" else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """[area]: the 0.1 degree cells to work in.

    Attributes:
        bounds: west, south, east, north in degrees; every cell they touch. Empty where `cells` is given.
        cells: cell ids, e.g. "E0045N0487". Empty where `bounds` is given.
    """

    bounds: tuple[float, ...] = ()
    cells: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.bounds) == bool(self.cells) or len(self.bounds) not in (0, 4):
            raise ConfigError("the area is empty or given twice",
                              mend="give [area] either bounds = [west, south, east, north] or cells = [...]")
        if not self.resolved:
            raise ConfigError("the area holds no cell", mend="widen [area] bounds")

    @property
    def resolved(self) -> tuple[Cell, ...]:
        """The cells, each once, in order."""
        if self.cells:
            return tuple(dict.fromkeys(Cell.parse(text) for text in self.cells))
        west, south, east, north = self.bounds
        return cells_in((west, south, east, north))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasons:
    """[season]: which seasons train and which is mapped.

    Attributes:
        source: years in which the labelled seasons end.
        target: year in which the season to map ends.
        first_day: day 1 of a season as MM-DD; 01-01 in the north, 07-01 in the south.
    """

    source: tuple[int, ...]
    target: int
    first_day: str = "01-01"

    def __post_init__(self) -> None:
        if not self.source:
            raise ConfigError("no labelled season is given", mend="list at least one year in [season] source")
        if self.target in self.source:
            raise ConfigError(f"the target season {self.target} is a source season too",
                              mend="take it out of [season] source: a target's labels may not train")
        for year in (*self.source, self.target):
            # Sentinel-2 flies since 2015; a year beyond these is a slip of the pen.
            if not 2015 <= year <= 2100:
                raise ConfigError(f"no satellite has seen, or will see, the season {year}",
                                  mend="give years of 2015 or later, four digits")
            Season.of(year, self.first_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cube:
    """[cube]: what a model sees.

    Attributes:
        preset: "cropnet-5d" or "agrispec-23".
        window_days: first and last day of the season of the model's window; empty keeps the preset's.
        gdd: whether cubes carry growing degree days of ERA5-Land, which a model on thermal time needs.
        gdd_base: their base temperature, °C: what a day's mean temperature has above it counts.
    """

    preset: str = "cropnet-5d"
    window_days: tuple[int, ...] = ()
    gdd: bool = False
    gdd_base: float = 0.0

    def __post_init__(self) -> None:
        if len(self.window_days) not in (0, 2):
            raise ConfigError(f"the window of days {list(self.window_days)} is not a first and a last day",
                              mend="give [cube] window_days two days of the season, e.g. [121, 334]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """[labels]: what grew where, by label maps (`images`, `band`) or by places that are drawn already (`places`).

    Attributes:
        images: image collection of label maps. A season's are those whose system:time_start is one of its days; 1
            January of the year that it is called by is one, wherever the season begins.
        band: its band of crop codes.
        confidence_band: its band that says how sure the map is of each pixel; empty where it has none.
        least_confidence: pixels below this confidence, or of none that is known, count as unlabelled: no place of a
            source season is drawn there, and no prediction is compared with them. A class of [[classes]] may ask for
            more. In the band's units, 0-100 in USDA's; 0 takes all.
        places: file of places inside declared parcels, relative to the configuration file, as `agrispec-gee labels
            draw` writes it; in place of `images` and `band`.
        erode_m: pixels of label maps within this distance of another label are not sampled, metres. This and the
            confidence say nothing of drawn places.
        parcels: table of field polygons, `{season}` standing for the year; empty where there is none.
        parcel_id: property that identifies a parcel.
    """

    images: str = ""
    band: str = ""
    confidence_band: str = ""
    least_confidence: float = 0.0
    places: str = ""
    erode_m: float = ERODE_M
    parcels: str = ""
    parcel_id: str = "parcel_id"

    def __post_init__(self) -> None:
        if self.places and (self.images or self.band):
            raise ConfigError("labels are given twice, by label maps and by places",
                              mend="take out images and band, or places, in [labels]")
        if not self.places and not (self.images and self.band):
            raise ConfigError("there are no labels" if not (self.images or self.band) else
                              "label maps need both their image collection and its band",
                              mend='give [labels] images and band, or places = "places.parquet" of what'
                                   " `agrispec-gee labels draw` draws")
        ignored = {"confidence_band": self.confidence_band != "", "least_confidence": self.least_confidence != 0,
                   "erode_m": self.erode_m != ERODE_M} if self.places else {}
        if found := [name for name, given in ignored.items() if given]:
            raise ConfigError(f"[labels] {' and '.join(found)} {'say' if len(found) > 1 else 'says'} something of label"
                              " maps, and the labels are drawn places",
                              mend=f"take {'them' if len(found) > 1 else 'it'} out of [labels]; places keep --inward of"
                                   " `agrispec-gee labels harmonise` from outlines")
        try:
            self.parcels.format(season=2000)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(f"the parcels' id {self.parcels!r} has another placeholder than a season's",
                              mend='write {season} where the year stands, e.g. "projects/p/assets/parcels_{season}"') \
                from error
        if self.erode_m < 0:
            raise ConfigError(f"labels cannot be eroded by {self.erode_m} m", mend="give 0 or more metres")
        if self.least_confidence < 0:
            raise ConfigError(f"the least confidence {self.least_confidence:g} of labels is negative",
                              mend="give [labels] least_confidence 0 (all pixels) or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """[samples]: how many places are drawn.

    Attributes:
        per_class: places drawn per cell and class in a source season, at most; where [labels] places are drawn inside
            declared parcels, parcels, which give up to --per-parcel places each.
        per_source_cell: places of label maps kept per cell in a source season, at most: the classes with most places
            give up theirs first. 0 keeps all.
        per_cell: places drawn per cell in the target season, whatever their class.
        per_task: places in one export task at most.
        seed: another number is another draw.
    """

    per_class: int = 50
    per_source_cell: int = 0
    per_cell: int = 200
    per_task: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.per_class, self.per_cell, self.per_task) < 1:
            raise ConfigError("no samples are asked for", mend="give [samples] numbers of 1 or more")
        if self.per_source_cell < 0:
            raise ConfigError(f"a cell cannot hold {self.per_source_cell} places",
                              mend="give [samples] per_source_cell 1 or more, or 0 for no limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """[training]: what a series goes through before a model.

    Attributes:
        smoothing: lambda of the Whittaker smoother (order 2, weighted by clear looks) that the Bi-GRU's series go
            through; 0 fills gaps linearly instead. CropNet's always are filled linearly, as published.
        thermal: whether a model reads series by growing degree days, in place of dates; needs [cube] gdd = true.
        confidence: predictions below this probability are flagged for review; 0.65 is the founding page's.
        seed: seeds weights, shuffling and augmentation.
    """

    smoothing: float = 2.0
    thermal: bool = False
    confidence: float = 0.65
    seed: int = 0

    def __post_init__(self) -> None:
        if self.smoothing < 0:
            raise ConfigError(f"the smoothing lambda is {self.smoothing}", mend="give 0 (none) or more, e.g. 2")
        if not 0 <= self.confidence <= 1:
            raise ConfigError(f"a confidence of {self.confidence} is no probability", mend="give 0 to 1, e.g. 0.65")


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """[map]: what is mapped.

    Attributes:
        bounds: west, south, east, north, in units of `crs`.
        crs: CRS of the map and of `bounds`, in metres, whose areas are true to 1 %: a UTM zone, or a national grid.
        patch: side of an exported patch, pixels.
        mask: image asset whose first band is not 0 where there is something to map; empty maps everything.
        aoi: GeoJSON file of the polygons to map, in degrees, relative to the configuration file; empty maps all of
            `bounds`.
    """

    bounds: tuple[float, ...]
    crs: str
    patch: int = 64
    mask: str = ""
    aoi: str = ""

    def __post_init__(self) -> None:
        if len(self.bounds) != 4 or not (self.bounds[2] > self.bounds[0] and self.bounds[3] > self.bounds[1]):
            raise ConfigError(f"the map's bounds {list(self.bounds)} enclose no area",
                              mend="give [map] bounds = [west, south, east, north], west < east and south < north")
        if self.patch < 1:
            raise ConfigError(f"patches of {self.patch} pixels are empty", mend="give [map] patch 1 or more, e.g. 64")

    @property
    def corners(self) -> Bounds:
        """west, south, east, north, in units of `crs`."""
        west, south, east, north = self.bounds
        return west, south, east, north


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishing:
    """[publish]: what assets say of themselves, and who may read them.

    Attributes:
        licence: what others may do with the map, e.g. "CC-BY-4.0"; a property of every asset, taken away where empty.
        readers: who is let in to read the assets beside the project, e.g. ["user:a@example.org",
            "group:b@example.org"]. Nobody is shut out: whoever could read an asset before still can, and is named.
        public: whether everybody is let in.
    """

    licence: str = ""
    readers: tuple[str, ...] = ()
    public: bool = False

    def __post_init__(self) -> None:
        for reader in self.readers:
            # https://cloud.google.com/iam/docs/principal-identifiers#allow
            if not re.fullmatch(r"(user|group|serviceAccount|domain):\S+", reader):
                raise ConfigError(f"{reader!r} is nobody whom assets can be shared with",
                                  mend='write [publish] readers = ["user:a@example.org"], or group:, domain: or'
                                       " serviceAccount: in place of user:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """[[regions]]: a part of the area that `evaluate --protocol leave-one-region-out` holds out as a whole.

    Attributes:
        name: what reports call it.
        bounds: west, south, east, north in degrees; cells whose centre is inside of it are its own.
    """

    name: str
    bounds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("a region has no name", mend='give it one in [[regions]], e.g. name = "north"')
        if len(self.bounds) != 4 or not (self.bounds[2] > self.bounds[0] and self.bounds[3] > self.bounds[1]):
            raise ConfigError(f"the bounds {list(self.bounds)} of region {self.name} enclose no area",
                              mend="give [[regions]] bounds = [west, south, east, north], west < east, south < north")

    def holds(self, cell: Cell) -> bool:
        """Whether the centre of a cell is inside; west and south edges belong to a region, as to a cell."""
        west, south, east, north = cell.bounds
        lon, lat = (west + east) / 2, (south + north) / 2
        return self.bounds[0] <= lon < self.bounds[2] and self.bounds[1] <= lat < self.bounds[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole `agrispec.toml`.

    Attributes:
        engine, area, season, cube, labels, samples, split, training, map, publish: its tables.
        clear: its table [clear], see `agrispec.cube.ClearLook`.
        classes: its tables [[classes]].
        regions: its tables [[regions]].
    """

    area: Area
    season: Seasons
    labels: Labels
    map: Map
    classes: tuple[CropClass, ...]
    engine: Service = Service()
    cube: Cube = Cube()
    clear: ClearLook = ClearLook()
    samples: Samples = Samples()
    split: Split = Split()
    training: Training = Training()
    publish: Publishing = Publishing()
    regions: tuple[Region, ...] = ()

    def __post_init__(self) -> None:
        self.spec, self.taxonomy  # noqa: B018 - both check themselves
        if self.training.thermal and not self.cube.gdd:
            raise ConfigError("[training] thermal reads growing degree days that the cube does not carry",
                              mend="set gdd = true in [cube] and export again, or thermal = false")
        if self.labels.places and self.samples.per_source_cell:
            raise ConfigError("[samples] per_source_cell says something of label maps, and the labels are drawn places",
                              mend="take it out, and lower [samples] per_class or draw with a lower --per-parcel")
        if self.labels.places and any(crop.least_confidence > 0 for crop in self.classes):
            raise ConfigError("a least confidence is asked of a class, and drawn places tell no confidence",
                              mend="take least_confidence out of [[classes]]")
        asks = self.labels.least_confidence > 0 or any(crop.least_confidence > 0 for crop in self.classes)
        if asks and not self.labels.confidence_band:
            raise ConfigError("a least confidence is asked of labels, and no band says how sure they are",
                              mend='name the band in [labels] confidence_band, e.g. "confidence", or take every'
                                   " least_confidence away")
        if self.labels.confidence_band and not asks:
            raise ConfigError(f"[labels] confidence_band {self.labels.confidence_band!r} is named, and no confidence is"
                              " asked for", mend="set [labels] least_confidence, or that of a class, above 0")
        names = [region.name for region in self.regions]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ConfigError(f"two regions are called {twice[0]}", mend="give each of [[regions]] a name of its own")

    @property
    def spec(self) -> CubeSpec:
        """The cube that is exported and trained on."""
        days = self.cube.window_days
        return preset(self.cube.preset, window_days=(days[0], days[1]) if days else None, clear=self.clear,
                      gdd_base=self.cube.gdd_base if self.cube.gdd else None)

    @property
    def taxonomy(self) -> Taxonomy:
        """The classes in the file's order."""
        return Taxonomy(self.classes)

    def season_of(self, year: int) -> Season:
        """The season that ends in `year`, cut into the cube's steps."""
        return Season.of(year, self.season.first_day, self.spec.step_days)


def read(path: Path) -> Config:
    """The configuration of a file.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown, missing or impossible.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"there is no configuration {path}", mend="write one with: agrispec-gee init RUN") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error})", mend="make it a readable UTF-8 text file") from error
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "agrispec.toml") -> Config:
    """The configuration of a TOML text; `name` is what errors call it. Raises as `read`."""
    return toml_tables.parse(Config, text, name)
