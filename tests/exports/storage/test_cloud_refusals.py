"""What Cloud Storage refuses, and a service that is not there: told in its words, with a mend."""

import re

import pytest
from google.auth import exceptions as auth_exceptions
from google.cloud.storage import retry

from agrispec.errors import StorageError

# The client leaves the answers that it gives up on to the garbage collector, and their sockets with them.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

ALL = {"storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"}


def test_a_bucket_is_opened_with_the_credentials_of_the_engine(cloud, mine):
    mine.list("")
    assert cloud.tokens == {"Bearer of-the-key"}


@pytest.mark.parametrize("lacking", sorted(ALL))
def test_a_bucket_that_may_not_be_used_is_refused_by_the_check(cloud, mine, lacking):
    cloud.fail("testPermissions", "200", body={"permissions": sorted(ALL - {lacking})})
    with pytest.raises(StorageError, match=rf"the account lacks {lacking} on gs://mine.*; grant it"):
        mine.check()


def test_a_bucket_that_is_not_there_is_an_error_with_a_mend(tmp_path, calls_of, opened):
    bucket = opened("yours")
    for call in calls_of(bucket):
        with pytest.raises(StorageError, match=r"gs://yours/\S* is not there \(.*\); check \[engine\] bucket"):
            call()
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("status", "words", "mend"), [
    ("401", r"there are no credentials for gs://mine\S+, or they are not accepted \(said so\)", "sign in with: gcloud"),
    ("403", r"the account may not do this with gs://mine\S+ \(said so\)", "grant it the role Storage Object User"),
    ("400", r"Cloud Storage refused gs://mine\S+ \(said so\)", "check"),
])
def test_a_refusal_is_told_in_the_services_words_with_a_mend(cloud, mine, large, tmp_path, calls_of, status, words,
                                                             mend):
    cloud.fail("", status, 10**9, {"error": {"code": int(status), "message": "said so"}})
    for call in (*calls_of(mine), lambda: mine.upload(large, "a")):
        with pytest.raises(StorageError, match=f"^{words}; {re.escape(mend)}"):
            call()
    assert not list((tmp_path / "out").iterdir())


def test_a_service_that_stays_down_is_an_error_with_a_mend(cloud, mine, tmp_path, monkeypatch, calls_of):
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    cloud.fail("", "503", 10**9)
    for call in calls_of(mine):
        with pytest.raises(StorageError, match="wait a few minutes|check the network"):
            call()
    assert not list((tmp_path / "out").iterdir())


def test_a_bucket_that_does_not_answer_is_an_error_with_a_mend(cloud, mine, monkeypatch, calls_of):
    cloud.stop()
    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.2)
    for call in calls_of(mine):
        with pytest.raises(StorageError, match="check the network"):
            call()


def test_credentials_that_are_not_accepted_are_named(opened, account):
    account.refusal = auth_exceptions.RefreshError("invalid_grant")
    with pytest.raises(StorageError, match=r"gs://mine/ are not accepted \(invalid_grant\); sign in"):
        opened("mine").check()


def test_without_credentials_it_says_how_to_sign_in(monkeypatch, opened, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(StorageError, match=r"there are no credentials for gs://mine .*; sign in with: gcloud"):
        opened("mine", credentials=None)
