"""Trains a tiny network on JAX into a folder and prints its history as JSON; a line an epoch before that.

    python train_on_jax.py [FOLDER]
"""

import json
import sys
from pathlib import Path

# Keras looks for TensorFlow on JAX, too, where it is installed; its 7 seconds are the test's.
sys.modules["tensorflow"] = None
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np  # noqa: E402
from small_season import NAMES, grown, small_cube  # noqa: E402

from agrispec_tf import train  # noqa: E402
from agrispec_tf.data.augmentation import Augmentation  # noqa: E402
from agrispec_tf.models.cropnet import CropNetOptions  # noqa: E402
from agrispec_tf.recipes import Recipe  # noqa: E402


def main() -> None:
    folder = Path(sys.argv[1])
    how = Recipe(epochs=12, batch=8, learning_rate=1e-3, augmentation=Augmentation(redrawn=True))
    trained = train.fit(CropNetOptions.for_cube(small_cube(), 3), grown(48), grown(30, seed=1, place="V"),
                        class_names=NAMES, how=how, seed=3, folder=folder,
                        on_epoch=lambda row: print(row["epoch"], flush=True))
    np.savez(folder / "weights.npz", *trained.model.get_weights())
    print(json.dumps([{**row, "seconds": 0} for row in trained.history]))


def first_epochs() -> None:
    """Of so many samples that two devices share each batch evenly, and of so many that they do not."""
    print(json.dumps([dict(train.fit(CropNetOptions.for_cube(small_cube(), 3), grown(count), grown(31, place="V"),
                                     class_names=NAMES, how=Recipe(epochs=1, batch=8, learning_rate=1e-3),
                                     seed=3).history[0]) for count in (16, 27)]))


if __name__ == "__main__":
    first_epochs() if sys.argv[1:] == [] else main()
