"""Whether an engine, its project and its account do what a run asks of them; each look says so, and raises nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import ee
import requests
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import Request

from agrispec.config import LOCAL_PROJECT, Service
from agrispec.engine import Engine
from agrispec.errors import AgrispecError, EngineError, MissingExtra
from agrispec.health import Finding, doubtful, failed, passed, unseen
from gee_scripts import engine as engines
from gee_scripts.engine import cloud
from gee_scripts.engine.client import NETWORK, SIGN_IN, refusals, unreachable

# Somebody waits for the answers: no network shows within this time, and nothing is asked for more than twice.
_TIMEOUT_S = 5.0
_RETRIES = 1

# A signed request from a clock further off is refused.
# https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
_MOST_OFF_S = 300.0

_REGISTER = "https://console.cloud.google.com/earth-engine/configuration?project="

# https://developers.google.com/earth-engine/reference/rest/v1/ProjectConfig#RegistrationState
_REGISTERED = {"REGISTERED_COMMERCIALLY": "commercial", "REGISTERED_NOT_COMMERCIALLY": "noncommercial"}

_UNSET = (LOCAL_PROJECT, "my-cloud-project")
"""Projects that nobody has set: the default, and what `agrispec-gee init` writes."""

_KINDS = {"google.oauth2.service_account": "a service account", "google.oauth2.credentials": "a user",
          "google.auth.compute_engine.credentials": "this machine's service account",
          "google.auth.impersonated_credentials": "an impersonated service account"}
"""Module of a class of credentials -> whose they are; others are of an outside identity provider."""

_NO_ENGINE = "the engine does not open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How far it came when an engine was opened.

    Attributes:
        service: [engine] of the configuration.
        account: Earth Engine's credentials, or why they are none; None on the embedded engine, which asks for none.
        client: the engine, or why it does not open.
    """

    service: Service
    account: auth.Credentials | AgrispecError | None
    client: Engine | AgrispecError

    @property
    def engine(self) -> Engine | None:
        """The engine, where it is open."""
        return None if isinstance(self.client, AgrispecError) else self.client


@contextmanager
def tried(service: Service, home: Path) -> Iterator[Tried]:
    """An engine, opened as far as it goes, and closed after the block.

    Args:
        service, home: as of `gee_scripts.engine.open`.
    """
    with _few_retries():
        account: auth.Credentials | AgrispecError | None = None
        client: Engine | AgrispecError
        try:
            if service.name == "cloud":
                account = _accepted(service, home)
                client = account if isinstance(account, AgrispecError) else cloud.start(service, account)
            else:
                client = engines.open(service, home)
        except AgrispecError as error:
            client = error
        except ModuleNotFoundError as error:
            client = MissingExtra(f"{error.name}, which the embedded engine needs,", "local")
        try:
            yield Tried(service=service, account=account, client=client)
        finally:
            if isinstance(client, AgrispecError):
                ee.Reset()
            else:
                client.close()


@contextmanager
def _few_retries() -> Iterator[None]:
    """No request is sent more than twice within the block.

    The number is the client's, for the whole process: for the requests by which it opens it takes no other.
    """
    before = ee.data._get_state().max_retries
    ee.data.setMaxRetries(_RETRIES)
    try:
        yield
    finally:
        ee.data.setMaxRetries(before)


def _accepted(service: Service, home: Path) -> auth.Credentials | AgrispecError:
    """Credentials that have just got a token, or why there are none."""
    try:
        account = cloud.credentials(service, home)
        account.refresh(partial(Request(), timeout=_TIMEOUT_S))
    except AgrispecError as error:
        return error
    except auth_exceptions.RefreshError as error:
        return EngineError(f"the credentials are not accepted ({error})", mend=SIGN_IN)
    except NETWORK as error:
        return unreachable(error)
    return account


def project(tried: Tried) -> Finding:
    """Whether a project is set, and registered for Earth Engine."""
    service = tried.service
    if service.name == "cloud" and service.project in _UNSET:
        return failed("project", EngineError(f"no project is set: {service.project!r} stands for one",
                                             mend="set [engine] project to a Cloud project that is registered at"
                                                  " https://console.cloud.google.com/earth-engine"))
    if isinstance(tried.account, AgrispecError):
        return unseen("project", f"{service.project} opens with credentials only")
    if isinstance(tried.client, AgrispecError):
        return failed("project", tried.client)
    if service.name == "local":
        return passed("project", f"{service.project}, on the embedded engine, which knows no registration")
    try:
        with refusals():
            state = ee.data.getProjectConfig().get("registrationState", "REGISTRATION_STATE_UNSPECIFIED")
    except AgrispecError as error:
        return doubtful("project", error)
    if state in _REGISTERED:
        return passed("project", f"{service.project} is registered for {_REGISTERED[state]} use")
    found = EngineError(f"{service.project} is not registered for Earth Engine ({state})",
                        mend=f"register it at {_REGISTER}{service.project}")
    return failed("project", found) if state == "NOT_REGISTERED" else doubtful("project", found)


