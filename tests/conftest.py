"""What every test shares: deterministic Hypothesis, and the real data where it is."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Two cores run the whole suite: the same examples each time, none timed.
settings.register_profile("agrispec", deadline=None, derandomize=True, max_examples=50, print_blob=False)
settings.load_profile("agrispec")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, from AGRISPEC_TEST_DATA alone."""
    folder = os.environ.get("AGRISPEC_TEST_DATA")
    if not folder:
        pytest.skip("AGRISPEC_TEST_DATA is not set: tests on real data are left out")
    return Path(folder)
