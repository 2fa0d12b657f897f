"""The wheel holds the packages, their data and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_packages_and_their_data(tmp_path):
    # Built from a copy of what git tracks: an editable checkout is left alone.
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            copy = tmp_path / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist"],
                   cwd=tmp_path / "source", check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert top == {"agrispec", "gee_scripts", "scenes", "labels", "exports", "agrispec_tf", "cli.py"}
    sources = {name for name in tracked.split("\0") if name.endswith(".py")}
    assert {name for name in names if name.endswith(".py")} == {
        name for name in sources if name.split("/")[0] in top and (ROOT / name).exists()}
    assert {"agrispec/py.typed", "exports/starter.toml", "exports/report/page.css", "labels/legends.csv"} <= set(names)
    # The review page works offline: all that it loads is there, with the licences of what others wrote.
    page = {name for name in tracked.split("\0") if name.startswith("exports/review/static/")}
    assert page <= set(names)
    assert {f"exports/review/static/vendor/{name}/LICENSE" for name in ("leaflet", "uplot")} <= page
