"""A run's classes are those of a class set, by name and by number, or nothing is drawn."""

import pytest

from agrispec.class_sets import CLASS_SETS
from agrispec.errors import ConfigError
from agrispec.taxonomy import CropClass, Taxonomy
from labels import run_classes

AGRISPEC_17, CROPGLOBE_7 = CLASS_SETS["agrispec-17"], CLASS_SETS["cropglobe-7"]


def taxonomy(**codes):
    return Taxonomy(tuple(CropClass(name=name.replace("_", " "), codes=each, colour="#112233")
                          for name, each in codes.items()))


def whole(classes):
    return taxonomy(**{crop.name: (number,) for number, crop in enumerate(classes)})


@pytest.mark.parametrize("classes", CLASS_SETS.values(), ids=lambda each: each.name)
def test_numbers_of_the_runs_own_class_set_stay(classes):
    found = run_classes.translation(whole(classes), classes)
    assert found.numbers.tolist() == [*range(len(classes)), -1]
    assert list(found.lines(whole(classes))) == []


def test_classes_may_be_joined_under_the_name_of_one_or_of_their_group():
    for joined in (taxonomy(wheat=(0, 1), barley=(2, 3)), taxonomy(maize=(7, 8), other=(16, 4))):
        assert run_classes.translation(joined, AGRISPEC_17).target is AGRISPEC_17


def test_numbers_of_another_class_set_are_translated_by_what_the_classes_are():
    found = run_classes.translation(whole(CROPGLOBE_7), AGRISPEC_17)
    names = [crop.name for crop in CROPGLOBE_7]
    said = {crop.name: names[number] for crop, number in zip(AGRISPEC_17, found.numbers.tolist(), strict=False)}
    assert {name: said[name] for name in ("winter wheat", "spring wheat", "maize", "soya", "rye")} == {
        "winter wheat": "wheat", "spring wheat": "wheat", "maize": "corn", "soya": "soybeans", "rye": "other"}
    assert "  wheat <- winter wheat, spring wheat" in list(found.lines(whole(CROPGLOBE_7)))
    back = run_classes.translation(whole(AGRISPEC_17), CROPGLOBE_7)
    assert back.numbers[names.index("wheat")] == run_classes.NONE
    assert "  left out, for each may be several classes: wheat" in "\n".join(back.lines(whole(AGRISPEC_17)))


@pytest.mark.parametrize(("classes", "match"), [
    (taxonomy(winter_wheat=(3,), maize=(7,)), r"'winter wheat' has the codes \[3\], which in .* are 'spring barley'"),
    (taxonomy(winter_wheat=(0,), hops=(7,)), "'hops' has the codes .* nor are .* those of another class set"),
    (taxonomy(winter_wheat=(0,), maize=(7, 40)), "'maize'"),
    (taxonomy(winter_wheat=(0,), corn=(40,)), "are nothing"),
    (taxonomy(barley=(0, 1), maize=(7,)), "'barley'"),
])
def test_classes_of_no_class_set_are_refused(classes, match):
    with pytest.raises(ConfigError, match=match):
        run_classes.translation(classes, AGRISPEC_17)
