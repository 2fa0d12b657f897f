"""Batches: what they hold, in which order, and how often."""

import numpy as np
import pytest

from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.pipeline import Batches
from agrispec_tf.data.preparation import Preparation


def batches(grown, **changed):
    settings = {"samples": grown(30), "class_weights": np.ones(3, np.float32), "inputs": lambda series: series,
                "preparation": Preparation(), "batch": 8, "seed": 4}
    return Batches(**{**settings, **changed})


def test_an_epoch_shows_every_sample_once_and_the_next_one_in_another_order(grown):
    feed = batches(grown)
    first = np.concatenate([feed[index][0] for index in range(len(feed))])
    feed.on_epoch_end()
    second = np.concatenate([feed[index][0] for index in range(len(feed))])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.sort(first.sum(axis=(1, 2))), np.sort(second.sum(axis=(1, 2))))
    assert len(np.unique(first.sum(axis=(1, 2)))) == 30


def test_published_copies_triple_an_epoch_and_stay_the_same(grown):
    feed = batches(grown, varied=Augmentation())
    assert len(feed) == -(-90 // 8)
    total = sum(feed[index][0].sum(dtype=np.float64) for index in range(len(feed)))
    feed.on_epoch_end()
    again = sum(feed[index][0].sum(dtype=np.float64) for index in range(len(feed)))
    assert again == pytest.approx(total, rel=1e-9)


def test_redrawn_epochs_differ(grown):
    feed = batches(grown, varied=Augmentation(redrawn=True))
    assert len(feed) == 4
    total = sum(feed[index][0].sum(dtype=np.float64) for index in range(4))
    feed.on_epoch_end()
    assert sum(feed[index][0].sum(dtype=np.float64) for index in range(4)) != pytest.approx(total, rel=1e-6)


def test_batches_are_filled_up_for_devices_to_share_with_samples_that_weigh_nothing(grown):
    plain, filled = batches(grown), batches(grown, multiple=4)
    for index in range(4):
        (inputs, labels, weights), (more, named, weighed) = plain[index], filled[index]
        count = len(inputs)
        assert len(more) == len(named) == -(-count // 4) * 4
        for ours, theirs in ((more, inputs), (named, labels), (weighed, weights)):
            np.testing.assert_array_equal(ours[:count], theirs)
        assert not weighed[count:].any()


@pytest.mark.parametrize("varied", [None, Augmentation(), Augmentation(redrawn=True)])
def test_batches_can_begin_with_any_epoch(grown, varied):
    through, begun = batches(grown, varied=varied), batches(grown, varied=varied, first_epoch=2)
    through.on_epoch_end()
    through.on_epoch_end()
    for index in range(len(through)):
        for ours, theirs in zip(through[index], begun[index], strict=True):
            np.testing.assert_array_equal(ours, theirs)
