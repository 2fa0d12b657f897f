"""A masked pixel is never read: it is masked in what is made of it, or counts as if it were not there."""

import numpy as np
import pytest
import shapely

from agrispec.errors import EngineError

HOLE = np.zeros((24, 24), bool)
HOLE[8:10, 8:10] = True
INNER = HOLE[8:16, 8:16]
FAR = np.maximum(*np.indices(INNER.shape)) > 5
LEFT = np.arange(24) + np.zeros((24, 1)) < 12

FILLED = {
    # (function, argument): why what is masked there does not mask the result.
    ("Image.where", "test"): "the input stays where the test is masked",
    ("Image.where", "value"): "the input stays where the value is masked",
    ("Image.unmask", "input"): "it is filled",
    ("Image.unmask", "value"): "it is needed under masked pixels alone",
    ("Image.blend", "bottom"): "the top image lies over it",
    ("Image.blend", "top"): "the bottom image shows through",
    ("Image.mask", "image"): "it gets the other mask instead of its own",
    ("Image.metadata", "image"): "a property has no mask",
    ("Image.arraySlice", "start"): "masked, it is the first place",
    ("Image.arraySlice", "end"): "masked, it is the place after the last",
}
NEAR = {
    # Function: whether a masked pixel stays so. The pixels around it are made from it too, and may change.
    **dict.fromkeys(("Image.convolve", "Image.entropy", "Image.reduceNeighborhood", "Image.derivative",
                     "Image.gradient", "Image.neighborhoodToArray", "Image.connectedComponents",
                     "Image.connectedPixelCount", "Image.distance"), True),
    # These fill it from around it, or move it elsewhere.
    **{f"Image.focal{name}": False for name in ("Max", "Mean", "Median", "Min", "Mode", "_max", "_mean", "_median",
                                                "_min", "_mode")},
    **dict.fromkeys(("Image.fastDistanceTransform", "Image.neighborhoodToBands", "Image.translate",
                     "Image.changeProj"), False),
}
WHOLE = {("Image.reduce", "image"): "what is reduced is there where one band is",
         ("Image.reduceResolution", "image"): "its masks are the shares that are covered",
         ("Image.updateMask", "mask"): "it is its values that mask",
         ("Image.mask", "mask"): "it is its values that mask"}
"""What masks in part there does not mask the result in part, and why."""


def masked(every, name, target, hole=HOLE, under=None, only=None, share=0.0, **instead):
    def build(image, at):
        return image.on(every.AROUND, hole=hole if at == target else None, under=under, only=only, share=share)

    return every.called(name, build, **instead)


def test_what_stands_under_a_mask_is_never_read(every, taker):
    # An array has no place for a masked pixel, which has to be filled.
    instead = {"defaultValue": 0.0} if taker == "Image.sampleRectangle" else {}
    for target in every.drawn(taker):
        found, other = (every.pixels(masked(every, taker, target, under=under, **instead)) for under in (None, 200.0))
        assert every.alike(found, other), target


def test_a_masked_pixel_is_masked_in_the_result_and_no_other_changes(every, pixelwise):
    whole = every.pixels(every.called(pixelwise))
    for target in every.drawn(pixelwise):
        found = every.pixels(masked(every, pixelwise, target))
        assert list(found) == list(whole)
        if pixelwise in NEAR:
            assert every.alike(found, whole, FAR)
            assert not NEAR[pixelwise] or all(cell is None for cells in found.values() for cell in cells[INNER])
            continue
        assert every.alike(found, whole, ~INNER), target
        if (pixelwise, target[0]) in FILLED:
            assert all((one is None) == (other is None) for band in whole
                       for one, other in zip(found[band].flat, whole[band].flat, strict=True))
            continue
        # Bands that are made of the masked one are masked, others are as they were.
        gone = {band for band, cells in found.items() if all(cell is None for cell in cells[INNER])}
        assert gone, target
        assert all(every.same(found[band][at], whole[band][at]) for band in whole.keys() - gone
                   for at in np.ndindex(INNER.shape)), target


def test_of_a_stack_a_masked_pixel_counts_as_if_its_image_were_not_there(every, stacker):
    whole = every.pixels(every.called(stacker))
    for name, place in every.drawn(stacker):
        found = every.pixels(masked(every, stacker, (name, place)))
        rest = every.arguments(stacker)[name]
        without = every.pixels(every.called(stacker, **{name: rest[:place] + rest[place + 1:]}))
        assert every.alike(found, whole, ~INNER)
        assert every.alike(found, without, INNER)


def test_a_mask_between_0_and_1_stays(every, pixelwise):
    whole = every.masks(every.called(pixelwise))
    for target in every.drawn(pixelwise):
        if pixelwise in NEAR or (pixelwise, target[0]) in FILLED.keys() | WHOLE.keys():
            continue
        found = every.masks(masked(every, pixelwise, target, share=0.5))
        assert any((mask[INNER] == 0.5).any() for mask in found), target
        for mask, plain in zip(found, whole, strict=True):
            np.testing.assert_array_equal(mask[~INNER], plain[~INNER])
            assert (mask == plain).all() or (mask[INNER] == np.minimum(plain[INNER], 0.5)).all()


