"""What a crop canopy reflects in the ten Sentinel-2 bands: a turbid medium over a soil.

The leaf is a Kubelka-Munk slab, as Allen & Richardson (1968, J. Opt. Soc. Am. 58, 1023,
https://doi.org/10.1364/JOSA.58.001023) found adequate for leaves. The canopy is a layer of small leaves with a
spherical distribution of angles; its fluxes obey the four-stream equations of Verhoef (1984, Remote Sens.
Environ. 16, 125, https://doi.org/10.1016/0034-4257(84)90057-9), which are solved here per depth and integrated
towards an observer at the zenith by Gauss-Legendre quadrature. Hot spot and clumping are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

# Absorption per band, B2 … B12, rounded to two digits: a simulator needs the shape, not the third digit.
# Chlorophyll, cm²/µg, with carotenoids at a fifth of its mass in B2, after Féret et al. (2008, PROSPECT-5),
# https://doi.org/10.1016/j.rse.2008.02.012
_CHLOROPHYLL = np.array([0.049, 0.013, 0.060, 0.016, 0.0014, 0.0, 0.0, 0.0, 0.0, 0.0])
# Dry matter, cm²/g, same source.
_DRY_MATTER = np.array([14.0, 9.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.8, 8.0, 15.0])
# Pure water, 1/cm, 4πk/λ after Hale & Querry (1973), https://doi.org/10.1364/AO.12.000555
_WATER = np.array([0.0003, 0.0006, 0.004, 0.007, 0.025, 0.021, 0.035, 0.05, 6.7, 18.0])

# Dead leaves and straw: a slope through the visible, lignin and cellulose absorb in B12. After Nagler,
# Daughtry & Goward (2000), https://doi.org/10.1016/S0034-4257(99)00082-6
_STRAW_REFLECTANCE = np.array([0.11, 0.16, 0.22, 0.25, 0.28, 0.31, 0.34, 0.36, 0.40, 0.29])
_STRAW_TRANSMITTANCE = 0.45 * _STRAW_REFLECTANCE

# A dry loam, in the shape that soils of spectral libraries share (Stoner & Baumgardner 1981,
# https://doi.org/10.2136/sssaj1981.03615995004500060031x).
_SOIL = np.array([0.110, 0.145, 0.185, 0.200, 0.213, 0.226, 0.240, 0.248, 0.320, 0.285])
# Darkening by water is exponential in moisture and stronger in the shortwave infrared: Lobell & Asner (2002),
# https://doi.org/10.2136/sssaj2002.7220
_SOIL_WETTING = np.array([0.60, 0.60, 0.60, 0.60, 0.60, 0.60, 0.60, 0.60, 0.80, 1.00])

_LEAF_SCATTERING = 0.85
# Light is diffuse inside a leaf and is sent back at its walls, so it travels further than the leaf is thick. This
# factor and the scattering above are ours: with them a green leaf reflects 7 % of red and 46 % of infrared light.
_DETOUR = 2.4
# Light that the cuticle sends back before it enters: Grant (1987), https://doi.org/10.1016/0034-4257(87)90064-2
_CUTICLE = 0.015
_LEAF_DRY_MATTER = 0.005  # g/cm²
_MEAN_SQUARE_COSINE = 1 / 3  # of leaf normals against the vertical, spherical distribution
_EXTINCTION_NADIR = 0.5  # spherical leaves shade half of their area in any direction
_QUADRATURE = 8


def leaf(chlorophyll: Floats, water: Floats, brown: Floats) -> tuple[Floats, Floats]:
    """Reflectance and transmittance of a leaf, 0 … 1.

    Args:
        chlorophyll: µg/cm², any shape S.
        water: equivalent water thickness, cm, shape S.
        brown: share of the leaf area that is dead, 0 … 1, shape S.

    Returns:
        Two arrays S + (10,).
    """
    absorbed = (chlorophyll[..., None] * _CHLOROPHYLL + water[..., None] * _WATER
                + _LEAF_DRY_MATTER * _DRY_MATTER)
    k = _DETOUR * absorbed
    gamma = np.sqrt(k * (k + 2 * _LEAF_SCATTERING))
    below = (k + _LEAF_SCATTERING) * np.sinh(gamma) + gamma * np.cosh(gamma)
    entered, dead = 1 - _CUTICLE, brown[..., None]
    reflected = _CUTICLE + entered * _LEAF_SCATTERING * np.sinh(gamma) / below
    return ((1 - dead) * reflected + dead * _STRAW_REFLECTANCE,
            (1 - dead) * entered * gamma / below + dead * _STRAW_TRANSMITTANCE)


def soil(brightness: Floats, wetness: Floats) -> Floats:
    """Reflectance of bare soil, (…, 10), by brightness (1 = loam) and wetness (0 dry … 1 saturated)."""
    reflectance: Floats = brightness[..., None] * _SOIL * np.exp(-wetness[..., None] * _SOIL_WETTING)
    return reflectance


def canopy(lai: Floats, leaf_reflectance: Floats, leaf_transmittance: Floats, ground: Floats,
           sun_zenith: Floats) -> Floats:
    """Reflectance factor seen from the zenith under direct sun.

    Args:
        lai: one-sided leaf area per ground area, shape S.
        leaf_reflectance, leaf_transmittance: S + (bands,), their sum below 1.
        ground: reflectance of the soil, S + (bands,).
        sun_zenith: degrees below 85, shape S.

    Returns:
        S + (bands,). Without leaves it is `ground`; over deep canopies the soil no longer matters.
    """
    area, mu = lai[..., None], np.cos(np.radians(sun_zenith))[..., None]
    ko, bf = _EXTINCTION_NADIR, _MEAN_SQUARE_COSINE
    rho, tau = leaf_reflectance, leaf_transmittance
    back, forward = (0.5 * (1 + bf) * rho + 0.5 * (1 - bf) * tau, 0.5 * (1 - bf) * rho + 0.5 * (1 + bf) * tau)
    attenuation = 1 - forward
    m = np.sqrt(attenuation**2 - back**2)
    # Where sun and diffuse light are dimmed alike the formulas divide by zero: there the sun is moved a little.
    ks = np.where(np.abs(0.5 / mu - m) < 1e-4, m + 1e-4, 0.5 / mu)
    sun_up = 0.5 * (ks + bf) * rho + 0.5 * (ks - bf) * tau
    sun_down = 0.5 * (ks - bf) * rho + 0.5 * (ks + bf) * tau
    seen_down = 0.5 * (ko + bf) * rho + 0.5 * (ko - bf) * tau  # of the downward flux, scattered to the observer
    seen_up = 0.5 * (ko - bf) * rho + 0.5 * (ko + bf) * tau

    # Diffuse fluxes at depth L (leaf area from the top): homogeneous exp(±mL) plus a term with the sun's exp(-ks L).
    pole = m**2 - ks**2
    down_sun = ((attenuation + ks) * sun_down + back * sun_up) / pole
    up_sun = ((attenuation - ks) * sun_up + back * sun_down) / pole
    ratio = (attenuation - m) / back  # up/down of the decaying wave, and down/up of the growing one
    top, bottom, sun_bottom = 1.0, np.exp(-m * area), np.exp(-ks * area)
    # Unknowns p (decays from the top) and q (decays from the bottom): no diffuse light enters at the top,
    # the soil returns `ground` of what arrives at the bottom.
    a11, a12, b1 = top, ratio * bottom, -down_sun
    a21, a22 = (ratio - ground) * bottom, 1 - ground * ratio
    b2 = sun_bottom * (ground * (1 + down_sun) - up_sun)
    determinant = a11 * a22 - a12 * a21
    p, q = (b1 * a22 - a12 * b2) / determinant, (a11 * b2 - a21 * b1) / determinant

    def fluxes(depth: Floats) -> tuple[Floats, Floats]:
        decaying, growing = p * np.exp(-m * depth), q * np.exp(-m * (area - depth))
        direct = np.exp(-ks * depth)
        return decaying + ratio * growing + down_sun * direct, ratio * decaying + growing + up_sun * direct

    seen: Floats = ground * (fluxes(area)[0] + sun_bottom) * np.exp(-ko * area)
    # Single scattering of spherical leaves from the sun to the zenith (Ross 1981, eq. for Γ with bi-Lambertian
    # leaves): the phase angle is the sun's zenith angle.
    phase = np.pi - np.radians(sun_zenith)[..., None]  # between the directions of travel
    cross = (np.sin(phase) - phase * np.cos(phase)) / (3 * np.pi)
    single = ((rho + tau) * cross + tau * np.cos(phase) / 3) / mu
    nodes, weights = np.polynomial.legendre.leggauss(_QUADRATURE)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        depth = node * area
        down, up = fluxes(depth)
        source = single * np.exp(-ks * depth) + seen_down * down + seen_up * up
        seen = seen + weight * area * source * np.exp(-ko * depth)
    return seen


@dataclass(frozen=True, slots=True)
class CanopyTable:
    """Canopy reflectance at the nodes of its axes, to be interpolated linearly.

    Attributes:
        values: float32 (sun zenith, wetness, leaf area, chlorophyll, brown, water, soil brightness, band).
    """

    values: NDArray[np.float32]

    SUN_ZENITH = np.array([25.0, 35.0, 45.0, 55.0, 65.0, 76.0])
    WETNESS = np.array([0.0, 0.5, 1.0])
    LAI = np.array([0.0, 0.15, 0.4, 0.8, 1.4, 2.2, 3.2, 4.5, 6.5, 9.0])
    CHLOROPHYLL = np.array([8.0, 18.0, 30.0, 45.0, 65.0])
    BROWN = np.array([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
    WATER = np.array([0.006, 0.014, 0.03])
    BRIGHTNESS = np.array([0.45, 1.35])
    """The ends of the axis only: over this span reflectance is nearly linear in the soil's brightness."""

    @classmethod
    def computed(cls) -> CanopyTable:
        """The table, from `canopy` (about half a second)."""
        axes = (cls.SUN_ZENITH, cls.WETNESS, cls.LAI, cls.CHLOROPHYLL, cls.BROWN, cls.WATER, cls.BRIGHTNESS)
        zenith, wetness, lai, chlorophyll, brown, water, brightness = np.meshgrid(*axes, indexing="ij", sparse=True)
        reflectance, transmittance = leaf(chlorophyll, water, brown)
        values = canopy(lai, reflectance, transmittance, soil(brightness, wetness), zenith)
        return cls(values.astype(np.float32))

    def at(self, *, zenith: Floats, wetness: Floats, lai: Floats, chlorophyll: Floats, brown: Floats,
           water: Floats) -> NDArray[np.float32]:
        """Reflectance over the darkest and the brightest soil.

        Args:
            zenith, wetness: one value a date, (T,).
            lai, chlorophyll, brown, water: (T, N). Values outside of an axis take its end.

        Returns:
            float32 (T, N, 2, 10).
        """
        days = np.arange(len(zenith))[:, None]
        dated = _blend(self.values, self.SUN_ZENITH, zenith)
        low, share = _bracket(self.WETNESS, wetness)
        share = share.reshape(-1, *[1] * (dated.ndim - 2))
        dated = dated[days[:, 0], low] * (1 - share) + dated[days[:, 0], low + 1] * share
        corners = [_bracket(axis, value) for axis, value in
                   ((self.LAI, lai), (self.CHLOROPHYLL, chlorophyll), (self.BROWN, brown), (self.WATER, water))]
        found = np.zeros((*lai.shape, *dated.shape[-2:]), np.float32)
        for corner in range(16):
            index, weight = [], np.ones(lai.shape, np.float32)
            for axis, (low, share) in enumerate(corners):
                upper = corner >> axis & 1
                index.append(low + upper)
                weight = weight * (share if upper else 1 - share)
            found += weight[..., None, None] * dated[days, index[0], index[1], index[2], index[3]]
        return found


def _bracket(axis: Floats, value: Floats) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Index of the node below each value, and how far it lies towards the next one, 0 … 1."""
    low = np.clip(np.searchsorted(axis, value, side="right") - 1, 0, len(axis) - 2)
    return low, np.clip((value - axis[low]) / (axis[low + 1] - axis[low]), 0, 1).astype(np.float32)


def _blend(values: NDArray[np.float32], axis: Floats, value: Floats) -> NDArray[np.float32]:
    """Linear interpolation along the first axis of a table, one result per value."""
    low, share = _bracket(axis, value)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    blended: NDArray[np.float32] = values[low] * (1 - share) + values[low + 1] * share
    return blended
