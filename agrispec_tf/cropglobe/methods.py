"""What can be trained on CropGlobe: networks, forests and boosting, and the files that each reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agrispec.errors import ConfigError
from agrispec_tf.baselines.boosting import Boosting
from agrispec_tf.baselines.forest import Forest
from agrispec_tf.cropglobe.files import FILES, SERIES, VECTORS
from agrispec_tf.data.augmentation import V1, V3, Augmentation
from agrispec_tf.models import architectures

AUGMENTATIONS: Mapping[str, Augmentation | None] = {"v1": V1, "v3": V3, "none": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What can be trained.

    Attributes:
        learner: one of `agrispec_tf.models.architectures.MODELS`, or of `agrispec_tf.baselines.baseline.METHODS`.
        kind: the files it reads, one of `FILES`.
        augmentation: one of `AUGMENTATIONS`, unless settings name another for networks that read series.
    """

    learner: str
    kind: str = SERIES
    augmentation: str = "none"

    @property
    def network(self) -> bool:
        """Whether it is one, with epochs to choose from."""
        return self.learner in architectures.MODELS

    @property
    def reads_series(self) -> bool:
        """Whether it reads series, which have steps that a view or an augmentation can change."""
        return self.kind == SERIES


# The released comparison, https://github.com/x-ytong/CropNet (run_comparison.py), varies no sample of its MLP. For the
# other networks that CropNet is compared with nothing is released: they get CropNet's augmentation.
_AUGMENTED = {"cropnet-v1": "v1", "cropnet-1d": "v1", "cropnet": "v3", "tempcnn": "v3", "resnet50": "v3",
              "efficientnetv2s": "v3"}

METHODS: Mapping[str, Method] = {
    **{name: Method(learner=name, augmentation=_AUGMENTED.get(name, "none")) for name in architectures.MODELS},
    **{f"mlp-{kind}": Method(learner="mlp", kind=kind) for kind in VECTORS},
    **{name if kind == SERIES else f"{name}-{kind}": Method(learner=learner, kind=kind)
       for name, learner in (("forest", Forest.method), ("hgb", Boosting.method)) for kind in FILES},
}
"""By name: `mlp`, `forest` and `hgb` read the medians of the window's steps, or the vectors that their name adds."""


def named(model: str) -> Method:
    """The method of a name.

    Raises:
        ConfigError: there is none.
    """
    if model not in METHODS:
        raise ConfigError(f"there is no model {model!r}", mend=f"use one of {', '.join(METHODS)}")
    return METHODS[model]
