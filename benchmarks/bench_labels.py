"""Declarations to a harmonised file, beside the same steps in plain geopandas.

Simulated parcels, in a GeoPackage in Lambert-93 like France's: neighbours share their edges, of three segments each;
one of a hundred crosses itself, one of fifty has a hole, one of two hundred is declared twice. Each side is a process
of its own, reads that file, gives each parcel its class, repairs, measures and draws outlines in by 10 m, marks
overlaps and duplicates, and writes GeoParquet in degrees with both outlines. What they wrote is compared, parcel by
parcel. Both may use all cores.

    python benchmarks/bench_labels.py [--parcels 1000000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from agrispec.class_sets import CLASS_SETS
from labels import commands, harmonised, overlaps
from labels.mapping_tables import MappingTable
from labels.preparation import Asked

CRS, SPACING_M, INWARD_M = "EPSG:2154", 150.0, 10.0
CLASSES = CLASS_SETS["agrispec-17"]
# Codes as they are declared, and what HCAT calls them.
CODES = {"BTH": "3301010101", "BTP": "3301010102", "ORH": "3301010401", "ORP": "3301010402", "MIS": "3301010600",
         "CZH": "3301060401", "TRN": "3301060500", "SOJ": "3301160000", "BTN": "3301290700", "PPH": "3302000000",
         "BOP": "3306000000"}
GOAL, GOAL_GB = 0.6, 4.0


def simulate(count: int, folder: Path) -> None:
    """Parcels and the table of their codes."""
    rng = np.random.default_rng(18)
    side = int(np.ceil(np.sqrt(count)))
    rows, columns = np.meshgrid(np.arange(side + 1), np.arange(side + 1), indexing="ij")
    nodes = np.stack([columns, rows], axis=-1) * SPACING_M + rng.normal(0, 20, (side + 1, side + 1, 2))
    # Two corners within each edge, which both neighbours have.
    across = [nodes[:, :-1] + (nodes[:, 1:] - nodes[:, :-1]) * share + rng.normal(0, 2, (side + 1, side, 2))
              for share in (1 / 3, 2 / 3)]
    along = [nodes[:-1] + (nodes[1:] - nodes[:-1]) * share + rng.normal(0, 2, (side, side + 1, 2))
             for share in (1 / 3, 2 / 3)]
    ring = np.stack([nodes[:-1, :-1], across[0][:-1], across[1][:-1], nodes[:-1, 1:], along[0][:, 1:], along[1][:, 1:],
                     nodes[1:, 1:], across[1][1:], across[0][1:], nodes[1:, :-1], along[1][:, :-1], along[0][:, :-1]],
                    axis=2).reshape(-1, 12, 2)[:count]
    ring[::100, [3, 6]] = ring[::100, [6, 3]]
    outlines = shapely.polygons(ring @ np.array([[0.9, 0.436], [-0.436, 0.9]]) + [500_000, 6_500_000])
    holed = np.arange(25, count, 50)
    outlines[holed] = shapely.difference(outlines[holed], shapely.buffer(shapely.centroid(outlines[holed]), 20))
    twice = np.arange(70, count, 200)
    outlines[twice] = outlines[twice - 1]
    frame = geopandas.GeoDataFrame({"ID": np.arange(count).astype(str), "CODE": rng.choice(list(CODES), count)},
                                   geometry=outlines, crs=CRS)
    frame.to_file(folder / "parcels.gpkg", layer="parcels")
    table = pd.DataFrame({"country": "FR", "year": 2018, "code": CODES.keys(), "hcat": CODES.values()})
    table.to_csv(folder / "codes.csv", index=False)


def ours(folder: Path) -> None:
    asked = Asked(country="FR", year=2018, code="CODE", id="ID", inward_m=INWARD_M)
    table = MappingTable.read(folder / "codes.csv", "FR", 2018)
    commands.run_harmonise([folder / "parcels.gpkg"], table, CLASSES, asked, folder / "ours.parquet")


def plain(folder: Path) -> None:
    """The same steps as one writes them with geopandas."""
    parcels = geopandas.read_file(folder / "parcels.gpkg")
    codes = pd.read_csv(folder / "codes.csv", dtype=str)
    codes["class_number"] = [CLASSES.of_hcat(code) for code in codes["hcat"]]
    parcels = parcels.merge(codes[["code", "hcat", "class_number"]], left_on="CODE", right_on="code", how="left")
    parcels["class"] = parcels["class_number"].map(dict(enumerate(crop.name for crop in CLASSES)))
    parcels["repaired"] = ~parcels.is_valid
    parcels["geometry"] = parcels.make_valid(method="structure", keep_collapsed=False)
    area, perimeter = parcels.area, parcels.length
    parcels["sliver"] = (perimeter - np.sqrt(np.maximum(perimeter ** 2 - 16 * area, 0))) / 4 < 10
    inside = parcels.buffer(-INWARD_M, resolution=8)
    one, other = parcels.sindex.query(parcels.geometry, predicate="intersects")
    one, other = one[one < other], other[one < other]
    shared = parcels.geometry.iloc[one].intersection(parcels.geometry.iloc[other], align=False).area.to_numpy()
    first, second = area.to_numpy()[one], area.to_numpy()[other]
    same = shared >= overlaps.SAME_SHARE * (first + second - shared)
    over = (shared > overlaps.OVERLAP_SHARE * np.minimum(first, second)) & ~same
    for flag, pairs in (("duplicate", same), ("overlaps", over)):
        parcels[flag] = np.isin(np.arange(len(parcels)), np.concatenate([one[pairs], other[pairs]]))
    parcels["area_ha"] = parcels.to_crs(6933).area / 1e4
    parcels["small"] = parcels["area_ha"] < 0.5
    parcels["inside"] = inside.to_crs(4326)
    parcels.to_crs(4326).to_parquet(folder / "plain.parquet", compression="zstd")


SIDES = {"ours": ours, "plain": plain}


def compare(folder: Path) -> str:
    """How what both sides wrote differs; a class or a flag must not."""
    columns = ["parcel", "class", "area_ha", "flags", "inside", "geometry"]
    mine = pa.concat_tables(harmonised.read(folder / "ours.parquet", columns)).to_pandas().set_index("parcel")
    theirs = pq.read_table(folder / "plain.parquet", columns=["ID", "class", "area_ha", "repaired", "sliver",
                                                              "overlaps", "duplicate", "inside", "geometry"])
    other = theirs.to_pandas().set_index("ID")
    mine = mine.loc[other.index]
    if (mine["class"] != other["class"]).any():
        raise SystemExit("classes differ")
    for flag in ("repaired", "overlaps", "duplicate"):
        wrong = mine["flags"].str.split(",").map(set(flag.split()).issubset) != other[flag]
        if wrong.any():
            raise SystemExit(f"{wrong.sum()} parcels differ in {flag!r}")
    drawn = shapely.area(shapely.from_wkb(mine["inside"].to_numpy()))
    beside = shapely.area(shapely.from_wkb(other["inside"].to_numpy()))
    whole = shapely.area(shapely.from_wkb(mine["geometry"].to_numpy()))
    inside = np.abs(np.nan_to_num(drawn) - np.nan_to_num(beside)) / whole
    area = np.abs(mine["area_ha"] / other["area_ha"] - 1)
    return (f"classes and flags are the same; areas differ by {area.max():.3%} at most, what is inside by"
            f" {inside.mean():.3%} of the parcel on average, {inside.max():.2%} at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parcels", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    typed = parser.parse_args()
    if typed.child:
        began = time.perf_counter()
        SIDES[typed.child[0]](Path(typed.child[1]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)
        print(json.dumps([time.perf_counter() - began, peak]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        # In a process of its own: a child counts the memory of who started it in its peak.
        subprocess.run([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r});"
                        f"import bench_labels as b; b.simulate({typed.parcels}, b.Path({temporary!r}))"], check=True)
        took: dict[str, list[float]] = {side: [] for side in SIDES}
        peaks = dict.fromkeys(SIDES, 0.0)
        for _ in range(typed.rounds):
            for side in SIDES:
                done = subprocess.run([sys.executable, __file__, "--child", side, temporary], check=True,
                                      capture_output=True, text=True)
                seconds, peak = json.loads(done.stdout.splitlines()[-1])
                took[side].append(seconds)
                peaks[side] = max(peaks[side], peak)
        print(f"{typed.parcels:,} simulated parcels, {(folder / 'parcels.gpkg').stat().st_size / 1e6:,.0f} MB:")
        for side in SIDES:
            print(f"  {side:<6} {statistics.median(took[side]):6.1f} s, {peaks[side]:.1f} GB at most")
        ratio = statistics.median(took["ours"]) / statistics.median(took["plain"])
        print(f"  ours takes {ratio:.2f} of the time (goal {GOAL}), {peaks['ours']:.1f} GB (goal {GOAL_GB:g})")
        print(f"  {compare(folder)}")


if __name__ == "__main__":
    main()
