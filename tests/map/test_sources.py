"""A map is the same however its pixels come."""

import threading

import numpy as np
import pandas as pd
import pytest

from agrispec.errors import EngineUnreachable
from agrispec_tf import crop_map
from agrispec_tf.deployment import runtimes
from exports import mapping, parcels
from gee_scripts import engine as engines
from gee_scripts import export as graphs

from .conftest import copied, images, map_of, of_patches, quiet


def test_a_streamed_map_is_the_map_of_patches(run, tiny, fields, mapped, tmp_path, monkeypatch):
    streamed = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)  # four windows, three of which reach over the edge
    engine = engines.open(streamed.config.engine, streamed.path)
    try:
        source = mapping.stream_of(streamed.config, engine, graphs, None, 2023)
        assert source.tiling.count == 4
        card = map_of(streamed, streamed.config, source, fields)
    finally:
        engine.close()
    for name, image in images(streamed).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    pd.testing.assert_frame_equal(parcels.read(streamed.predictions / parcels.FILE), mapped[2])
    told = ("source", "runtime", "products", "parcels_digest")
    assert {key: card[key] for key in card if key not in told} == {key: mapped[0][key] for key in card
                                                                   if key not in told}


@pytest.mark.parametrize("pixels", [1, 10**6])
def test_one_block_and_many_are_one_map(run, fields, mapped, tmp_path, monkeypatch, pixels):
    again = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._PIXELS", pixels)
    map_of(again, again.config, of_patches(again), fields)
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)
    pd.testing.assert_frame_equal(parcels.read(again.predictions / parcels.FILE), mapped[2])


@pytest.mark.parametrize(("runtime", "most", "compared"), [
    ("auto", 100, ("auto", 100)), ("auto", 10**6, ("keras", None)), ("int8", 100, ("int8", 100)),
    ("int8", 10**6, ("int8", None))])
def test_runtimes_are_compared_once_there_are_pixels_enough(run, mapped, tmp_path, monkeypatch, runtime, most,
                                                            compared):
    again, seen = copied(run, tmp_path), sum(mapped[0]["pixels"].values())
    monkeypatch.setattr("exports.blocks._PIXELS", 1)  # 64 pixels a block
    monkeypatch.setattr(runtimes, "SHOWN", most)
    monkeypatch.setattr(runtimes, "check", lambda *arguments: None)
    opened, asked, choose = [], [], runtimes.choose
    monkeypatch.setattr(runtimes, "opened", lambda *arguments: opened.append(arguments[-1]) or arguments[3])
    monkeypatch.setattr(runtimes, "choose", lambda *arguments: asked.append((arguments[4], len(arguments[-1])))
                        or choose(*arguments))
    card = map_of(again, again.config, of_patches(again), (), runtime=runtime)
    # Until then what was asked for computes, and Keras where nothing was: all of a map of fewer pixels.
    assert opened == ["keras" if runtime == "auto" else runtime]
    assert asked == [(compared[0], compared[1] or seen)]
    assert card["runtime"]["compared"] == (compared[1] or seen)
    for name, image in images(again).items():
        np.testing.assert_array_equal(image, mapped[1][name], err_msg=name)


def test_a_map_that_is_interrupted_does_not_wait_for_an_engine_that_is_silent(run, tmp_path, monkeypatch):
    again = copied(run, tmp_path)
    monkeypatch.setattr("exports.blocks._LARGEST", 16)
    monkeypatch.setattr("exports.export.window._PAUSE_S", (3600.0, 3600.0))
    engine = engines.open(again.config.engine, again.path)
    pixels, silent = type(engine).pixels, threading.Event()

    def answer(self, graph, grid):
        if (grid.transform[2], grid.transform[5]) != (613000, 5402000):
            silent.set()
            raise EngineUnreachable("silence", mend="wait")
        return pixels(self, graph, grid)

    def interrupt(share):
        silent.wait(60)
        raise KeyboardInterrupt

    def predicting():
        with pytest.raises(KeyboardInterrupt):
            crop_map.run_predict(again, again.config, "forest", source, crop_map.Parcels.of((), again.config),
                                 interrupt, quiet)
        left.set()
    monkeypatch.setattr(type(engine), "pixels", answer)
    source, left = mapping.stream_of(again.config, engine, graphs, None, 2023), threading.Event()
    try:
        threading.Thread(target=predicting, daemon=True).start()
        assert left.wait(60)
    finally:
        source.stop()
        engine.close()
