"""Recipes: how a network is trained, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from agrispec.errors import ConfigError
from agrispec_tf.data.augmentation import Augmentation

PRECISIONS = ("float32", "bfloat16", "float16")
"""What a training step can compute in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: passes over the training samples, at most.
        batch: samples in a batch.
        learning_rate: Adam's, constant.
        augmentation: None for none.
        standardised: whether features are standardised by statistics of the training fold.
        limit: training samples that are used at most; None uses all.
        patience: epochs without a higher macro-F1 on the validation fold after which training ends; None goes
            through all epochs, as published.
        balance: power of the balanced class weights: at 1 every class weighs the same in the loss, as published, at 0
            every sample does. In between rare crops are found without being seen everywhere.
        precision: one of `PRECISIONS`, in which a training step computes. Weights, logits, the loss, scores and the
            network that comes out of training are float32 always.
    """

    epochs: int
    batch: int
    learning_rate: float
    augmentation: Augmentation | None = None
    standardised: bool = False
    limit: int | None = None
    patience: int | None = None
    balance: float = 1.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2 or self.learning_rate <= 0:
            raise ConfigError(f"{self.epochs} epochs of batches of {self.batch} at a learning rate of"
                              f" {self.learning_rate} teach nothing",
                              mend="give at least 1 epoch, 2 samples a batch and a positive learning rate")
        if self.patience is not None and self.patience < 1:
            raise ConfigError(f"a patience of {self.patience} epochs ends training before it begins",
                              mend="give 1 epoch or more, or none to go through all of them")
        if not 0 <= self.balance <= 1:
            raise ConfigError(f"class weights cannot be balanced to the power of {self.balance}",
                              mend="give a number from 0 to 1")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"no training step computes in {self.precision!r}",
                              mend=f"choose {', '.join(PRECISIONS)}")


# CropNet's is the released trainer's, https://github.com/x-ytong/CropNet, which trains its MLP likewise but for the
# augmentation; here the networks that CropNet is compared with get the same. No protocol is published for the Bi-GRU:
# its recipe is this project's.
_PUBLISHED = Recipe(epochs=50, batch=256, learning_rate=1e-4, augmentation=Augmentation())
_DEMO = Recipe(epochs=15, batch=64, learning_rate=1e-3, limit=1200, augmentation=Augmentation(redrawn=True))
# For hundreds or thousands of labelled places, on which the published recipe makes too few updates, and whose rare
# crops weigh so much in it that they are seen everywhere. Compared with others on the training blocks of real fields
# alone (benchmarks/bench_fields.py).
_SMALL = Recipe(epochs=60, batch=32, learning_rate=1e-3, standardised=True, patience=15, balance=0.5,
                augmentation=Augmentation(shift_days=10, scale_days=(-10, 10), dropped_share=0.3, copies=3,
                                          redrawn=True))
_AS_CROPNET = ("cropnet", "cropnet-1d", "mlp", "tempcnn", "imagenet")
PRESETS: Mapping[str, Mapping[str, Recipe]] = {
    "published": {**dict.fromkeys(_AS_CROPNET, _PUBLISHED),
                  "bigru": Recipe(epochs=50, batch=128, learning_rate=1e-3, standardised=True)},
    "small": dict.fromkeys((*_AS_CROPNET, "bigru"), _SMALL),
    "demo": {**dict.fromkeys(_AS_CROPNET, _DEMO),
             "bigru": Recipe(epochs=15, batch=64, learning_rate=1e-3, limit=1200, standardised=True)},
}
"""Recipes by preset and architecture."""

FINETUNING = Recipe(epochs=40, batch=16, learning_rate=1e-3)
"""Of both stages of a fine-tuning, the second of which is slower (`agrispec_tf.finetune`).

A TempCNN that knew Fergana's parcels of other years was adapted to 2016 by 5 labels a class, 3 seeds. With half or
twice the batch, a triple rate, or augmentation by 10 days and dropped looks it was within 0.013 macro-F1 of this
recipe, and nowhere above by more than 0.003; with 100 epochs it was 0.03 below. Augmentation would ask for exports of
the whole year, too.
"""


def recipe(preset: str, architecture: str) -> Recipe:
    """A named recipe.

    Raises:
        ConfigError: there is no such preset or architecture.
    """
    for name, known in ((preset, PRESETS), (architecture, PRESETS["published"])):
        if name not in known:
            raise ConfigError(f"there is no recipe {preset!r} for {architecture!r}",
                              mend=f"instead of {name!r} use one of {', '.join(known)}")
    return PRESETS[preset][architecture]


def changed(how: Recipe, epochs: int | None = None, patience: int | None = None,
            precision: str | None = None) -> Recipe:
    """A recipe with what is not None in its place.

    Raises:
        ConfigError: the recipe cannot be.
    """
    return replace(how, epochs=epochs or how.epochs, patience=patience or how.patience,
                   precision=precision or how.precision)
