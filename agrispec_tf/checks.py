"""What is checked before a network is trained: folds that leak, classes without samples, cubes that do not fit."""

from __future__ import annotations

import numpy as np

from agrispec.errors import ConfigError, DataError
from agrispec.season import Window, steps_per_year
from agrispec_tf.data.samples import Samples, absent
from agrispec_tf.data.vectors import VectorSpec
from agrispec_tf.models.options import NetworkOptions
from agrispec_tf.recipes import Recipe


def check(options: NetworkOptions, training: Samples, validation: Samples, class_names: tuple[str, ...],
          how: Recipe) -> None:
    """Checks that a training can be what it is said to be; `agrispec_tf.train.fit` says what is raised."""
    cube = training.series.cube
    shape = (cube.window.steps, len(cube.features))
    if options.series_shape != shape or options.classes != len(class_names):
        raise ConfigError(f"a network for {options.series_shape} steps and features and {options.classes} classes"
                          f" does not read cubes of {shape} with {len(class_names)} classes",
                          mend="build its options with for_cube(cube, classes)")
    if validation.series.cube.view() != cube.view():
        raise ConfigError("the validation series are of another cube than the training samples",
                          mend="export all of them with one cube.toml")
    if how.augmentation and isinstance(cube, VectorSpec):
        raise ConfigError(f"vectors of kind {cube.kind} have no time that augmentation could vary",
                          mend="train without augmentation")
    if how.augmentation and cube.exported != Window(0, steps_per_year(cube.step_days)):
        raise DataError("the series do not carry the whole season year, out of which augmentation draws",
                        mend="export the whole year, or train without augmentation")
    _check_folds(training, validation, class_names)
    for name, fold in (("training", training), ("validation", validation)):
        try:
            fold.series.check_finite()
        except DataError as error:
            raise DataError(f"{name}: {error.message}", mend=error.mend) from None


def _check_folds(training: Samples, validation: Samples, class_names: tuple[str, ...]) -> None:
    for name, fold in (("training", training), ("validation", validation)):
        if not len(fold):
            raise DataError(f"the {name} fold has no samples", mend="add cells, or choose another split")
        if fold.labels.min() < 0 or fold.labels.max() >= len(class_names):
            raise DataError(f"the {name} fold has labels {fold.labels.min()} ... {fold.labels.max()},"
                            f" the classes are 0 ... {len(class_names) - 1}",
                            mend="give labelled samples of these classes only")
    missing = absent(training, class_names)
    if len(missing) == len(class_names) - 1:
        raise DataError(f"all {len(training)} training samples are of class {class_names[training.labels[0]]}: there is"
                        f" nothing to tell apart, and no training sample is of class {', '.join(missing)}",
                        mend="add cells where other classes grow, or mend the labels' codes in [[classes]]")
    if missing:
        raise DataError(f"no training sample is of class {', '.join(missing)}",
                        mend="add cells where it grows, sample more, or take the class out of the taxonomy")
    for what, ours, theirs in (("cell", training.cells, validation.cells), ("sample", training.ids, validation.ids)):
        shared = np.intersect1d(ours, theirs)
        if len(shared):
            raise DataError(f"{what} {shared[0]} and {len(shared) - 1} more are in both training and validation",
                            mend="split by cells, so that validation sees places that training never saw")
