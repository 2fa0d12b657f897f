"""Batches: what they hold, in which order, and how often."""

import numpy as np
import pytest

from agrispec_tf.data.augmentation import Augmentation
from agrispec_tf.data.pipeline import SOURCE, TARGET, Batches
from agrispec_tf.data.preparation import Preparation


def batches(grown, **changed):
    settings = {"samples": grown(30), "class_weights": np.ones(3, np.float32), "inputs": lambda series: series,
                "preparation": Preparation(), "batch": 8, "seed": 4}
    return Batches(**{**settings, **changed})


def test_half_of_each_batch_is_unlabelled_target(grown):
    target = grown(11, seed=9)
    shown = Preparation().apply(target.series)
    feed = batches(grown, target=target.series)
    for inputs, labels, weights in (feed[index] for index in range(len(feed))):
        half = len(inputs) // 2
        np.testing.assert_array_equal(labels["domain"], np.repeat([SOURCE, TARGET], half))
        np.testing.assert_array_equal(weights["crop"], np.repeat([1, 0], half))
        assert (weights["domain"] == 1).all()
        for series in inputs[half:]:
            assert (shown == series).all(axis=(1, 2)).any()


def test_a_target_changes_neither_order_nor_number_of_the_labelled_samples(grown):
    alone, beside = batches(grown), batches(grown, target=grown(11, seed=9).series)
    assert len(alone) == len(beside) == 4
    for index in range(4):
        inputs, labels, _ = alone[index]
        both, both_labels, _ = beside[index]
        np.testing.assert_array_equal(both[:len(inputs)], inputs)
        np.testing.assert_array_equal(both_labels["crop"][:len(inputs)], labels)


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
    target = grown(11, seed=9).series
    plain, filled = batches(grown, target=target), batches(grown, target=target, multiple=4)
    for index in range(4):
        (inputs, _, weights), (more, named, weighed) = plain[index], filled[index]
        count = len(inputs) // 2
        whole = -(-count // 4) * 4
        assert len(more) == 2 * whole
        for first, start in ((0, 0), (count, whole)):
            np.testing.assert_array_equal(more[start:start + count], inputs[first:first + count])
            np.testing.assert_array_equal(weighed["domain"][start:start + whole], np.arange(whole) < count)
        np.testing.assert_array_equal(named["domain"], np.repeat([SOURCE, TARGET], whole))
        np.testing.assert_array_equal(weighed["crop"][:count], weights["crop"][:count])
        assert not weighed["crop"][count:].any()


@pytest.mark.parametrize("varied", [None, Augmentation(), Augmentation(redrawn=True)])
def test_batches_can_begin_with_any_epoch(grown, varied):
    through, begun = batches(grown, varied=varied), batches(grown, varied=varied, first_epoch=2)
    through.on_epoch_end()
    through.on_epoch_end()
    for index in range(len(through)):
        for ours, theirs in zip(through[index], begun[index], strict=True):
            np.testing.assert_array_equal(ours, theirs)
