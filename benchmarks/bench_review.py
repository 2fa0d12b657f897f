"""How soon the review page answers with 100,000 parcels in the queue: ranked, served, interactive in a browser, judged.

The limit is 1 s from the request of the page until the first parcel is shown and its keys work. Parcels are simulated
squares; series and pictures, which come later and from an engine, are not asked for.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pandas as pd
import shapely

from agrispec.errors import EngineError
from agrispec_tf import triage
from exports import manifest, parcels, runs
from exports.review import queue, verdicts
from exports.review.desk import Desk
from exports.review.log import Log
from exports.review.server import ReviewServer
from exports.review.verdicts import Verdict

PARCELS, LIMIT_S, TRIES = 100_000, 1.0, 5
CHROMIUM = "/usr/bin/chromium"
CROPS = ("wheat", "barley", "rapeseed", "maize", "beet", "potato", "grass", "other")
COLOURS = ("#e69f00", "#d55e00", "#f0e442", "#0072b2", "#cc79a7", "#56b4e9", "#009e73", "#999999")


def simulated_run(path: Path) -> runs.Run:
    """A run whose predictions are `PARCELS` doubtful squares of 100 m, side by side."""
    classes = "".join(f'[[classes]]\nname = "{name}"\ncodes = [{number}]\ncolour = "{colour}"\n'
                      for number, (name, colour) in enumerate(zip(CROPS, COLOURS, strict=True)))
    run = runs.create(path, '[area]\ncells = ["E0040N0484"]\n[season]\nsource = [2023]\ntarget = 2024\n'
                            '[labels]\nimages = "projects/x/assets/labels"\nband = "crop"\n'
                            '[map]\nbounds = [0, 0, 1000, 1000]\ncrs = "EPSG:32631"\n' + classes)
    generator, side = np.random.default_rng(0), int(np.ceil(np.sqrt(PARCELS)))
    row, column = np.divmod(np.arange(PARCELS), side)
    west, south = 4 + column * 0.0014, 48 + row * 0.0009
    shapes = shapely.box(west, south, west + 0.0013, south + 0.0008)
    shares = np.sort(generator.dirichlet(np.ones(3), PARCELS), axis=1)[:, ::-1]
    ranked = np.argsort(generator.random((PARCELS, len(CROPS))), axis=1)[:, :3]
    table = {"parcel_id": np.arange(PARCELS)}
    for number, name in enumerate(("class", "second", "third")):
        prefix = "" if number == 0 else f"{name}_"
        table |= {name: ranked[:, number], f"{prefix or 'class_'}name": np.array(CROPS)[ranked[:, number]],
                  f"{prefix}probability": shares[:, number].round(4)}
    table |= {"entropy": -(shares * np.log(np.maximum(shares, 1e-9))).sum(axis=1) / np.log(len(CROPS)),
              "agreement": generator.random(PARCELS), "set_size": generator.integers(1, 4, PARCELS), "confident": 0,
              "area_ha": generator.gamma(2, 1, PARCELS) + 0.1, "pixels": 100, "geometry": shapely.to_wkb(shapes)}
    run.predictions.mkdir()
    pd.DataFrame(table).to_parquet(run.predictions / parcels.FILE)
    (run.predictions / "class.tif").write_bytes(b"")
    digest = manifest.digest(run.predictions / "class.tif")
    (run.predictions / runs.PREDICTION_CARD).write_text(json.dumps(
        {"season": 2024, "model": "cropnet", "model_digest": "0" * 16, "cube": run.config.spec.digest,
         "simulated": True, "threshold": 0.65, "confident": 0.0, "parcels": PARCELS,
         "class_digest": digest, "parcels_digest": manifest.digest(run.predictions / parcels.FILE),
         "products": {"class": {"file": "class.tif", "digest": digest, "missing": 255, "pyramiding": "MODE"}}}))
    return run


def refusing(*arguments: object) -> object:
    """What an engine without imagery answers."""
    raise EngineError("this benchmark has no engine", mend="none is needed")


def interactive(url: str) -> list[float]:
    """Seconds from the request of the page until its first parcel is shown, each time in a new browser context."""
    from playwright.sync_api import sync_playwright
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(TRIES):
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            page = context.new_page()
            page.goto(url)
            page.wait_for_selector("html[data-ready]")
            found.append(page.evaluate("() => performance.getEntriesByName('interactive')[0].startTime") / 1000)
            context.close()
        browser.close()
    return found


def judging(run: runs.Run, waiting: queue.Queue, desk: Desk) -> list[float]:
    """Seconds of a verdict where another reviewer has judged the whole queue."""
    Log(run.review, CROPS).append(
        Verdict(parcel=parcel, verdict="skip", class_name=None, reviewer="simulated", time=verdicts.now(), season=2024,
                model="0" * 16, prediction="0" * 16) for parcel in waiting.table[waiting.key])
    desk.state()
    found = []
    for position in range(TRIES):
        began = time.perf_counter()
        desk.judge(position, "accept", None)
        found.append(time.perf_counter() - began)
    return found


def main() -> None:
    with TemporaryDirectory() as folder:
        run = simulated_run(Path(folder) / "run")
        began = time.perf_counter()
        queue.make(run, "parcel_id", triage.ranking)
        print(f"ranked and written, {PARCELS:,} simulated parcels: {time.perf_counter() - began:.2f} s")
        began = time.perf_counter()
        waiting = queue.read(run)
        desk = Desk(run, run.config, SimpleNamespace(pixels=refusing), SimpleNamespace(window=refusing, look=refusing),
                    waiting, "bench")
        with ReviewServer(desk) as server:
            print(f"queue read and page served: {time.perf_counter() - began:.2f} s")
            if shutil.which(CHROMIUM):
                times = interactive(server.url)
                print(f"page interactive: median {np.median(times):.2f} s, worst of {TRIES} {max(times):.2f} s;"
                      f" {np.median(times) / LIMIT_S:.2f}x of the limit of {LIMIT_S:g} s")
            else:
                print(f"there is no {CHROMIUM}: how soon the page is interactive was not measured")
        times = judging(run, waiting, desk)
        print(f"a verdict after {PARCELS:,} others: median {1e3 * np.median(times):.1f} ms, worst of"
              f" {TRIES} {1e3 * max(times):.1f} ms")


if __name__ == "__main__":
    main()
