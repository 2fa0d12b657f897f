"""Is the simulated landscape neither trivial nor hopeless?

A random forest learns the crops of the first season on two thirds of the 0.1 degree cells and is scored on the
others, from 5-day medians of May to November that are filled linearly. It should reach a macro-F1 of 0.80 to
0.95: the landscape's difficulty was set by this score and by nothing else. The later season is never opened here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import confusion_matrix, f1_score

from agrispec.season import Season, Window
from scenes.canopy import CanopyTable
from scenes.landscape import Landscape, Scenes, label_image, landscape_window, scenes_of
from scenes.phenology import CROPS

CLEAR = 0.75
ERODE_PIXELS = 2
PER_CLASS = 13
HELD_OUT = 3  # every third cell
SEEDS = (7, 8, 9)


def filled_medians(scenes: Scenes, rows: NDArray[np.intp], columns: NDArray[np.intp], year: int) -> NDArray[np.float64]:
    """5-day medians of the clear looks at some pixels, filled linearly: (N, 430)."""
    season, window = Season.of(year), Window.of_days(121, 334, 5)
    steps = np.array([season.step_of(time.date()) for time in scenes.overhead.times])
    clear = scenes.cs[:, rows, columns] >= CLEAR
    seen = np.where(clear[:, None], scenes.dn[:, :, rows, columns] / 1e4, np.nan)
    medians = np.full((window.steps, 10, len(rows)), np.nan)
    for i, step in enumerate(window):
        looks = seen[steps == step]
        some = np.isfinite(looks).any(axis=0)
        medians[i][some] = np.nanmedian(looks[:, some], axis=0)
    time = np.arange(window.steps)
    for band in range(10):
        for pixel in range(len(rows)):
            series = medians[:, band, pixel]
            known = np.isfinite(series)
            medians[:, band, pixel] = np.interp(time, time[known], series[known])
    return medians.transpose(2, 1, 0).reshape(len(rows), -1)


def samples(landscape: Landscape) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Features (N, 430), class numbers (N,) and cells (N,) of at most 13 places a class and cell, season 1."""
    table, year = CanopyTable.computed(), landscape.seasons[0]
    features, classes, cells = [], [], []
    for number in range(landscape.windows):
        window = landscape_window(landscape, number)
        labels, random = label_image(window, year, landscape), np.random.default_rng([landscape.seed, number])
        inside = ndimage.minimum_filter(labels, 2 * ERODE_PIXELS + 1) == ndimage.maximum_filter(
            labels, 2 * ERODE_PIXELS + 1)
        chosen = []
        for code in range(1, len(CROPS) + 1):
            places = np.flatnonzero(inside & (labels == code))
            chosen.append(random.choice(places, min(PER_CLASS, len(places)), replace=False))
        rows, columns = np.unravel_index(np.concatenate(chosen), labels.shape)
        features.append(filled_medians(scenes_of(landscape, window, year, table), rows, columns, year))
        classes.append(labels[rows, columns].astype(np.intp) - 1)
        cells.append(np.full(len(rows), number))
    return np.concatenate(features), np.concatenate(classes), np.concatenate(cells)


def scores(landscape: Landscape) -> tuple[list[float], NDArray[np.intp]]:
    """Macro-F1 on each third of the cells, and the summed confusion matrix (truth in rows)."""
    features, classes, cells = samples(landscape)
    found, matrix = [], np.zeros((len(CROPS), len(CROPS)), np.intp)
    for third in range(HELD_OUT):
        held = cells % HELD_OUT == third
        forest = RandomForestClassifier(300, class_weight="balanced", random_state=third, n_jobs=2)
        guess = forest.fit(features[~held], classes[~held]).predict(features[held])
        found.append(float(f1_score(classes[held], guess, average="macro", labels=np.unique(classes[held]))))
        matrix += confusion_matrix(classes[held], guess, labels=range(len(CROPS)))
    return found, matrix


def main() -> None:
    """Prints the score and its bounds."""
    found: list[float] = []
    matrix = np.zeros((len(CROPS), len(CROPS)), np.intp)
    for seed in SEEDS:
        one, confusion = scores(Landscape(seed=seed))
        found += one
        matrix += confusion
        print(f"seed {seed}: macro-F1 {' '.join(f'{score:.3f}' for score in one)}")
    for name, row in zip(CROPS.names, matrix, strict=True):
        print(f"{name:>14s} {' '.join(f'{count:5d}' for count in row)}")
    mean = float(np.mean(found))
    print(f"random forest on held-out cells of season 1: macro-F1 {mean:.3f}, standard deviation {np.std(found):.3f}, "
          f"{min(found):.3f} to {max(found):.3f} over {len(found)} folds")
    print(f"landscape_hard_enough ratio={mean:.3f} goal=<=0.95")
    print(f"landscape_learnable ratio={mean:.3f} goal=>=0.80")


if __name__ == "__main__":
    main()
