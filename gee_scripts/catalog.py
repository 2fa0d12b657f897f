"""The Earth Engine collections that graphs read, with the facts about them that graphs rely on."""

from __future__ import annotations

# https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED
# Level-2A surface reflectance since 2017-03-28 (not everywhere before 2019); processing baselines from 04.00 on
# are shifted into the older range there, so no offset is subtracted here.
REFLECTANCE_SCALE = 1e4
"""DN of a surface reflectance of 1."""

SCENE_CLASSIFICATION = "SCL"
CLEAR_CLASSES = (4, 5, 6, 7)
"""Scene classes kept as clear: vegetation, bare soil, water, unclassified."""

CLOUD_COVER = "CLOUDY_PIXEL_PERCENTAGE"
"""Scene property, per cent."""

# https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_CLOUD_SCORE_PLUS_V1_S2_HARMONIZED
# Made from Level-1C scenes; an image has the system:index of the Level-1C and Level-2A scene it belongs to.
CLOUD_SCORE = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"

SIMULATED = "agrispec:simulated"
"""Property of every scene that was simulated; "true"."""

DERIVED = "agrispec:derived_from"
"""Property of a Cloud Score+ image that was derived locally; says from what."""

# https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_SATELLITE_EMBEDDING_V1_ANNUAL
# AlphaEarth Foundations: one image a year and tile since 2017, 10 m, CC BY 4.0. The 64 numbers of a pixel have no
# unit; together they are a vector of length 1. A calendar year is embedded, whenever the season begins.
EMBEDDING = "GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL"
EMBEDDING_BANDS = tuple(f"A{number:02d}" for number in range(64))
EMBEDDING_SINCE = 2017
"""The first embedded year."""

# https://developers.google.com/earth-engine/datasets/catalog/ECMWF_ERA5_LAND_DAILY_AGGR
# One image a day (UTC) of the globe's land since 1950, in pixels of 0.1 degree (11,132 m); temperature_2m is the mean
# of a day's hours in kelvin. ECMWF gives a day about five days late, and masks all oceans:
# https://confluence.ecmwf.int/pages/viewpage.action?pageId=140385202
TEMPERATURES = "ECMWF/ERA5_LAND/DAILY_AGGR"
TEMPERATURE = "temperature_2m"
FREEZING_K = 273.15
"""0 °C in kelvin."""
