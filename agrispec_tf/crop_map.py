"""A run's area mapped by one of its models: images of pixels, and a table of parcels.

Readers, model and writers work side by side on blocks of pixels, a few of which are in memory at a time. What is done
stands in `RUN/predicting/` until all is; then `RUN/predictions/` is replaced as a whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import logit

from agrispec.ahead import ahead
from agrispec.config import Config
from agrispec.errors import DataError
from agrispec.formats import geopackage
from agrispec.formats.atomic import remove_parts, whole_folder
from agrispec_tf import map_checkpoint, model_folder, picture, run_models
from agrispec_tf.data.samples import Series
from agrispec_tf.data.thermal_axis import continued
from agrispec_tf.deployment import runtimes
from agrispec_tf.deployment.runtimes import Chosen
from agrispec_tf.map_checkpoint import Checkpoint
from agrispec_tf.model_folder import Trained
from agrispec_tf.predict import ParcelSums, Prediction, Predictor
from agrispec_tf.triage import confident
from exports import manifest, map_images, mapping, parcels, predictions, products, tiles
from exports.blocks import Block, Source
from exports.map_images import LOGITS, Pixels
from exports.polygons import Polygons
from exports.products import Product
from exports.runs import PREDICTION_CARD, Run
from exports.tiles import Canvas

MAJORITY, BAYESIAN = "majority", "bayesian"
"""Ways to smooth classes."""

_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 are as sure as this where logits are smoothed: what is infinite has no mean."""