def credentials(tried: Tried) -> Finding:
    """Whose credentials they are, and whether they are accepted."""
    account = tried.account
    if account is None:
        return passed("credentials", "anonymous: the embedded engine asks for none")
    if isinstance(account, AgrispecError):
        return failed("credentials", account)
    kind = _KINDS.get(type(account).__module__, "an identity of another provider")
    name = getattr(account, "service_account_email", "") or getattr(account, "account", "")
    # The library's times are UTC and do not say so.
    until = f", good until {account.expiry:%H:%M} UTC" if account.expiry else ""
    return passed("credentials", f"of {kind}{f', {name}' if name else ''}: they got a new token{until}")


def tier(tried: Tried) -> Finding:
    """What the project may compute this month, and how much of it is left."""
    service, engine = tried.service, tried.engine
    if service.name == "local":
        return passed("tier", "the embedded engine counts no compute")
    # A project that pays has no end to its month.
    most = "no monthly limit" if service.tier == "paid" else f"{service.monthly_eecu_hours:,.0f} EECU-hours a month"
    if engine is None:
        return unseen("tier", f"{service.tier}, {most}; what is used is not known where {_NO_ENGINE}")
    try:
        used = (engine.used_eecu_seconds() or 0.0) / 3600
    except AgrispecError as error:
        return doubtful("tier", error)
    left = service.monthly_eecu_hours - used
    if left <= 0:
        return doubtful("tier", EngineError(
            f"{service.tier}: {used:,.1f} EECU-hours are used of {most}, so Earth Engine restricts the project",
            mend="wait for the next month, or choose a higher tier at"
                 f" {_REGISTER}{service.project} and set [engine] tier"))
    rest = "" if service.tier == "paid" else f", {left:,.1f} left"
    return passed("tier", f"{service.tier}, {most}: {used:,.1f} EECU-hours used{rest}")


def asset_root(tried: Tried) -> Finding:
    """Whether assets can be written: a folder is made and deleted; and how much room they have."""
    if tried.engine is None:
        return unseen("assets", _NO_ENGINE)
    root = f"projects/{tried.service.project}/assets"
    probe = f"{root}/agrispec-gee-doctor-{uuid.uuid4().hex[:12]}"
    try:
        with refusals():
            ee.data.createAsset({"type": "FOLDER"}, probe)
            ee.data.deleteAsset(probe)
    except AgrispecError as error:
        return failed("assets", EngineError(
            f"{root} cannot be written ({error.message})",
            mend="grant the account the role Earth Engine Resource Writer (roles/earthengine.writer) on the project"))
    return passed("assets", f"{root} can be written{_room(root)}")


def _room(root: str) -> str:
    """How full the root is; "" where the service does not say."""
    try:
        with refusals():
            quota: dict[str, Any] = ee.data.getAssetRootQuota(root)
    except AgrispecError:
        return ""
    count, size = quota["asset_count"], quota["asset_size"]
    return (f": {count['usage']:,} of {count['limit']:,} assets,"
            f" {size['usage'] / 2**30:,.1f} of {size['limit'] / 2**30:,.0f} GiB")


def clock(tried: Tried) -> Finding:
    """Whether this machine's clock agrees with Earth Engine's; the embedded engine has the same one."""
    if tried.service.name == "local":
        return passed("clock", "the embedded engine reads this machine's own")
    try:
        # Answered without credentials; its headers are enough.
        with requests.get(f"{cloud.HIGH_VOLUME}/$discovery/rest", params={"version": "v1"}, timeout=_TIMEOUT_S,
                          stream=True) as answer:
            theirs = parsedate_to_datetime(answer.headers["Date"])
    except requests.RequestException as error:
        return doubtful("clock", unreachable(error))
    except (KeyError, ValueError):
        return unseen("clock", "Earth Engine's answer has no date")
    off = (datetime.now(UTC) - theirs).total_seconds()
    if abs(off) > _MOST_OFF_S:
        return failed("clock", EngineError(
            f"this machine's clock is {abs(off) / 60:,.0f} minutes {'ahead' if off > 0 else 'behind'}",
            mend="set it, e.g. with: timedatectl set-ntp true; requests that it signs are refused"))
    return passed("clock", f"{abs(off):.0f} s off")
