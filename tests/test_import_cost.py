"""Starting the command line loads no heavy library."""

import json
import subprocess
import sys

import pytest

HEAVY = {"ee", "keras", "tensorflow", "jax", "numba", "numpy", "pandas", "pyarrow", "rasterio", "scipy", "sklearn",
         "google.cloud.storage", "rich", "matplotlib", "onnx", "onnxruntime", "openvino", "pyogrio", "pooch", "shapely",
         "pyproj"}


@pytest.mark.parametrize("statement", ["import cli, agrispec_tf", "import agrispec.config",
                                       "import cli; cli.main(['--help'], standalone_mode=False)"])
def test_imports_are_cheap(statement):
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout.splitlines()[-1])) & HEAVY == set()


def test_exports_load_no_tensorflow_and_no_earth_engine():
    code = ("import sys, exports.export.cubes, exports.export.places, exports.publishing.told\n"
            "assert not {'ee', 'keras', 'tensorflow'} & set(sys.modules)")
    subprocess.run([sys.executable, "-W", "error", "-W", "ignore::ImportWarning", "-c", code], check=True)