_WAITING = 2
"""Predicted blocks that may wait to be written."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parcels:
    """A map's parcels: in degrees, and they on its pixels."""

    asked: parcels.Asked
    shapes: Polygons

    @classmethod
    def of(cls, fields: Sequence[Mapping[str, Any]], config: Config) -> Parcels:
        """Features on the map of a configuration; none where there are none.

        Raises:
            ConfigError: the map's CRS is unknown, or does not count in metres.
            DataError: they cannot be told apart, or have no shape.
        """
        crs = mapping.grid_of(config).crs
        asked = parcels.Asked.of(fields, config.labels.parcel_id)
        return cls(asked=asked, shapes=Polygons.of(asked.shapes, crs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """What turns probabilities into products: the thresholds of review and of conformal sets."""

    threshold: float
    least: float


@dataclass(slots=True, kw_only=True, eq=False)
class _Model:
    """A trained model on a runtime, which is compared with others once there are `runtimes.SHOWN` pixels to do it on.

    Attributes:
        begun: the runtime until then: the one that was asked for, Keras where none was.
        shown: the pixels so far.
        chosen: the runtime from then on.
    """

    run: Run
    config: Config
    name: str
    trained: Trained
    runtime: str
    begun: Predictor | None = None
    shown: Series | None = None
    chosen: Chosen | None = None

    def probabilities(self, series: Series, checkpoint: Checkpoint) -> NDArray[np.float32]:
        if self.chosen is None and checkpoint.runtime is not None:
            # Gone on with as it was begun: another runtime's last digits differ.
            name = str(checkpoint.runtime["name"])
            self.chosen = Chosen(name=name, predictor=self._opened(name))
        if self.chosen is not None:
            return self.chosen.predictor.probabilities(series)
        if self.begun is None:
            self.begun = self._opened(runtimes.KERAS if self.runtime == runtimes.AUTO else self.runtime)
        known = 0 if self.shown is None else len(self.shown)
        more = series.take(np.arange(min(len(series), runtimes.SHOWN - known)))
        self.shown = more if self.shown is None else self.shown.joined(more)
        if len(self.shown) < runtimes.SHOWN:
            return self.begun.probabilities(series)
        return self._choose(self.runtime, self.begun, self.shown, checkpoint).predictor.probabilities(series)

    def settle(self, checkpoint: Checkpoint) -> None:
        """What computed a map of fewer pixels is compared on these; where none was asked for it was Keras."""
        if self.chosen is None and self.begun is not None and self.shown is not None:
            self._choose(runtimes.KERAS if self.runtime == runtimes.AUTO else self.runtime, self.begun, self.shown,
                         checkpoint)

    def _choose(self, runtime: str, begun: Predictor, shown: Series, checkpoint: Checkpoint) -> Chosen:
        self.chosen = runtimes.choose(self.run, self.config, self.name, self.trained, runtime, begun, shown)
        checkpoint.runtime = self.chosen.said
        return self.chosen

    def _opened(self, runtime: str) -> Predictor:
        return runtimes.opened(self.run, self.config, self.name, self.trained, runtime)


def run_predict(run: Run, config: Config, model: str, source: Source, of_parcels: Parcels,
                progress: Callable[[float], None], doubt: Callable[[str], None], *, runtime: str = runtimes.AUTO,
                smooth: str | None = None) -> dict[str, Any]:
    """Predict every pixel of a source, and every parcel, into `predictions/`, all of it or nothing. One process at a
    time does so.

    A map that was interrupted goes on where it was, if model, cube, season, grid, masks, parcels, source and runtime
    are what they were and what Bayes smooths is kept as it was, and begins anew if not.

    Args:
        model: folder name below `model/`.
        source: the pixels.
        of_parcels: the parcels of the same configuration.
        progress: told of the share that is done.
        doubt: told why an unfinished map is dropped.
        runtime: what computes the model, as in `runtimes.choose`.
        smooth: `MAJORITY` or `BAYESIAN`, beside the classes as they are; None leaves it.

    Returns:
        what stands in `prediction.json`, too.

    Raises:
        RunError: there is no such model.
        SchemaMismatch: the pixels are of another cube than the model.
        DataError: nothing was to be mapped.
    """
    trained = run_models.load(run, config, model)
    runtimes.check(run, model, runtime)
    trained.cube.check_read(source.spec)
    classes, tiling = len(trained.class_names), source.tiling
    said = {"season": source.season, "model": model, "model_digest": model_folder.digest(run.models / model),
            "cube": source.spec.digest, "source": dict(source.about)}
    checkpoint = map_checkpoint.opened(run.predicting, {
        **said, "crs": tiling.grid.crs, "transform": list(tiling.grid.transform), "shape": list(tiling.grid.shape),
        "side": tiling.side, "runtime": runtime, "logits": smooth == BAYESIAN,
        "parcels": of_parcels.asked.digest}, len(of_parcels.asked), classes, doubt)
    images = {product.name: (np.dtype(product.dtype), 1) for product in products.RAW if product != products.CONFIDENT}
    if smooth == BAYESIAN:
        images[LOGITS] = np.dtype(np.float16), classes
    judge = _Judge(threshold=config.training.confidence,
                   least=trained.training.get("calibration", {}).get("least", 0.0))
    with tiles.canvas(run.predicting, tiling, images) as canvas:
        _map(source, _Model(run=run, config=config, name=model, trained=trained, runtime=runtime), judge, canvas,
             of_parcels, checkpoint, progress)
        rate = round(checkpoint.pixels / checkpoint.seconds) if checkpoint.seconds else None
        remove_parts(run.predictions)
        with whole_folder(run.predictions) as folder:
            card = _write(folder, canvas, config, judge, of_parcels, checkpoint.sums, smooth, {
                **said, "threshold": judge.threshold, "least": judge.least, "simulated": manifest.simulated(run.path),
                "warmth_stops": checkpoint.stopped, "smooth": smooth,
                "runtime": checkpoint.runtime and {**checkpoint.runtime, "pixels_per_s": rate}})
    shutil.rmtree(run.predicting, ignore_errors=True)
    return card


def _map(source: Source, model: _Model, judge: _Judge, canvas: Canvas, of_parcels: Parcels, checkpoint: Checkpoint,
         progress: Callable[[float], None]) -> None:
    """Map what is not done yet: a thread reads the next block and one writes the last ones meanwhile."""
    waiting: deque[Future[None]] = deque()
    if checkpoint.done == canvas.tiling.count:
        return
    with (ThreadPoolExecutor(1) as writer,
          closing(ahead(source.blocks(checkpoint.done), 1, source.stop)) as blocks):
        for block in blocks:
            places = Series(cube=source.spec, values=block.values, counts=block.counts, heat=block.heat)
            began = time.perf_counter()
            found = np.empty((0, len(model.trained.class_names)), np.float32)
            if len(places):
                found = model.probabilities(places, checkpoint)
            seconds = time.perf_counter() - began
            if len(waiting) == _WAITING:
                waiting.popleft().result()
            waiting.append(writer.submit(_lay, block, places, Prediction(found), seconds, judge, canvas, of_parcels,
                                         checkpoint))
            progress(block.first / canvas.tiling.count)
        for written in waiting:
            written.result()
    model.settle(checkpoint)


def _lay(block: Block, places: Series, found: Prediction, seconds: float, judge: _Judge, canvas: Canvas,
         of_parcels: Parcels, checkpoint: Checkpoint) -> None:
    """Write a block's products, add its pixels to their parcels, and keep that it is done; in this order."""
    count, side = len(block.looks), canvas.tiling.side
    images: dict[str, NDArray[Any]] = {products.LOOKS.name: block.looks}
    for product, values in _products(found, judge).items():
        image = np.full(block.looks.size, product.missing, product.dtype)
        image[block.seen] = values
        images[product.name] = image.reshape(block.looks.shape)
    if LOGITS in canvas.images:
        logits = np.full((block.looks.size, found.probabilities.shape[-1]), np.nan, np.float16)
        logits[block.seen] = logit(np.clip(found.probabilities, _LEAST, 1 - _LEAST))
        images[LOGITS] = logits.reshape(*block.looks.shape, -1)
    canvas.write(block.first, images)
    if len(of_parcels.asked):
        numbers = np.stack([of_parcels.shapes.numbers(canvas.tiling.tile(number))
                            for number in range(block.first, block.first + count)])
        checkpoint.sums.add(found, numbers.reshape(count * side**2)[block.seen])
    checkpoint.stopped += 0 if places.heat is None else continued(places)
    checkpoint.pixels, checkpoint.seconds = checkpoint.pixels + len(places), checkpoint.seconds + seconds
    checkpoint.done = block.first + count
    checkpoint.save_now_and_then()


def _products(found: Prediction, judge: _Judge) -> dict[Product, NDArray[Any]]:
    return {products.CLASS: found.classes, products.PROBABILITY: found.probability, products.SECOND: found.second,
            products.ENTROPY: found.entropy, products.SET_SIZE: found.set_size(judge.least)}


def _confident(canvas: Canvas, threshold: float) -> Pixels:
    """`products.CONFIDENT`, which follows from the probability."""
    def pixels(*window: int) -> NDArray[np.uint8]:
        probability = canvas.window(products.PROBABILITY.name, *window)
        return np.where(probability == products.PROBABILITY.missing, products.CONFIDENT.missing,
                        confident(probability, threshold)).astype(np.uint8)

    return pixels


def _write(folder: Path, canvas: Canvas, config: Config, judge: _Judge, of_parcels: Parcels, sums: ParcelSums,
           smooth: str | None, said: Mapping[str, Any]) -> dict[str, Any]:
    """Write the images of a whole canvas, its table and its cards; what `prediction.json` says."""
    taxonomy, grid = config.taxonomy, canvas.tiling.grid
    images = {product: map_images.raw(canvas, product) for product in products.RAW}
    images[products.CONFIDENT] = _confident(canvas, judge.threshold)
    counts = map_images.count(canvas, len(taxonomy), images[products.CONFIDENT])
    if counts.masked == grid.width * grid.height:
        raise DataError("no pixel was to be mapped", mend="look at [map] aoi and mask: pixels are mapped whose centre"
                        " lies in a polygon of the one, and where the other is not 0")
    if smooth:
        images[products.SMOOTHED] = (map_images.majority if smooth == MAJORITY else map_images.bayesian)(canvas)
    title = f"Crop map {said['season']} by {said['model']}"
    # One image after another, for each takes memory, and all cores; the picture is drawn meanwhile.
    with ThreadPoolExecutor(1) as pool:
        written = [pool.submit(map_images.write, canvas, product, pixels, taxonomy, folder)
                   for product, pixels in images.items()]
        try:
            classes, probability = map_images.thinned(canvas, [products.CLASS.name, products.PROBABILITY.name])
            picture.draw_map(folder / "map.png", classes, probability, taxonomy.names, taxonomy.colours,
                             f"{title} (simulated)" if said["simulated"] else title)
            for done in written:
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # or all the others would be written first
            raise
    rows_of_parcels = int((sums.pixels > 0).sum())
    if len(of_parcels.asked):
        table = parcels.table(of_parcels.asked, taxonomy.names, _findings(sums, judge))
        parcels.write(folder / parcels.FILE, table)
        geopackage.write(folder / parcels.GEOPACKAGE, pa.Table.from_pandas(table, preserve_index=False), "parcels")
    card = {
        **said, "pixels": dict(zip(taxonomy.names, counts.classes, strict=True)), "unseen": counts.unseen,
        "masked": counts.masked, "confident": counts.confident / max(sum(counts.classes) + counts.unseen, 1),
        "parcels": rows_of_parcels, "parcels_asked": len(sums.pixels),
        "parcels_without_pixels": len(sums.pixels) - rows_of_parcels,
        "products": {each.name: {"file": each.file, "digest": manifest.digest(folder / each.file),
                                 "missing": each.missing, "pyramiding": each.pyramiding} for each in images},
        "parcels_digest": manifest.digest(folder / parcels.FILE) if len(of_parcels.asked) else None,
        "class_digest": manifest.digest(folder / products.CLASS.file)}
    item = predictions.item(card, f"{said['model']}-{said['season']}", grid, config.season_of(said["season"]), taxonomy,
                            config.publish.licence)
    for name, content in ((predictions.ITEM, item), (PREDICTION_CARD, card)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return card


def _findings(sums: ParcelSums, judge: _Judge) -> parcels.Findings:
    found = sums.prediction()
    ranked, probabilities = found.ranked(3)
    return parcels.Findings(ranked=ranked, probabilities=probabilities, entropy=found.entropy,
                            agreement=sums.agreement(), set_size=found.set_size(judge.least),
                            confident=found.confident(judge.threshold), pixels=sums.pixels)
