"""HTTP: what is no request, or asks for what cannot be, is refused in the service's form."""

import re
import socket
import time

import ee
import pytest

PROJECT_PATH = "/v1/projects/agrispec-local"
ONE = {"result": "0", "values": {"0": {"functionInvocationValue": {
    "functionName": "Image.constant", "arguments": {"value": {"constantValue": 1}}}}}}
EXPORT = {"expression": ONE, "fileExportOptions": {
    "fileFormat": "TF_RECORD_IMAGE", "cloudStorageDestination": {"bucket": "bucket", "filenamePrefix": "odd"}}}
SMALL = {"crsCode": "EPSG:32631", "dimensions": {"width": 2, "height": 2},
         "affineTransform": {"scaleX": 10, "scaleY": -10, "translateX": 500000, "translateY": 5400000}}

@pytest.mark.parametrize(("path", "status"), [
    ("/v1/projects/agrispec-local/nothing", 404), ("/nothing", 404), ("/v1/projects/agrispec-local/operations/X", 404),
    ("/v1/projects/agrispec-local:listAssets?pageToken=x", 400)])
def test_requests_without_an_answer_are_refused_in_the_services_form(running, path, status, asked):
    found, answer = asked(running.url, path)
    assert found == status
    assert answer["error"]["code"] == status
    assert answer["error"]["message"]


@pytest.mark.parametrize(("path", "body", "named"), [
    (":listAssets?pageSize=abc", None, "pageSize"), (":listAssets?pageSize=-3", None, "pageSize"),
    ("/operations?pageSize=-1", None, "pageSize"),
    ("/table:computeFeatures", {"expression": ONE, "pageSize": "x"}, "pageSize"),
    ("/image:computePixels", {"expression": ONE, "grid": [1]}, "'grid'"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {"dimensions": {"width": "x", "height": 1}}},
     "grid.dimensions.width"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {"crsCode": "EPSG:1"}}, "'EPSG:1'"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL | {
        "affineTransform": SMALL["affineTransform"] | {"translateX": float("nan")}}}, "^Invalid JSON payload received"),
    ("/image:computePixels", {"expression": ONE, "bandIds": 5}, "bandIds"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL, "visualizationOptions": {"ranges": [5]}},
     r"visualizationOptions.ranges\[0\]"),
    ("/image:computePixels", {"expression": ONE, "grid": SMALL, "visualizationOptions": {"gamma": {"value": 0}}},
     "Gamma"),
    ("/image:export", EXPORT | {"maxPixels": "x"}, "maxPixels"),
    ("/image:export", EXPORT | {"priority": [5]}, "priority"),
    ("/image:export", EXPORT | {"expression": 5}, "expression"),
    ("/image:export", {"expression": ONE, "assetExportOptions": {"earthEngineDestination": {"name": 5}}},
     "assetExportOptions.earthEngineDestination.name"),
    ("/image:import", {"imageManifest": {"name": "projects/p/assets/a", "tilesets": ["x"]}},
     r"imageManifest.tilesets\[0\]"),
    ("/image:import", {"imageManifest": {"name": "projects/p/assets/a", "bands": [{}], "tilesets": [
        {"sources": [{"uris": ["gs://bucket/x.tif"]}]}]}}, "band without id"),
    ("/table:import", {"tableManifest": {"sources": [{"uris": [5]}]}}, r"tableManifest.sources\[0\].uris\[0\]"),
    ("/assets?assetId=odd", {"type": "FOLDER", "properties": 5}, "properties"),
    ("/value:compute", {}, "lacks the field 'expression'"), ("/value:compute", {"expression": None}, "'expression'"),
    ("/value:compute", {"expression": {"result": "0", "values": {"0": {"functionInvocationValue": {
        "functionName": 5, "arguments": {}}}}}}, "functionName"),
    ("/value:compute", {"expression": {"result": "0", "values": {"0": {"argumentReference": [1]}}}},
     "argumentReference")])
def test_a_field_that_cannot_be_is_refused_by_its_name(running, path, body, named, asked):
    status, answer = asked(running.url, PROJECT_PATH + path, body)
    assert status == 400
    assert re.search(named, answer["error"]["message"])
    assert "Internal" not in answer["error"]["message"]


def test_a_body_nested_without_end_is_refused(running, asked):
    _, answer = asked(running.url, f"{PROJECT_PATH}/value:compute", b'{"expression":' + b"[" * 100_000)
    assert "Invalid JSON payload" in answer["error"]["message"]


def test_small_answers_do_not_wait_for_the_network(running):
    waits = []
    for _ in range(20):
        start = time.monotonic()
        ee.data.listOperations()
        waits.append(time.monotonic() - start)
    # Nagle's algorithm against delayed acknowledgements costs 40 ms an answer.
    assert sorted(waits)[10] < 0.03


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "", "[",
                                  "localhost.:80", "169.254.169.254"])
def test_a_foreign_host_is_refused(running, host, asked):
    status, answer = asked(running.url, "/$discovery/rest", headers={"Host": host})
    assert status == 403
    assert "does not answer for the host" in answer["error"]["message"]


def test_the_page_of_another_site_reads_tiles_and_changes_nothing(running, asked):
    two = {"expression": {"result": "0", "values": {"0": {"constantValue": 2}}}}
    evil = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    status, answer = asked(running.url, f"{PROJECT_PATH}/assets?assetId=evil", {"type": "FOLDER"}, headers=evil)
    assert status == 403
    assert "from pages of 'https://evil.example'" in answer["error"]["message"]
    assert asked(running.url, f"/v1/{running.home}/evil")[0] == 404
    assert asked(running.url, "/$discovery/rest", headers=evil)[0] == 200
    local = running.url.replace("127.0.0.1", "localhost")
    assert asked(local, f"{PROJECT_PATH}/value:compute", two,
                 headers={"Origin": "http://localhost:8888"}) == (200, {"result": 2})


@pytest.mark.parametrize("text", [
    b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_is_no_request_is_answered_below_500(running, text, asked):
    with socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])), timeout=10) as connection:
        connection.sendall(text)
        answer = connection.recv(65536)
    assert b"HTTP/1.1 4" in answer
    assert asked(running.url, "/$discovery/rest")[0] == 200
