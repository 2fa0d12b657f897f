"""agrispec's index formulas as Earth Engine expressions."""

from __future__ import annotations

import ee

from agrispec.indices import FORMULAS, LinearForm


def compute(reflectance: ee.Image, names: tuple[str, ...]) -> ee.Image:
    """The features `names` as float bands of those names, from bands of surface reflectance (0 … 1).

    A zero denominator gives 0, as `Image.divide` does.
    """
    bands = [_linear(reflectance, FORMULAS[name].numerator).divide(_linear(reflectance, FORMULAS[name].denominator))
             for name in names]
    return ee.Image.cat(*bands).rename(list(names)).toFloat()


def _linear(reflectance: ee.Image, form: LinearForm) -> ee.Image:
    total = ee.Image.constant(form.constant).toDouble()
    for band, coefficient in form.terms:
        total = total.add(reflectance.select(band).toDouble().multiply(coefficient))
    return total
