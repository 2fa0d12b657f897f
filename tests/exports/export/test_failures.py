"""The service's words lead to what its documentation says to do about them."""

import pytest

from exports.export import failures
from exports.export.failures import Answer


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
    ("Permission 'earthengine.exports.create' denied on resource 'projects/p' (or it may not exist).", Answer.STOP),
    ("Account x does not have storage.objects.create access to the bucket.", Answer.STOP),
    ("Quota exceeded for quota metric 'Compute' and limit 'per day'.", Answer.STOP),
    ("RESOURCE_EXHAUSTED", Answer.RETRY),
    ("Image.load: Image asset 'projects/p/assets/x' not found (does not exist or caller does not have access).",
     Answer.GIVE_UP),
    ("Image.load: Image asset 'projects/p/assets/permission denied internal error' is wrong.", Answer.GIVE_UP),
    ("Kernel is too large.", Answer.GIVE_UP),
    ("", Answer.GIVE_UP),
])
def test_words_call_for_an_answer(words, answer):
    assert failures.answer(words) is answer
