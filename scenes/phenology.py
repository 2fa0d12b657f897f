"""How crops grow through a year: leaf area, dead leaves, chlorophyll and water of every parcel on every day.

Days count from 1 January. The dates are our own round numbers for an average year in northern France: barley is cut
in early and wheat in late July, maize around 1 October (FranceAgriMer's weekly progress, https://cereobs.franceagrimer.fr).
Leaf areas are of the size that field campaigns measure (Scurlock, Asner & Gower 2001,
https://doi.org/10.3334/ORNLDAAC/584). Nothing here is a model of yield.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agrispec.taxonomy import CropClass, Taxonomy

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """The average parcel of one crop.

    Attributes:
        frequency: share of the parcels in a region's rotation.
        winter: sown in the autumn before, so it overwinters green.
        rise: day at which leaf area is half of its maximum in spring.
        rise_days: e-folding time of the rise, days.
        fall: day at which half of the leaf area is dead.
        fall_days: e-folding time of senescence, days.
        harvest: day of harvest.
        lai: maximum leaf area.
        chlorophyll: µg/cm².
        water: leaf water thickness, cm.
        sown: day of emergence after autumn sowing (winter crops).
        flowers: (day, days, share) of petals in view: centre, spread, largest share.
    """

    frequency: float
    winter: bool
    rise: float
    rise_days: float
    fall: float
    fall_days: float
    harvest: float
    lai: float
    chlorophyll: float
    water: float
    sown: float = 0.0
    flowers: tuple[float, float, float] = (0.0, 1.0, 0.0)


WHEAT, BARLEY, RAPESEED, MAIZE, SORGHUM, SUNFLOWER, BEET, OTHER = range(8)

# Two pairs are hard to tell apart: winter wheat and winter barley, maize and sorghum.
CROP_TABLE: tuple[Crop, ...] = (
    Crop(frequency=0.25, winter=True, rise=98, rise_days=9, fall=181, fall_days=5, harvest=203, lai=5.2,
         chlorophyll=48, water=0.014, sown=305),
    Crop(frequency=0.14, winter=True, rise=91, rise_days=9, fall=167, fall_days=5, harvest=187, lai=4.7,
         chlorophyll=42, water=0.013, sown=292),
    Crop(frequency=0.13, winter=True, rise=82, rise_days=9, fall=172, fall_days=6, harvest=196, lai=4.6,
         chlorophyll=50, water=0.017, sown=250, flowers=(117, 10, 0.45)),
    Crop(frequency=0.16, winter=False, rise=167, rise_days=7, fall=251, fall_days=9, harvest=274, lai=4.6,
         chlorophyll=50, water=0.013),
    Crop(frequency=0.09, winter=False, rise=176, rise_days=8, fall=257, fall_days=10, harvest=280, lai=3.7,
         chlorophyll=44, water=0.012),
    Crop(frequency=0.09, winter=False, rise=160, rise_days=7, fall=228, fall_days=7, harvest=254, lai=3.3,
         chlorophyll=41, water=0.017, flowers=(196, 7, 0.13)),
    Crop(frequency=0.08, winter=False, rise=157, rise_days=8, fall=305, fall_days=20, harvest=290, lai=4.4,
         chlorophyll=44, water=0.022),
    Crop(frequency=0.06, winter=False, rise=90, rise_days=14, fall=330, fall_days=20, harvest=367, lai=3.6,
         chlorophyll=38, water=0.013),
)

CROPS = Taxonomy((
    CropClass(name="winter wheat", codes=(1,), colour="#e6c229"),
    CropClass(name="winter barley", codes=(2,), colour="#f17105"),
    CropClass(name="rapeseed", codes=(3,), colour="#f7ee55"),
    CropClass(name="maize", codes=(4,), colour="#1a8fe3"),
    CropClass(name="sorghum", codes=(5,), colour="#6610f2"),
    CropClass(name="sunflower", codes=(6,), colour="#d11149"),
    CropClass(name="sugar beet", codes=(7,), colour="#c77dff"),
    CropClass(name="other", codes=(8,), colour="#7a9e7e"),
))
"""Seven crops and "other" (meadows, lucerne, fallow); the class of `CROP_TABLE[i]` has code i + 1."""

# How far parcels of one crop differ.
TIMING_DAYS = 6.0
PLACE_DAYS = 2.5  # and how far the places they grow at
SEASON_LENGTH = 0.05
VIGOUR = 0.16
CHLOROPHYLL = 0.12
WATER = 0.12
WINTER_LAI = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What a year's weather does to all crops, against the average year.

    Attributes:
        shift_days: stages come this much later (earlier if negative).
        length: time from 1 May to a later stage, as a share of the average.
        vigour: leaf area as a share of the average.
    """

    shift_days: float = 0.0
    length: float = 1.0
    vigour: float = 1.0

    def stage_day(self, day: Floats) -> Floats:
        """The day of the average year whose stage the crops have reached on `day`."""
        return 121 + (day - 121 - self.shift_days) / self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The state of N parcels on T days; every field is (T, N).

    Attributes:
        lai: leaf area, dead leaves and straw included.
        brown: dead share of it.
        chlorophyll: µg/cm² of the green leaves.
        water: cm, of the green leaves.
        flowers: share of the view that is petals.
    """

    lai: Floats
    brown: Floats
    chlorophyll: Floats
    water: Floats
    flowers: Floats


def grow(days: Floats, crops: Integers, following: Integers, year: Year, random: np.random.Generator) -> Growth:
    """Grows every parcel through a year, each with its own sowing date, vigour and care.

    Args:
        days: (T,) days of the year, from 1.
        crops: (N,) crop numbers of this year's harvest.
        following: (N,) crop numbers of the next year, sown this autumn where they are winter crops.
        year: the weather against the average year.
        random: draws what differs between parcels.
    """
    count = len(crops)
    trait = {name: np.array([getattr(crop, name) for crop in CROP_TABLE]) for name in
             ("winter", "rise", "rise_days", "fall", "fall_days", "harvest", "lai", "chlorophyll", "water", "sown")}
    own = {name: values[crops] for name, values in trait.items()}
    timing = random.normal(0, PLACE_DAYS) + random.normal(0, TIMING_DAYS, count)
    length = random.normal(1, SEASON_LENGTH, count)
    vigour = np.exp(random.normal(0, VIGOUR, count)) * year.vigour
    tillage = random.uniform(8, 45, count)
    # Three kinds of "other": meadow cut two or three times, lucerne cut often, fallow left alone.
    kind = np.where(crops == OTHER, random.choice(3, count, p=[0.5, 0.25, 0.25]), -1)

    t = days[:, None]
    # The parcel's own clock: the year's weather, its sowing date, and how long its variety takes.
    stage = 121 + (year.stage_day(t) - timing - 121) / length
    rise = _logistic((stage - own["rise"]) / own["rise_days"])
    fall = _logistic((stage - own["fall"]) / own["fall_days"])
    full = own["lai"] * vigour * rise + np.where(own["winter"], WINTER_LAI, 0.15) * (1 - rise)
    standing = _logistic((own["harvest"] - stage) / 1.0)
    straw = (1 - standing) * 0.9 * np.exp(-np.maximum(stage - own["harvest"], 0) / tillage)
    green = full * (1 - fall) * standing
    dead = 0.7 * full * fall * standing + np.where(kind >= 0, 0, straw)

    # Autumn: the next winter crop by the farmer's calendar, else on some fields a catch crop, else weeds.
    after = np.maximum(stage - own["harvest"], 0)
    emerged = np.maximum(trait["sown"][following], 262) + 0.6 * timing
    sown = trait["winter"][following] & (kind < 0)
    # After a late harvest there is no time for one.
    catch = ~sown & (kind < 0) & (own["harvest"] < 230) & (random.random(count) < 0.5)
    autumn = np.where(sown, WINTER_LAI * (1 + (following == RAPESEED)) * _logistic((t - emerged - 18) / 7),
                      np.where(catch, 1.9 * vigour * _logistic((after - 38) / 7), 0.25 * _logistic((after - 25) / 8)))
    # Catch crops of the winter before stand until they are worked in.
    kept = (~own["winter"]) & (kind < 0) & (random.random(count) < 0.4)
    green = green + autumn * (after > 0) + np.where(kept, 1.3, 0.0) * _logistic((62 - t) / 3)

    managed = _managed_grass(stage, kind, vigour, random)
    green = np.where(kind >= 0, managed, green)
    dead = np.where(kind >= 0, np.where(kind == 2, 0.9, 0.25) * (0.4 + _logistic((stage - 185) / 10)), dead)

    centre, spread, share = np.array([crop.flowers for crop in CROP_TABLE])[crops].T
    flowers = share * vigour**0.5 * np.exp(-0.5 * ((stage - centre) / spread) ** 2) * rise
    chlorophyll = (own["chlorophyll"] * random.normal(1, CHLOROPHYLL, count) * (1 - 0.45 * fall)
                   * (0.8 + 0.2 * rise))
    water = own["water"] * random.normal(1, WATER, count) * (1 - 0.3 * fall)
    lai = green + dead
    return Growth(lai=lai, brown=dead / np.maximum(lai, 1e-6), chlorophyll=chlorophyll, water=water,
                  flowers=np.clip(flowers, 0, 0.6))


def _managed_grass(stage: Floats, kind: Integers, vigour: Floats, random: np.random.Generator) -> Floats:
    """Leaf area of meadows (kind 0), lucerne (1) and fallow (2), cut and grown again."""
    season = 0.9 + 2.9 * _logistic((stage - 95) / 12) * (1 - 0.5 * _logistic((stage - 290) / 15))
    regrown = np.full(stage.shape, 1e3)
    for cut_day, kinds in ((138.0, (1,)), (152.0, (0,)), (178.0, (1,)), (206.0, (0,)), (222.0, (1,)), (264.0, (0, 1))):
        cut = cut_day + random.normal(0, 9, len(kind))
        since = np.where((stage >= cut) & np.isin(kind, kinds), stage - cut, 1e3)
        regrown = np.minimum(regrown, since)
    leaves: Floats = np.where(kind == 2, 0.45, 1.0) * vigour * season * (1 - 0.75 * np.exp(-regrown / 14))
    return leaves


def _logistic(x: Floats) -> Floats:
    share: Floats = 0.5 * (1 + np.tanh(0.5 * x))
    return share
