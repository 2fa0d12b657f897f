"""What is known of a source and a target before a model is carried from one into the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agrispec.errors import DataError
from agrispec_tf.data.preparation import clear_looks, seen
from agrispec_tf.data.samples import Samples, Series, absent
from agrispec_tf.data.thermal_axis import continued

_FEWEST = 5
"""Series, in folds of which the sides are told apart."""

_QUARTER, _MONTH = 0.25, 30
"""A season is seen from the step by which such a share of its series had a clear look. Up to so many days outside, or
less in common, make no rung."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Domains:
    """A labelled source, and a target of which nothing but series is known: no label of it fits in here.

    Attributes:
        training: samples of the source that teach, of its latest season.
        validation: samples of other cells of the source, which choose epochs and, with the target's series, rungs.
        target: series of the season or region to be mapped.
        class_names: C names by class number.
        earlier: samples of the source's other seasons, in the training cells; None where there are none.

    Raises:
        DataError: the target has fewer than five series, none that was clearly seen or a clear look that is no number,
            a fold is empty, or a class has no sample.
        SchemaMismatch: the target is of another cube.
    """

    training: Samples
    validation: Samples
    target: Series
    class_names: tuple[str, ...]
    earlier: Samples | None = None

    def __post_init__(self) -> None:
        if len(self.target) < _FEWEST:
            raise DataError(f"the target has {len(self.target)} unlabelled series to adapt to, of at least {_FEWEST}",
                            mend="export the target season ([samples] per_cell), or stay with a model of the source")
        self.training.series.cube.check_read(self.target.cube)
        self.target.check_finite()
        if not seen(self.target).any():
            raise DataError("no series of the target was clearly seen within the model's window",
                            mend="choose [cube] window_days in which it was, or lower [clear] threshold")
        if not len(self.validation):
            raise DataError("no sample of the source is held out, so nothing can be chosen by it",
                            mend="raise [split] validation, or add cells")
        lost = absent(self.training, self.class_names)
        if lost:
            raise DataError(f"no training sample of the source's latest season is of class {', '.join(lost)}",
                            mend="add cells where it grows, or take the class out of [[classes]]")

    @property
    def teaching(self) -> Samples:
        """The samples of all seasons that teach."""
        return self.training if self.earlier is None else self.training.joined(self.earlier)

    @property
    def common(self) -> tuple[int, int] | None:
        """The steps of the model's window, [first, stop), between which the source and the target were both seen.

        A season is seen from the step by which a quarter of its series had a clear look to the last one from which on a
        quarter had another; clouds in between count for nothing. Seasons of the source before the latest count as one.

        None where that is the whole window but for a month at most, or less than a month: then there is nothing to
        leave out, or too little would be left.
        """
        seasons = [_between(one) for one in (self.training.series, self.earlier and self.earlier.series, self.target)
                   if one is not None]
        first, stop = max(begin for begin, _ in seasons), min(end for _, end in seasons)
        cube = self.target.cube
        outside = (cube.window.steps - (stop - first)) * cube.step_days
        return (first, stop) if outside > _MONTH and (stop - first) * cube.step_days >= _MONTH else None

    def doubts(self) -> Iterator[str]:
        """What should be known before models are compared, a sentence each."""
        unseen = int((~seen(self.target)).sum())
        if unseen:
            yield (f"{unseen} of {len(self.target)} series of the target were not clearly seen within the model's"
                   " window; they are adapted to as series of zeros")
        if self.target.heat is not None and (stopped := continued(self.target)):
            yield (f"the temperatures of {stopped} of {len(self.target)} series of the target stop early; on thermal"
                   " time they go on as the training season did")
        last, ends = (_last_seen(series) for series in (self.training.series, self.target))
        if ends < last:
            yield (f"the target was last seen at step {ends} of the year, the source at step {last}: the model will see"
                   f" its last look held from there on; a model of a window that ends there may do better ([cube]"
                   " window_days)")
        if self.earlier is None:
            yield "one labelled season teaches: there is no rung of several seasons"


def _between(series: Series) -> tuple[int, int]:
    """The steps of the model's window, [first, stop): by the first one a quarter of the series had a clear look, and
    from the last one on a quarter had another; none where fewer ever had."""
    looks = clear_looks(series)
    by, from_on = (np.maximum.accumulate(one, axis=1).mean(axis=0) >= _QUARTER for one in (looks, looks[:, ::-1]))
    steps = looks.shape[1]
    return (int(by.argmax()), steps - int(from_on.argmax())) if by.any() else (steps, 0)


def _last_seen(series: Series) -> int:
    """The last step of the model's window at which a twentieth of the series or more was clearly seen."""
    share = clear_looks(series).mean(axis=0)
    return series.cube.window.start + int(np.flatnonzero(share >= min(0.05, share.max()))[-1])
