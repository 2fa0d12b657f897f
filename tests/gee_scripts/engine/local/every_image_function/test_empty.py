"""Without bands, elements, numbers or area there is an answer, or a refusal in words; never a crash or NaN."""

import numpy as np
import shapely

from agrispec.errors import AgrispecError

ANSWERS = {
    # Outcome and why, then the arguments that it is the outcome of. Others follow the rules of `expected`.
    ("refused", "it needs a band, some bands, or bands by name"): (
        "Image.arrayFlatten.image", "Image.classify.image", "Image.hsvToRgb.image", "Image.rgbToHsv.image",
        "Image.interpolate.image", "Image.matrixCholeskyDecomposition.image", "Image.matrixLUDecomposition.image",
        "Image.matrixQRDecomposition.image", "Image.matrixSingularValueDecomposition.image",
        "Image.normalizedDifference.input", "Image.remap.image", "Image.rename.input", "Image.select.input",
        "Image.toArray.image", "Image.visualize.image", "Image.projection.image", "ImageCollection.toArray.collection"),
    ("refused", "a rectangle of no pixels is no array"): ("Image.sampleRectangle.region",),
    ("empty", "the bands are those of the first image, whatever is done to them"): (
        "Image.arrayGet.image", "Image.arrayMask.input", "Image.arrayRepeat.input", "Image.arrayReshape.image",
        "Image.arraySlice.input", "Image.arraySort.image", "Image.mask.image", "Image.updateMask.image"),
    ("empty", "as many arrays as bands"): ("Image.sampleRectangle.image",),
    ("empty", "nothing is chosen, put together or reduced"): (
        "Image.select.bandSelectors", "Image.cat.images", "Dictionary.toImage.dictionary", "List.reduce.list"),
    ("masked", "there is nowhere to be"): (
        "Image.clip.geometry", "Image.clipToCollection.collection", "Collection.distance.features",
        "Collection.draw.collection", "Collection.reduceToImage.collection", "Collection.style.collection"),
    ("masked", "bands that the image does not have are masked"): ("Image.cast.image", "Image.linkCollection.input"),
    ("pixels", "there is nothing to do, or to add"): (
        "Image.addBands.dstImg", "Image.addBands.srcImg", "Image.cast.bandTypes", "Image.paint.featureCollection",
        "Image.linkCollection.imageCollection"),
    ("pixels", "a polynomial without coefficients is 0"): ("Image.polynomial.coefficients",),
    ("pixels", "the property is there without bands"): ("Image.metadata.image",),
    ("pixels", "it tells where to export, and exports refuse it"): ("Image.clipToBoundsAndScale.geometry",),
    ("elements", "those of the other collection"): ("ImageCollection.merge.collection1",
                                                    "ImageCollection.merge.collection2"),
    ("value", "the date is there without bands"): ("Image.date.image",),
    ("value", "a table with a header alone"): ("ImageCollection.getRegion.collection",
                                               "ImageCollection.getRegion.geometry"),
    ("value", "a reducer without outputs, or of no properties"): (
        "Reducer.forEachBand.image", "Reducer.forEach.outputNames", "Reducer.percentile.percentiles",
        "Reducer.toCollection.propertyNames"),
    ("nulls", "a mean of nothing"): ("Image.reduceRegion.geometry", "Collection.reduceColumns.collection"),
}
NOTHING = {
    # What a reducer makes of no numbers, where it is not null.
    **dict.fromkeys(("count", "countDistinct", "countDistinctNonNull", "sum"), 0), "toList": [], "group": [],
    "frequencyHistogram": {}, "toCollection": [],
}


def empty(every, argument):
    """What is empty of an argument's type; None of types that have nothing empty."""
    if argument.type == "Geometry" or argument.name == "geometry":
        return every.Geometry(shapely.Polygon())
    if argument.type in ("ImageCollection", "FeatureCollection") or argument.name == "collection":
        return every.Collection((), argument.type.removesuffix("Collection").replace("Object", "Feature"))
    if argument.type.startswith("Image"):
        return every.Image(bands=(), properties={"number": 3, "system:time_start": 0})
    return [] if argument.type.startswith("List") else {} if argument.type.startswith("Dictionary") else None


