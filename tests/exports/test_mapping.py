"""A map's pixels are of the size that hectares count them by, or the map is refused."""

import math

import pytest
from pyproj import Transformer

from agrispec import config
from agrispec.errors import ConfigError
from exports import mapping

from ..configuration import configuration


def configured(crs, lon=4.5, lat=48.7):
    """A configuration of a map of about 1 km at a place in degrees."""
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
    bounds = [round(x), round(y), round(x) + 1000, round(y) + 1000]
    return config.parse(configuration(map={"bounds": bounds, "crs": crs}))


@pytest.mark.parametrize(("crs", "lon", "lat"), [
    ("EPSG:32631", 4.5, 48.7), ("EPSG:32631", 0.1, 0.2), ("EPSG:32733", 17.9, -30.0), ("EPSG:3035", 4.5, 48.7),
    ("EPSG:2154", 4.5, 48.7), ("EPSG:27700", -3.0, 54.0)])
def test_utm_zones_and_national_grids_are_taken(crs, lon, lat):
    assert mapping.grid_of(configured(crs, lon, lat)).crs == crs


@pytest.mark.parametrize("lat", [48.7, -35.0])
def test_a_crs_that_stretches_areas_is_refused_with_by_how_much(lat):
    with pytest.raises(ConfigError, match="UTM zone") as refused:
        mapping.grid_of(configured("EPSG:3857", lat=lat))
    # Mercator on a sphere stretches both ways by 1 / cos of the latitude; the map's corners are up to 1 km away.
    stretched = float(str(refused.value).split(" times")[0].split()[-1])
    assert stretched == pytest.approx(1 / math.cos(math.radians(lat)) ** 2, rel=0.01)


def test_bounds_beyond_what_the_crs_can_show_are_refused():
    with pytest.raises(ConfigError):
        mapping.grid_of(configured("EPSG:32631", lon=40.0))
