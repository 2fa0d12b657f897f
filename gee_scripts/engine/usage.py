"""How much compute a Cloud project has used this month, as Cloud Monitoring counts it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import requests
from google.auth import credentials as auth
from google.auth import exceptions as auth_exceptions
from google.auth.transport.requests import AuthorizedSession

from agrispec import network
from agrispec.errors import EngineError, EngineUnreachable

MONITORING = "https://monitoring.googleapis.com"

# EECU-seconds of what has ended, of all compute types; what a task under way has used is added when it ends.
# https://developers.google.com/earth-engine/guides/monitoring_usage
_METRIC = "earthengine.googleapis.com/project/cpu/usage_time"

_SHORTEST_S = 60  # of an alignment period, https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
_TIMEOUT_S = 10.0


def used_this_month(project: str, credentials: auth.Credentials, *, now: datetime, endpoint: str) -> float:
    """EECU-seconds that a project has used since the month began, UTC.

    A project's monthly quota is of this; Cloud Monitoring is some minutes behind, and does not hold what has not
    ended yet.

    Args:
        project: Cloud project id.
        credentials: whose permissions count; they need `monitoring.timeSeries.list`.
        now: with its time zone UTC; the month is that of this time.
        endpoint: address of Cloud Monitoring, `MONITORING` or one that answers alike.

    Raises:
        EngineError: Cloud Monitoring refuses, or says what cannot be read.
        EngineUnreachable: it does not answer.

    Source: the query is that of Google's own monitor of noncommercial projects,
        https://github.com/google/earthengine-community/tree/master/guides/linked/cloud-monitoring
    """
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    # One period, of the whole interval: periods are counted from its end, and a shorter first one might reach
    # into the month before.
    period_s = max(_SHORTEST_S, int((now - start).total_seconds()))
    asked = {"filter": f'metric.type = "{_METRIC}"', "interval.startTime": _time(start), "interval.endTime": _time(now),
             "aggregation.alignmentPeriod": f"{period_s}s", "aggregation.perSeriesAligner": "ALIGN_SUM",
             "aggregation.crossSeriesReducer": "REDUCE_SUM"}
    used = 0.0
    with AuthorizedSession(credentials) as session:
        while True:
            page = _page(session, project, f"{endpoint}/v3/projects/{project}/timeSeries", asked)
            try:
                used += sum(_number(point["value"]) for series in page.get("timeSeries", ())
                            for point in series["points"])
            except (KeyError, TypeError, ValueError) as error:
                raise _unread(project, f"what it answers is no time series: {error!r}") from error
            if not page.get("nextPageToken"):
                return used
            asked["pageToken"] = page["nextPageToken"]


def _page(session: AuthorizedSession, project: str, url: str, asked: dict[str, str]) -> dict[str, Any]:
    try:
        # User credentials belong to no project: this one answers for the call, as for those of Earth Engine.
        answer = session.get(url, params=asked, headers={"X-Goog-User-Project": project}, timeout=_TIMEOUT_S)
    except auth_exceptions.RefreshError as error:
        raise _unread(project, str(error)) from error
    except (requests.RequestException, auth_exceptions.TransportError) as error:
        raise EngineUnreachable(f"Cloud Monitoring cannot be reached ({network.why(error)})",
                                mend="check the network, then run the command again") from error
    try:
        page: dict[str, Any] = answer.json()
        if answer.ok:
            return page
        words = str(page["error"]["message"])
    except (ValueError, KeyError, TypeError):
        words = f"status {answer.status_code}"
    raise _unread(project, words)


def _number(value: dict[str, Any]) -> float:
    # 64-bit integers are JSON strings.
    return float(value["doubleValue"] if "doubleValue" in value else value["int64Value"])


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _unread(project: str, words: str) -> EngineError:
    return EngineError(f"Cloud Monitoring does not say what {project} has used this month ({words})",
                       mend="grant the account the role Monitoring Viewer (roles/monitoring.viewer) and enable"
                            f" https://console.cloud.google.com/apis/library/monitoring.googleapis.com?project={project}")