def outcome(every, name, **instead):
    """In a word what comes of arguments that are empty."""
    try:
        value = every.called(name, **instead)
        seen = every.pixels(value)
    except AgrispecError as refusal:
        meant = refusal.__cause__ is None or isinstance(refusal.__cause__, AgrispecError)
        return "refused" if meant and refusal.mend else f"crash: {refusal}"
    assert "nan" not in str(seen)
    if isinstance(value, every.Image):
        if not value.bands:
            return "empty"
        return "pixels" if any(cell is not None for cells in seen.values() for cell in cells.flat) else "masked"
    if isinstance(value, every.Collection):
        return "elements" if value.items else "empty"
    if isinstance(value, every.Feature):
        value = {key: item for key, item in value.properties.items() if isinstance(item, np.ndarray)}
    if isinstance(value, dict) and value and all(item is None for item in value.values()):
        return "nulls"
    return "empty" if value is None or (isinstance(value, list | dict) and not value) else "value"


def expected(every, name, argument):
    """The outcome of an empty argument."""
    listed = {title: word for (word, _), titles in ANSWERS.items() for title in titles}
    if f"{name}.{argument.name}" in listed:
        return listed[f"{name}.{argument.name}"]
    if argument.type.startswith("Image<"):
        # Bands are matched in pairs, and regions are of bands.
        return "refused" if len(every.drawn(name)) > 1 or every.kind_of(name) == "region" else "empty"
    if argument.type in ("List<Image<unknown bands>>", "Geometry") or argument.type.endswith("Collection"):
        return "empty"
    return "refused"


def test_of_what_is_empty_there_is_an_answer_or_a_refusal_in_words(every, anything):
    for argument in every.signatures()[anything]:
        given = empty(every, argument)
        if argument.name in every.arguments(anything) and given is not None:
            found = outcome(every, anything, **{argument.name: given})
            assert found == expected(every, anything, argument), argument.name


def test_what_is_listed_is_there(every):
    listed = [title.rsplit(".", 1) for titles in ANSWERS.values() for title in titles]
    assert len({tuple(title) for title in listed}) == len(listed)
    for name, argument in listed:
        assert argument in every.arguments(name)


def test_two_images_without_bands_make_one(every, pixelwise):
    both = {name: empty(every, argument) for argument in every.signatures()[pixelwise]
            if (name := argument.name) in ("image1", "image2")}
    if both:
        assert outcome(every, pixelwise, **both) == "empty"


def test_a_reducer_makes_null_or_its_zero_of_nothing(every, reducer):
    made, kind = every.called(reducer), every.fed(reducer)
    everywhere = np.ones(every.AROUND.shape, bool)
    word = reducer.removeprefix("Reducer.")
    for image, area in ((kind.on(every.AROUND, hole=everywhere), every.AREA),
                        (kind.on(every.AROUND), every.Geometry(shapely.Polygon()))):
        found = every.invoke("Image.reduceRegion", {"image": image, "reducer": made, "geometry": area,
                                                    "crs": every.HERE.crs,
                                                    "crsTransform": list(every.HERE.transform)}, None)
        if word == "countEvery":
            # Masked ones too; the centres of 7 by 7 pixels are inside.
            assert found == {"a": 49 if area is every.AREA else 0}
            continue
        for value in found.values():
            assert (list(value.items) if isinstance(value, every.Collection) else value) in (
                [[None, None]] if word == "repeat" else [NOTHING.get(word)])


def test_of_a_stack_of_nothing_a_reducer_makes_no_bands_or_masked_ones(every, reducer):
    made, kind = every.called(reducer), every.fed(reducer)
    if reducer in every.NOT_PER_PIXEL:
        return
    assert every.over_stack(made, []) == {}
    found = every.over_stack(made, [kind.on(every.AROUND, hole=np.ones(every.AROUND.shape, bool))] * 2)
    word = reducer.removeprefix("Reducer.")
    zero = {"countEvery": 2}.get(word, NOTHING.get(word) if word != "toList" else None)
    assert found
    assert all(cell is None if zero is None else cell == zero for cells in found.values() for cell in cells.flat)


def test_pixels_that_a_reducer_is_not_made_for_are_answered_or_refused_in_words(every, reducer):
    made, kind = every.called(reducer), every.fed(reducer)
    others = [every.replace(every.FLOATS, bands="abcde"), every.FLOATS if kind.array else every.VECTOR]
    for image in [every.Image(bands=()), *(other.on(every.AROUND) for other in others)]:
        for use in (lambda image=image: every.over_region(made, image, every.AREA),
                    lambda image=image: every.over_stack(made, [image, image])):
            try:
                use()
            except AgrispecError as refusal:
                if refusal.__cause__ is not None and not isinstance(refusal.__cause__, AgrispecError):
                    raise
