"""Google Earth Engine: credentials, project, endpoint and workload tag.

No test of this repository reaches the service; what is sent is what the `ee` client sends, and the
embedded engine answers the same requests in every test.
"""

from __future__ import annotations

from pathlib import Path

import ee
import google.auth
from google.auth import exceptions as auth_exceptions

from agrispec.config import Service
from agrispec.errors import ConfigError, EngineError
from gee_scripts.engine.client import Client

# Many small automated requests belong here; it takes every call the standard endpoint takes.
# https://developers.google.com/earth-engine/cloud/highvolume
HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"

# https://developers.google.com/earth-engine/guides/service_account
SCOPES = ("https://www.googleapis.com/auth/earthengine", "https://www.googleapis.com/auth/cloud-platform")

WORKLOAD_TAG = "agrispec-gee"
"""Names this tool's share in the project's cost report."""


def open(service: Service, home: Path) -> Client:
    """Earth Engine with the credentials of `service`: a service account's key file, else application defaults.

    Raises:
        ConfigError: the key file is not there.
        EngineError: there are no credentials, or Earth Engine does not accept them.
    """
    ee.data.setDefaultWorkloadTag(WORKLOAD_TAG)
    try:
        ee.Initialize(credentials=_credentials(service, home), project=service.project, url=HIGH_VOLUME)
    except (ee.EEException, auth_exceptions.GoogleAuthError) as error:
        raise EngineError(f"Earth Engine does not open project {service.project!r} ({error})",
                          mend="sign in with: gcloud auth application-default login; register the project at"
                               " https://console.cloud.google.com/earth-engine; set [engine] project") from error
    return Client(name="cloud", project=service.project, buckets=None)


def _credentials(service: Service, home: Path) -> google.auth.credentials.Credentials:
    if not service.service_account_key:
        found, _ = google.auth.default(scopes=SCOPES)
        return found
    key = home / service.service_account_key
    if not key.is_file():
        raise ConfigError(f"the service account's key {service.service_account_key!r} is not there",
                          mend="set [engine] service_account_key to the file, or leave it empty to use"
                               " application default credentials")
    return ee.ServiceAccountCredentials(None, key_file=str(key))
