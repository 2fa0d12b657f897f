"""The files of an asset are replaced as a whole, or stay as they were."""

import subprocess
import sys
import textwrap


def test_a_full_disk_leaves_nothing_and_keeps_what_was_there(tmp_path):
    """A limit on the size of files stands for the full disk; it needs a process of its own."""
    script = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from agrispec.errors import StorageError
        from agrispec.formats.asset_tree import AssetTree
        from agrispec.grid import Grid

        grid = Grid(crs="EPSG:32631", transform=(10, 0, 5e5, 0, -10, 5.4e6), width=200, height=200)
        tree = AssetTree(Path(sys.argv[1]))
        home = "projects/agrispec-local/assets"
        small = {"b": np.ones(grid.shape, np.uint8)}
        large = {"b": np.random.default_rng(0).random(grid.shape)}
        tree.write_image(f"{home}/old", arrays=small, grid=grid)
        before = sorted(p.name for p in tree.root.rglob("*"))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for act in (lambda: tree.write_image(f"{home}/new", arrays=large, grid=grid),
                    lambda: tree.write_image(f"{home}/old", arrays=large, grid=grid, overwrite=True),
                    lambda: tree.write_table(f"{home}/new", geometries=[None] * 50_000,
                                             properties=[
                                                 {"v": float(i) ** 1.37} for i in range(50_000)])):
            try:
                act()
            except StorageError as error:
                assert "free space" in error.mend, error
            else:
                raise SystemExit("nothing was raised")
            assert sorted(p.name for p in tree.root.rglob("*")) == before
            assert (tree.pixels(tree.get(f"{home}/old"), ["b"]) == 1).all()
    """)
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
