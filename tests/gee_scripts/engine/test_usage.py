"""The month's compute, read from a server on loopback that sums as Cloud Monitoring is documented to do."""

import http.server
import json
import re
import urllib.parse
from datetime import UTC, datetime, timedelta

import pytest
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import Credentials

from agrispec.errors import EngineError, EngineUnreachable
from gee_scripts.engine import usage

NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)

# (when, compute type, EECU-seconds); the first and the last are of other months.
SPENT = [(datetime(2026, 10, 31, 23, 59, tzinfo=UTC), "batch", 7000.0),
         (datetime(2026, 11, 1, 0, 1, tzinfo=UTC), "batch", 3600.0),
         (datetime(2026, 11, 15, 12, 0, tzinfo=UTC), "online", 120.5),
         (datetime(2026, 11, 29, 8, 0, tzinfo=UTC), "highvolume", 1800.0),
         (datetime(2026, 12, 1, 0, 1, tzinfo=UTC), "online", 9000.0)]


class Account(Credentials):
    """Credentials with a token at hand, or with a refusal."""

    refusal = None

    def refresh(self, request):
        if self.refusal:
            raise self.refusal
        self.token = "of-the-account"


@pytest.fixture
def monitoring(listening):
    """Cloud Monitoring of one metric; `asked` holds paths and headers, `refusal` a status and a body to answer with."""
    class Monitoring(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(url.query))
            server.asked.append((url.path, self.headers))
            status, body = server.refusal or (200, json.dumps(answer(query)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

    def answer(query):
        assert query["filter"] == 'metric.type = "earthengine.googleapis.com/project/cpu/usage_time"'
        start, end = (datetime.fromisoformat(query[f"interval.{edge}Time"]) for edge in ("start", "end"))
        period = timedelta(seconds=int(re.fullmatch(r"(\d+)s", query["aggregation.alignmentPeriod"])[1]))
        assert period >= timedelta(minutes=1)
        assert query["aggregation.perSeriesAligner"] == "ALIGN_SUM"
        assert query["aggregation.crossSeriesReducer"] == "REDUCE_SUM"
        points, last = [], end
        while last > start:
            # Whole periods, counted from the end.
            total = sum(seconds for when, _, seconds in SPENT if last - period < when <= last)
            points.append({"interval": {"startTime": f"{last - period}", "endTime": f"{last}"},
                           "value": {"doubleValue": total}})
            last -= period
        number = int(query.get("pageToken", 0))
        more = {"nextPageToken": str(number + 1)} if number + 1 < server.pages else {}
        series = [{"metric": {}, "points": points, "metricKind": "DELTA", "valueType": "DOUBLE", "unit": "s"}]
        # Every page but the last is empty, as the service may make them.
        return {} | more if more else {"timeSeries": series}

    server = listening(Monitoring)
    server.asked, server.refusal, server.pages = [], None, 1
    return server


def used(monitoring, account=None, now=NOW):
    return usage.used_this_month("my-project", account or Account(), now=now, endpoint=monitoring.url)


@pytest.mark.parametrize("pages", [1, 3])
def test_all_compute_of_this_month_counts_and_none_of_another(monitoring, pages):
    monitoring.pages = pages
    assert used(monitoring) == 3600.0 + 120.5 + 1800.0
    path, headers = monitoring.asked[0]
    assert path == "/v3/projects/my-project/timeSeries"
    assert headers["Authorization"] == "Bearer of-the-account"
    assert headers["X-Goog-User-Project"] == "my-project"
    assert len(monitoring.asked) == pages


def test_a_month_begins_at_midnight_utc(monitoring):
    assert used(monitoring, now=datetime(2026, 12, 1, 1, 0, tzinfo=UTC)) == 9000.0
    assert used(monitoring, now=datetime(2026, 11, 30, 23, 59, tzinfo=UTC)) == 3600.0 + 120.5 + 1800.0


def test_a_project_that_computed_nothing_has_used_nothing(monitoring):
    monitoring.refusal = 200, "{}"
    assert used(monitoring) == 0.0


@pytest.mark.parametrize(("status", "body", "words"), [
    (403, '{"error": {"message": "Permission monitoring.timeSeries.list denied"}}', "timeSeries.list denied"),
    (403, '{"error": {"message": "Cloud Monitoring API has not been used"}}', "has not been used"),
    (502, "<html>Bad gateway</html>", "status 502"), (200, "<html>a proxy</html>", "status 200"),
    (200, '{"timeSeries": [{"points": [{"value": {"boolValue": true}}]}]}', "int64Value"),
])
def test_what_cannot_be_read_is_told_with_a_mend(monitoring, status, body, words):
    monitoring.refusal = status, body
    mend = r"roles/monitoring\.viewer.*monitoring\.googleapis\.com\?project=my-project$"
    with pytest.raises(EngineError, match=mend) as refused:
        used(monitoring)
    assert words in refused.value.message


def test_credentials_that_are_refused_are_told(monitoring):
    account = Account()
    account.refusal = auth_exceptions.RefreshError("invalid_grant")
    with pytest.raises(EngineError, match="invalid_grant"):
        used(monitoring, account)


def test_a_service_that_does_not_answer_is_unreachable(monitoring):
    monitoring.stop()
    with pytest.raises(EngineUnreachable, match="Cloud Monitoring cannot be reached .*; check the network"):
        used(monitoring)
