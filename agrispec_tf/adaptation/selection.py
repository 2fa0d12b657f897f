"""Selection without target labels: what speaks for one trained model against others, a number each.

Each validator says "higher is better" of a model's probabilities. None of them sees a label of the target season;
which of them can be trusted where is an open question (Musgrave et al. 2022, https://arxiv.org/abs/2208.07360; Ericsson
et al. 2023, AdaTime, https://arxiv.org/abs/2203.08321), so a report shows what each would have chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agrispec_tf.metrics import Confusion

_MOST = 2000
"""Series between which densities are computed: a matrix of as many rows and columns is held."""


def source(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Macro-F1 on the source seasons' validation samples: (N, C) and (N,)."""
    return Confusion.of(labels, probabilities.argmax(axis=1), probabilities.shape[1]).macro_f1


def information(probabilities: NDArray[np.floating]) -> float:
    """Mutual information of a season's series and their predicted classes, nats, of probabilities (N, C).

    High where each series is sure of a class, and the classes are many. At most log C.

    Source: Shi and Sha 2012, https://arxiv.org/abs/1206.6438
    """
    return float(_entropy(probabilities.mean(axis=0)) - _entropy(probabilities).mean())


def density(probabilities: NDArray[np.floating], temperature: float = 0.05, seed: int = 0) -> float:
    """Soft neighbourhood density of a season's predictions (N, C), nats: high where they lie in dense clusters.

    Args:
        probabilities: of more than 2,000 series as many are drawn.
        temperature: of the similarities between predictions; the source's.
        seed: of the draw.

    Returns: the mean entropy of a prediction's similarities to all others; at most log (N - 1).

    Source: Saito et al. 2021, https://arxiv.org/abs/2108.10860
    """
    drawn = np.random.default_rng(seed).permutation(len(probabilities))[:_MOST]
    points = np.asarray(probabilities, np.float64)[np.sort(drawn)]
    if len(points) < 2:
        return 0.0
    points = points / np.linalg.norm(points, axis=1, keepdims=True)
    power = points @ points.T / temperature
    np.fill_diagonal(power, -np.inf)
    power = np.exp(power - power.max(axis=1, keepdims=True))
    return float(_entropy(power / power.sum(axis=1, keepdims=True)).mean())


def weighted(probabilities: NDArray[np.floating], labels: NDArray[np.integer],
             weights: NDArray[np.floating]) -> float:
    """Importance-weighted accuracy on source validation samples: (N, C), (N,), and how much likelier (N,) each is in
    the target season.

    Source: Sugiyama, Krauledat and Müller 2007, https://jmlr.org/papers/v8/sugiyama07a.html
    """
    right = probabilities.argmax(axis=1) == labels
    return float(right @ weights / weights.sum())


def importance(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) how much likelier each source vector (N, D) is among the target's (M, D), by logistic regression.

    Weights are held within a tenth and ten times of even odds: beyond, a few samples would decide.
    """
    vectors = np.concatenate([source, target])
    domain = np.repeat([0, 1], [len(source), len(target)])
    fitted = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(vectors, domain)
    odds = np.exp(fitted.decision_function(source)) * len(source) / len(target)
    return np.clip(odds, 0.1, 10.0)


def _entropy(shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Entropies of distributions along the last axis, nats."""
    exact = np.asarray(shares, np.float64)
    return np.asarray(-(exact * np.log(np.maximum(exact, np.finfo(np.float64).tiny))).sum(axis=-1), np.float64)