def test_bands_of_which_one_is_masked_are_masked_together_or_one_by_one(every, pixelwise):
    if pixelwise in NEAR or pixelwise == "Image.reduce":
        return  # Of the bands that are reduced the others are left: see stacks.
    whole = every.pixels(every.called(pixelwise))
    for name, place in every.drawn(pixelwise):
        found = every.pixels(masked(every, pixelwise, (name, place), only="a"))
        assert list(found) == list(whole)
        assert every.alike(found, whole, ~INNER)
        for band, cells in found.items():
            assert all(cell is None for cell in cells[INNER]) or (pixelwise, name) in FILLED or all(
                every.same(cells[at], whole[band][at]) for at in np.ndindex(INNER.shape))


def area(every, west, name):
    shape = every.Geometry(shapely.box(west, 5399920, 720080, 5400000), every.HERE.crs)
    return {name: every.Collection((every.Feature(geometry=shape),)) if name == "collection" else shape}


def test_of_a_region_masked_pixels_count_as_if_they_were_outside(every, region):
    if region in ("ImageCollection.getRegion", "Image.sampleRectangle"):
        return  # They list masked pixels too: see below.
    (name,) = {"geometry", "region", "collection"} & every.arguments(region).keys()
    for target in every.drawn(region):
        found = masked(every, region, target, LEFT, **area(every, 720000, name))
        assert every.text(found) == every.text(every.called(region, **area(every, 720040, name)))


def test_lists_of_pixels_hold_nulls_where_they_are_masked(every):
    name, whole = "ImageCollection.getRegion", area(every, 720000, "geometry")
    for target in every.drawn(name):
        expected = [[cell if row[0] != str(target[1]) or number < 4 or place % 8 >= 4 else None
                     for number, cell in enumerate(row)]
                    for place, row in zip([0, *np.arange(192) // 3], every.called(name, **whole), strict=True)]
        assert masked(every, name, target, LEFT, **whole)[1:] == expected[1:]


def test_rectangles_of_pixels_hold_the_default_where_they_are_masked_or_are_refused(every):
    name, image = "Image.sampleRectangle", ("image", 0)
    whole = area(every, 720000, "region")
    found = masked(every, name, image, LEFT, **whole, defaultValue=-1.0).properties["a"]
    expected = every.called(name, **whole).properties["a"]
    np.testing.assert_array_equal(found, np.where(LEFT[8:16, 8:16], -1, expected))
    with pytest.raises(EngineError, match="Fully masked pixels"):
        masked(every, name, image, LEFT, **whole)


def test_names_types_and_dates_do_not_depend_on_masks(every, namer):
    assert every.text(masked(every, namer, ("image", 0))) == every.text(every.called(namer))


def test_a_reducer_takes_a_masked_pixel_for_one_that_is_not_there(every, reducer):
    made, kind = every.called(reducer), every.fed(reducer)
    west, east = (area(every, x, "region")["region"] for x in (720000, 720040))
    found = every.over_region(made, kind.on(every.AROUND, hole=LEFT, under=7), west)
    if reducer == "Reducer.countEvery":
        assert found == every.text({"a": 64})  # "masked inputs too" is what it is for.
        return
    assert found == every.over_region(made, kind.on(every.AROUND), east)
    images = [every.replace(kind, seed=seed).on(every.AROUND, hole=HOLE if seed == 1 else None) for seed in range(4)]
    if reducer in every.NOT_PER_PIXEL:
        with pytest.raises(EngineError, match="not implemented per pixel"):
            every.over_stack(made, images)
        return
    found = every.over_stack(made, images)
    whole = [every.replace(kind, seed=seed).on(every.AROUND) for seed in range(4)]
    assert every.alike(found, every.over_stack(made, whole), ~INNER)
    assert every.alike(found, every.over_stack(made, [whole[0], *whole[2:]]), INNER)


@pytest.mark.parametrize(("name", "place"), [("first", 0), ("last", 1)])
def test_the_first_of_arrays_is_the_first_that_is_not_masked(every, name, place):
    draws = [every.replace(every.VECTOR, seed=seed) for seed in range(2)]
    images = [draw.on(every.AROUND, hole=HOLE if number == place else None) for number, draw in enumerate(draws)]
    found = every.over_stack(every.made(f"Reducer.{name}"), images)[0, f"a_{name}"]
    one, other = (np.stack(draws[number].planes(every.AROUND), -1)[8:16, 8:16] for number in (place, 1 - place))
    np.testing.assert_array_equal(np.stack(found.ravel()).reshape(8, 8, 4), np.where(INNER[..., None], other, one))
