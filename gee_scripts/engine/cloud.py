"""Google Earth Engine: credentials, project, endpoint and workload tag.

No test of this repository reaches the service; what is sent is what the `ee` client sends, and the
embedded engine answers the same requests in every test.
"""

from __future__ import annotations

import re
from pathlib import Path

import ee
import google.auth
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from google.oauth2 import service_account

from agrispec.config import Service
from agrispec.errors import ConfigError, EngineError
from gee_scripts.engine.client import NETWORK, SIGN_IN, Client, initialise, unreachable

# Many small automated requests belong here; it takes every call the standard endpoint takes.
# https://developers.google.com/earth-engine/cloud/highvolume
HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"

# https://developers.google.com/earth-engine/guides/service_account
SCOPES = ("https://www.googleapis.com/auth/earthengine", "https://www.googleapis.com/auth/cloud-platform")

# https://developers.google.com/earth-engine/guides/computation_overview#workload_tags
_TAG, _TAG_LENGTH = "agrispec-gee", 63


def open(service: Service, home: Path) -> Client:
    """Earth Engine with the credentials of `service`: a service account's key file, else application defaults.

    Raises:
        ConfigError: the key file is not there, or is none.
        EngineError: there are no credentials, or Earth Engine does not accept them.
        EngineUnreachable: it does not answer.
    """
    ee.data.setDefaultWorkloadTag(workload_tag(home))
    return start(service, credentials(service, home))


def workload_tag(home: Path) -> str:
    """What names a run's share in the project's cost report: this tool, and the run in letters that a tag may have."""
    name = re.sub("[^a-z0-9_]+", "-", home.resolve().name.lower()).strip("-_")
    return f"{_TAG}-{name}"[:_TAG_LENGTH].rstrip("-_")


def start(service: Service, account: auth.Credentials) -> Client:
    """Earth Engine with these credentials. Raises as `open`."""
    try:
        initialise(account, service.project, HIGH_VOLUME)
    except NETWORK as error:
        raise unreachable(error) from error
    except (ee.EEException, auth_exceptions.GoogleAuthError) as error:
        raise EngineError(f"Earth Engine does not open project {service.project!r} ({error})",
                          mend="sign in with: gcloud auth application-default login; register the project at"
                               " https://console.cloud.google.com/earth-engine; set [engine] project") from error
    return Client(name="cloud", project=service.project, buckets=None, credentials=account)


def credentials(service: Service, home: Path) -> auth.Credentials:
    """The credentials that `service` names, which nobody has accepted yet. Raises as `open`."""
    if not service.service_account_key:
        try:
            found: auth.Credentials = google.auth.default(scopes=SCOPES)[0]
        except (auth_exceptions.GoogleAuthError, OSError) as error:
            raise EngineError(f"there are no credentials for Earth Engine ({str(error).rstrip('.')})", mend=SIGN_IN) \
                from error
        return found
    key = home / service.service_account_key
    if not key.is_file():
        raise ConfigError(f"the service account's key {service.service_account_key!r} is not there",
                          mend="set [engine] service_account_key to the file, or leave it empty to use"
                               " application default credentials")
    try:
        account: auth.Credentials = service_account.Credentials.from_service_account_file(key, scopes=SCOPES)
        return account
    # google.auth raises AttributeError at JSON that is no object.
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"{service.service_account_key!r} is not a service account's key ({error})",
                          mend="download its key as JSON from https://console.cloud.google.com/iam-admin/serviceaccounts"
                               " and set [engine] service_account_key to that file") from error
