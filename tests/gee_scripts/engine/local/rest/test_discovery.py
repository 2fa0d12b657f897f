"""The discovery document: the client finds every method it knows, with the parameters it gives."""

import ast
from pathlib import Path

import ee.data
import googleapiclient.discovery
import pytest

from gee_scripts.engine.local.rest import discovery
from gee_scripts.engine.local.rest.discovery import ROUTES


@pytest.fixture(scope="module")
def resource():
    return googleapiclient.discovery.build_from_document(discovery.document("http://127.0.0.1:1"))


def calls_in_client():
    """(resources, method, keywords) of every call the client makes on `_get_cloud_projects()`."""
    tree = ast.parse(Path(ee.data.__file__).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names, here = [], node
        while isinstance(here, ast.Call | ast.Attribute):
            if isinstance(here, ast.Attribute):
                names.append(here.attr)
            elif isinstance(here.func, ast.Name) and here.func.id.startswith("_get_cloud_projects"):
                names.reverse()
                if isinstance(node, ast.Call) and names and names[-1] not in ("execute", "list_next"):
                    yield tuple(names), {keyword.arg for keyword in node.keywords if keyword.arg}
                break
            here = here.func if isinstance(here, ast.Call) else here.value


def test_every_method_the_client_calls_is_described_with_its_parameters():
    known = {route.id: set(route.parameters) | set(route.query) | {"body", "prettyPrint", "fields"} for route in ROUTES}
    groups = {route.id.rpartition(".")[0] for route in ROUTES}
    seen = 0
    for names, keywords in calls_in_client():
        name = ".".join(("projects", *names)).replace("import_", "import")
        if name in groups:  # a resource on the way to a method
            continue
        assert name in known, name
        if name != "projects.algorithms.list" or "project" not in keywords:  # its second try, for old servers
            assert keywords <= known[name], name
        seen += 1
    assert seen > 30


def test_paths_are_found_by_the_route_they_were_built_from(resource):
    projects = resource.projects()
    built = {
        "projects.value.compute": projects.value().compute(project="projects/p", body={}),
        "projects.assets.get": projects.assets().get(name="projects/p/assets/a/b"),
        "projects.assets.copy": projects.assets().copy(sourceName="projects/p/assets/a/b", body={}),
        "projects.assets.create": projects.assets().create(parent="projects/p", assetId="a/b", body={}),
        "projects.listAssets": projects.listAssets(parent="projects/p"),
        "projects.assets.listAssets": projects.assets().listAssets(parent="projects/p/assets/a", pageSize=2),
        "projects.operations.cancel": projects.operations().cancel(name="projects/p/operations/X", body={}),
        "projects.operations.get": projects.operations().get(name="projects/p/operations/X"),
        "projects.image.import": projects.image().import_(project="projects/p", body={}),
        "projects.maps.tiles.get": projects.maps().tiles().get(parent="projects/p/maps/m", zoom="3", x="1", y="2"),
        "projects.getConfig": projects.getConfig(name="projects/p/config"),
    }
    for name, request in built.items():
        path = request.uri.partition("/v1/")[2].partition("?")[0]
        found = [route.id for route in ROUTES if route.verb == request.method and route.expression.fullmatch(path)]
        assert found == [name]


def test_lists_can_be_paged(resource):
    assert hasattr(resource.projects().operations(), "list_next")
    assert hasattr(resource.projects().assets(), "listAssets_next")


def test_the_list_of_algorithms_is_the_clients_own():
    assert b'"algorithms/Image.add"' in discovery.algorithms()
