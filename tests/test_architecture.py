"""Imports point downwards, and heavy libraries stand where they belong: read from the syntax tree."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("agrispec", "gee_scripts", "scenes", "exports", "agrispec_tf", "labels", "cli", "tests", "benchmarks")

# Who may import whom of our own packages.
ALLOWED = {
    "agrispec": {"agrispec"},
    "gee_scripts": {"agrispec", "gee_scripts"},
    "scenes": {"agrispec", "scenes"},
    "labels": {"agrispec", "labels"},
    "exports": {"agrispec", "exports"},
    "agrispec_tf": {"agrispec", "exports", "agrispec_tf"},
    "cli": {"agrispec", "gee_scripts", "scenes", "labels", "exports", "agrispec_tf"},
}
# Which packages alone may import a library; a path names one module.
HOMES = {"ee": ("gee_scripts/",), "keras": ("agrispec_tf/",), "google.cloud.storage": ("exports/storage/cloud.py",),
         "onnx": ("agrispec_tf/deployment/",), "onnxruntime": ("agrispec_tf/deployment/",),
         "openvino": ("agrispec_tf/deployment/",), "pyogrio": ("labels/", "agrispec/formats/geopackage.py"),
         "pooch": ("labels/",), "tensorflow": ("agrispec_tf/layers/batch_norm.py",), "jax": (),
         "tfrecord": (), "geemap": (), "geopandas": ()}
KERNELS = {"numpy", "numba"}
ENGINE = "gee_scripts.engine.local"
# The parts of the embedded engine, each of which imports those before it.
PARTS = ("type_names", "rasters", "geometry", "values", "times", "recent", "refusals", "limits", "images", "assets",
         "language", "algorithms", "operations", "storage", "rest", "server")


def sources():
    files = [ROOT / "cli.py"]
    for package in ("agrispec", "gee_scripts", "scenes", "labels", "exports", "agrispec_tf"):
        files += sorted((ROOT / package).rglob("*.py"))
    return files


def imports(path):
    """Full dotted names that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", sources(), ids=name)
def test_imports_point_downwards(path):
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    found = {imported.split(".")[0] for imported in imports(path)} & set(PACKAGES)
    assert found <= ALLOWED[package]


@pytest.mark.parametrize("path", sources(), ids=name)
def test_libraries_are_imported_where_they_belong(path):
    for imported in imports(path):
        for library, homes in HOMES.items():
            if imported == library or imported.startswith(f"{library}."):
                assert name(path).startswith(homes), f"{imported} does not belong in {name(path)}"


@pytest.mark.parametrize("path", sorted((ROOT / "agrispec").glob("*.py")), ids=name)
def test_nouns_need_the_standard_library_only(path):
    outside = {imported.split(".")[0] for imported in imports(path)} - set(sys.stdlib_module_names)
    assert outside <= {"agrispec"}
    assert not [imported for imported in imports(path) if imported.startswith(("agrispec.kernels", "agrispec.formats"))]


@pytest.mark.parametrize("path", sorted((ROOT / "agrispec" / "kernels").glob("*.py")), ids=name)
def test_kernels_need_numpy_and_numba_only(path):
    found = {imported.split(".")[0] for imported in imports(path)} - set(sys.stdlib_module_names) - {"agrispec"}
    assert found <= KERNELS
    assert not [imported for imported in imports(path) if imported.startswith("agrispec.formats")]


@pytest.mark.parametrize("path", sorted((ROOT / "gee_scripts" / "engine" / "local").rglob("*.py")), ids=name)
def test_the_embedded_engine_knows_nothing_of_crops(path):
    ours = [imported for imported in imports(path) if imported.split(".")[0] in PACKAGES]
    allowed = ("gee_scripts.engine.local", "agrispec.engine", "agrispec.errors", "agrispec.grid", "agrispec.formats",
               "agrispec.kernels")
    assert [imported for imported in ours if not imported.startswith(allowed)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "gee_scripts" / "engine" / "local").rglob("*.py")), ids=name)
def test_the_parts_of_the_embedded_engine_import_those_before_them(path):
    part = path.relative_to(ROOT / "gee_scripts" / "engine" / "local").parts[0].removesuffix(".py")
    assert part in (*PARTS, "__init__")
    found = {imported.split(".")[3] for imported in imports(path) if imported.startswith(ENGINE)}
    if part == "language":
        # The families of algorithms register themselves; whoever looks one up sees to it that they are imported.
        found -= {"algorithms"}
    assert found <= set(PARTS[: PARTS.index(part) + 1] if part in PARTS else ())
