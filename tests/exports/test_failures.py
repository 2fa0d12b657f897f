"""The service's words lead to what its documentation says to do about them."""

import random

import pytest

from exports import failures
from exports.failures import Answer


@pytest.mark.parametrize(("words", "answer"), [
    ("User memory limit exceeded.", Answer.SPLIT),
    ("Computation timed out.", Answer.SPLIT),
    ("Request payload size exceeds the limit: 10485760 bytes.", Answer.SPLIT),
    ("Too many tasks already in the queue (3000). Please wait for some of them to complete.", Answer.WAIT),
    ("An internal error has occurred", Answer.RETRY),
    ("Internal error.", Answer.RETRY),
    ("Earth Engine capacity exceeded.", Answer.RETRY),
    ("Too many concurrent aggregations.", Answer.RETRY),
    ("The service is currently unavailable.", Answer.RETRY),
    ("the server was ended 5 times during this operation", Answer.RETRY),
    ("Your usage exceeded the custom quota for 'earthengine.googleapis.com/daily_eecu_usage_time', which is adjustable"
     " by your administrator in the Google Cloud console", Answer.STOP),
    ("Permission denied: bucket my-bucket", Answer.STOP),
    ("Project 'x' is not registered to use Earth Engine.", Answer.STOP),
    ("Image.select: Band pattern 'B99' did not match any bands.", Answer.GIVE_UP),
    ("Element.geometry: Parameter 'feature' is required.", Answer.GIVE_UP),
    ("", Answer.GIVE_UP),
])
def test_words_call_for_an_answer(words, answer):
    assert failures.answer(words) is answer


def test_pauses_are_random_below_a_bound_that_doubles_up_to_a_longest():
    draw = random.Random(1)
    for attempt, bound in ((1, 1.0), (2, 2.0), (5, 16.0), (60, 120.0)):
        pauses = [failures.pause_s(attempt, draw) for _ in range(2000)]
        assert 0 <= min(pauses) < 0.05 * bound
        assert 0.95 * bound < max(pauses) <= bound
