"""When the satellites pass, and what stands between them and the ground.

Everything is drawn from a seed. A third of all looks is clear, a fifth in winter, so that half of the 5-day steps
of a pixel have a clear look; in real scenes over Flanders it is 34 to 55 % of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Floats = NDArray[np.floating]
Images = NDArray[np.float32]
Pixel = TypeVar("Pixel", bound=np.generic)

# Optical depth of haze and thin cloud against B2, B2 … B12: it thins with wavelength.
_OPACITY = np.array([1.0, 0.92, 0.82, 0.78, 0.75, 0.72, 0.70, 0.68, 0.50, 0.42], np.float32)
# A thick cloud's own reflectance: ice and water absorb in the shortwave infrared.
_CLOUD = np.array([0.72, 0.71, 0.70, 0.70, 0.70, 0.69, 0.68, 0.67, 0.45, 0.34], np.float32)
# What a full shadow takes away; the sky keeps lighting it, most in the blue.
_SHADE = np.array([0.50, 0.56, 0.62, 0.64, 0.66, 0.68, 0.70, 0.71, 0.76, 0.78], np.float32)
_FIELD = 160  # side of the simulated sky, pixels: clouds outside of the window throw shadows into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """The acquisitions of one year, oldest first.

    Attributes:
        times: sensing times, UTC.
        spacecraft: "Sentinel-2A" or "Sentinel-2B" each.
        zenith: sun's zenith angle, degrees.
        azimuth: sun's azimuth, degrees clockwise from north.
    """

    times: tuple[datetime, ...]
    spacecraft: tuple[str, ...]
    zenith: Floats
    azimuth: Floats

    @property
    def days(self) -> Floats:
        """Days of the year, from 1."""
        return np.array([float(time.timetuple().tm_yday) for time in self.times])


def passes(year: int, latitude: float, longitude: float) -> Passes:
    """Two satellites, five days apart, on two neighbouring orbits: a look every two or three days, 146 a year."""
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    # The pattern runs on through the years: days since an epoch, not days of the year.
    epoch = datetime(2017, 7, 1, tzinfo=UTC)
    times, craft = [], []
    for day in range((end - start).days):
        count = (start - epoch).days + day
        if count % 5 in (0, 3):
            orbit_minutes = 54 if count % 5 == 0 else 44
            times.append(start + timedelta(days=day, hours=10, minutes=orbit_minutes, seconds=31))
            craft.append("Sentinel-2A" if (count // 5 + (count % 5 == 3)) % 2 == 0 else "Sentinel-2B")
    doy = np.array([time.timetuple().tm_yday for time in times], float)
    hours = np.array([time.hour + time.minute / 60 for time in times])
    # Declination after Cooper (1969), https://doi.org/10.1016/0038-092X(69)90047-4
    declination = np.radians(23.45) * np.sin(2 * np.pi * (284 + doy) / 365)
    angle, phi = np.radians(15 * (hours - 12) + longitude), np.radians(latitude)
    cosine = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(angle)
    east = -np.cos(declination) * np.sin(angle)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(angle)
    return Passes(times=tuple(times), spacecraft=tuple(craft), zenith=np.degrees(np.arccos(cosine)),
                  azimuth=np.degrees(np.arctan2(east, north)) % 360)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regional:
    """The weather that all windows share, per pass.

    Attributes:
        cloudiness: how overcast the region is, standard deviations; 0 is half covered.
        wetness: of the topsoil, 0 dry … 1 saturated.
    """

    cloudiness: Floats
    wetness: Floats


def regional(sky: Passes, random: np.random.Generator) -> Regional:
    """Draws a year of weather that lasts for days and changes with the season."""
    days, noise = sky.days, random.normal(size=len(sky.times))
    persistent = np.empty_like(noise)
    persistent[0] = noise[0]
    for i in range(1, len(noise)):
        kept = np.exp(-(days[i] - days[i - 1]) / 3.0)
        persistent[i] = kept * persistent[i - 1] + np.sqrt(1 - kept**2) * noise[i]
    summer = np.cos(2 * np.pi * (days - 205) / 365)
    cloudiness = 0.15 - 0.40 * summer + 1.15 * persistent
    wet = 0.50 - 0.28 * summer + 0.22 * ndimage.gaussian_filter1d(persistent, 2.0) + 0.05 * noise
    return Regional(cloudiness=cloudiness, wetness=np.clip(wet, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """What stands over a window at each pass; every field is float32 (T, row, column).

    Attributes:
        opacity: share of the light that cloud and haze scatter in B2, 0 clear … 1 opaque.
        shadow: 0 sunlit … 1 in full cloud shadow.
    """

    opacity: Images
    shadow: Images


def sky_over(size: int, overhead: Passes, weather: Regional, random: np.random.Generator) -> Sky:
    """Draws clouds with soft edges, thin veils and the shadows they throw for a window of `size` pixels."""
    count, margin = len(overhead.times), (_FIELD - size) // 2
    texture = smooth_noise(count, _FIELD, 2.4, random)
    mean = (weather.cloudiness + random.normal(0, 0.35, count)).astype(np.float32)
    depth = np.clip((mean[:, None, None] + 0.45 * texture + 0.25) / 1.1, 0, 1)
    cloud = depth * depth * (3 - 2 * depth)
    veiled = (random.random(count) < 0.22) * random.uniform(0.02, 0.16, count)
    veil = (np.clip(1 + 0.5 * smooth_noise(count, size, 3.2, random), 0, 2)
            * veiled[:, None, None].astype(np.float32))
    here = slice(margin, margin + size)
    # Shadows fall away from the sun, further under a low sun; low clouds only, so that their cloud is in the field.
    reach = np.minimum(random.uniform(250, 700, count) * np.tan(np.radians(overhead.zenith)) / 10, margin)
    rows = np.rint(reach * np.cos(np.radians(overhead.azimuth))).astype(int)
    columns = np.rint(-reach * np.sin(np.radians(overhead.azimuth))).astype(int)
    shadow = np.stack([cloud[t, margin - r: margin - r + size, margin - c: margin - c + size]
                       for t, (r, c) in enumerate(zip(rows, columns, strict=True))])
    opacity = 1 - (1 - cloud[:, here, here]) * (1 - veil)
    return Sky(opacity=opacity.astype(np.float32), shadow=(shadow * (1 - opacity)).astype(np.float32))


def through(surface: Images, sky: Sky, random: np.random.Generator) -> Images:
    """What the sensor's product says of a surface under a sky.

    Args:
        surface: float32 (T, 10, row, column), reflectance of the ground; it is overwritten.
        sky: what stands over it.
        random: draws cloud brightness, what atmospheric correction left, and sensor noise.
    """
    count = len(surface)
    gain = random.normal(1, 0.02, (count, 1, 1, 1)) * random.normal(1, 0.008, (count, 10, 1, 1))
    haze = random.normal(0, 0.006, (count, 1, 1, 1)) * _OPACITY[:, None, None] ** 3
    brightness = random.normal(1, 0.08, (count, 1, 1)).astype(np.float32)
    for band in range(10):  # by band, to keep the memory small
        clear = (1 - sky.opacity) ** _OPACITY[band]
        plane = surface[:, band]
        plane *= 1 - _SHADE[band] * sky.shadow
        plane *= gain[:, band].astype(np.float32)
        plane += haze[:, band].astype(np.float32)
        plane *= clear
        plane += (1 - clear) * (_CLOUD[band] * brightness)
        noise = random.standard_normal(plane.shape, np.float32)
        plane += noise * (0.002 + 0.012 * plane)
    return surface


def cloud_score(sky: Sky, random: np.random.Generator) -> tuple[Images, Images]:
    """Cloud Score+'s `cs` and `cs_cdf`, (T, row, column), 0 occluded … 1 clear.

    Both follow the true clearness, with errors as wide as a cloud: some veils pass a threshold of 0.75, some
    clear ground does not. Quantised to 1/256.
    """
    count, size = sky.opacity.shape[:2]
    truth = np.exp(-4.2 * sky.opacity - 2.2 * sky.shadow)
    wrong = smooth_noise(count, size, 2.6, random)
    level = random.normal(0, 0.05, (count, 1, 1)).astype(np.float32)
    cs = np.clip(0.93 * truth + 0.05 * wrong + level, 0, 1)
    cdf = np.clip(cs**1.4 + 0.03 * smooth_noise(count, size, 2.0, random), 0, 1)
    return _quantised(cs), _quantised(cdf)


def _quantised(score: Images) -> Images:
    steps: Images = np.rint(score * np.float32(256)) / np.float32(256)
    return steps


def scene_classes(observed: Images, sky: Sky, random: np.random.Generator) -> NDArray[np.uint8]:
    """Sen2Cor's scene classification (SCL) on 20 m blocks, (T, row, column), with its known faults.

    Vegetation 4, bare 5, unclassified 7, cloud shadow 3, cloud 8 and 9, cirrus 10. Thin edges and weak shadows
    are missed, and some bright bare soil is called cloud. Source:
    https://sentiwiki.copernicus.eu/web/s2-processing
    """
    opacity, shadow = halved(sky.opacity), halved(sky.shadow)
    blurred = opacity + 0.04 * smooth_noise(len(opacity), opacity.shape[-1], 1.5, random)
    red, infrared = halved(observed[:, 2]), halved(observed[:, 6])
    ndvi = (infrared - red) / np.maximum(infrared + red, 0.01)
    scl = np.where(ndvi > 0.38, 4, np.where(ndvi < 0.28, 5, 7))
    scl = np.where((red > 0.30) & (random.random(red.shape, np.float32) < 0.3), 8, scl)
    scl = np.where(shadow > 0.45, 3, scl)
    scl = np.where(blurred > 0.14, 10, scl)
    scl = np.where(blurred > 0.30, 8, scl)
    scl = np.where(blurred > 0.65, 9, scl)
    return doubled(scl.astype(np.uint8))


def smooth_noise(count: int, size: int, slope: float, random: np.random.Generator) -> Images:
    """`count` fields of unit variance whose amplitude falls as frequency to the power -slope / 2 · 1.5.

    Returns float32 (count, size, size), periodic at the edges.
    """
    white = random.standard_normal((count, size, size), np.float32)
    spectrum = fft.rfft2(white)
    frequency = np.hypot(fft.fftfreq(size)[:, None], fft.rfftfreq(size)[None])
    frequency[0, 0] = np.inf  # no mean: the caller sets the level
    weight = (frequency ** (-0.75 * slope)).astype(np.float32)
    full = np.concatenate([weight, weight[:, 1:(size + 1) // 2]], axis=1)
    field: Images = fft.irfft2(spectrum * (weight * size / np.sqrt(float((full**2).sum()))), s=(size, size))
    return field.astype(np.float32, copy=False)


def halved(images: Images) -> Images:
    """Means of 2 × 2 pixels over the last two axes: 10 m to 20 m."""
    mean: Images = 0.25 * (images[..., ::2, ::2] + images[..., 1::2, ::2] + images[..., ::2, 1::2]
                           + images[..., 1::2, 1::2])
    return mean


def doubled(images: NDArray[Pixel]) -> NDArray[Pixel]:
    """Each pixel repeated 2 × 2 over the last two axes: 20 m as Earth Engine serves it on a 10 m grid."""
    return images.repeat(2, axis=-2).repeat(2, axis=-1)
