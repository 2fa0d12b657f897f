"""What this map cannot know, in plain words."""

from __future__ import annotations

from exports.report.document import Bullets, Said, Section
from exports.report.reading import Material


def section(material: Material) -> Section:
    """What to keep in mind, of every map of this kind and of this one."""
    config, items = material.config, list[Said]()
    if material.simulated:
        items.append(("Simulated: landscape, crops, clouds and weather of this run come out of a program. The numbers"
                      " show that the chain works, and say nothing about how well it maps real fields.",))
    pixel = config.spec.scale_m
    items += [
        (f"Small parcels: a parcel of half a hectare has {5000 / pixel**2:.0f} pixels of {pixel:g} m, and its edges"
         " most of them. Its pixels see its neighbours, too. Trust its class less.",),
        ("Shock years: a drought, a flood or a late frost in the season that is mapped moves every curve. A model that"
         f" learned from {', '.join(map(str, config.season.source))} has seen no such year unless one of these was, and"
         " calibrated probabilities do not notice.",),
        ("Intercropping: two crops in one field at a time, or one after the other in one season, get one class. It may"
         " be either, or a third that looks like their mixture.",),
        ("Merged and split parcels: a parcel is what the table of parcels says. Where two crops stand in one polygon it"
         " has the class of the larger part; look at the share of its pixels that agree.",),
        ("Cloud gaps: a class that shows itself in two weeks is not seen where these two weeks are cloudy. Look at the"
         " number of clear looks before trusting a pixel.",),
        (f"Other classes: the map knows {len(config.taxonomy)} classes. Whatever else grows is called one of them,"
         " often with confidence.",),
        ("Labels: what teaches and what judges come out of one label map. An error that it makes everywhere is learned,"
         " and is not seen in any score.",)]
    return Section("limits", "Limits", (Bullets(tuple(items)),))
