"""Spectral bands and the band sets that cubes are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """One spectral band as Earth Engine serves it.

    Attributes:
        id: band name in the collection.
        wavelength_nm: central wavelength, nanometres.
        native_scale_m: ground sampling distance, metres.
    """

    id: str
    wavelength_nm: float
    native_scale_m: int


# Central wavelengths of Sentinel-2A MSI.
# https://sentiwiki.copernicus.eu/web/s2-mission
SENTINEL2: tuple[Band, ...] = (
    Band(id="B2", wavelength_nm=492.4, native_scale_m=10),
    Band(id="B3", wavelength_nm=559.8, native_scale_m=10),
    Band(id="B4", wavelength_nm=664.6, native_scale_m=10),
    Band(id="B5", wavelength_nm=704.1, native_scale_m=20),
    Band(id="B6", wavelength_nm=740.5, native_scale_m=20),
    Band(id="B7", wavelength_nm=782.8, native_scale_m=20),
    Band(id="B8", wavelength_nm=832.8, native_scale_m=10),
    Band(id="B8A", wavelength_nm=864.7, native_scale_m=20),
    Band(id="B11", wavelength_nm=1613.7, native_scale_m=20),
    Band(id="B12", wavelength_nm=2202.4, native_scale_m=20),
)
"""The ten land bands, in order of wavelength: a convolution over bands spans spectral neighbours."""

SENTINEL2_IDS: tuple[str, ...] = tuple(band.id for band in SENTINEL2)
