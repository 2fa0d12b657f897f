"""Prior shift: how often each class occurs where nobody labelled, found from predictions alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEPS, _CLOSE = 1000, 1e-8
"""Most steps, and the change of the mix at which it stands."""


def found(probabilities: NDArray[np.floating], prior: NDArray[np.floating]) -> NDArray[np.float64]:
    """The class mix under which a season's predictions are likeliest, by expectation maximisation.

    It holds as far as classes look in the new season as they looked where the classifier learnt (which makes it the
    last of all corrections), and as far as its probabilities are calibrated.

    Args:
        probabilities: (N, C) of the new season's series.
        prior: (C,) shares of the classes for which the probabilities were learnt, each above 0: those of the training
            samples as the loss weighed them.

    Returns: (C,) shares; those of the training where there is no series. A class that no series speaks for tends to 0.

    Source: Saerens, Latinne and Decaestecker 2002, https://doi.org/10.1162/089976602753284446
    """
    learnt = np.asarray(prior, np.float64) / np.sum(prior)
    likely = np.asarray(probabilities, np.float64) / learnt
    shares = learnt
    for _ in range(_STEPS if len(likely) else 0):
        posterior = likely * shares
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        before, shares = shares, posterior.mean(axis=0)
        if np.abs(shares - before).max() < _CLOSE:
            break
    return shares


def offset(shares: NDArray[np.floating], prior: NDArray[np.floating]) -> NDArray[np.float64]:
    """(C,) what is added to logits that were learnt under `prior`, so that they hold under `shares`.

    A class that is nearly absent is held at a thousandth of its training share: a map may still show it.
    """
    learnt = np.asarray(prior, np.float64) / np.sum(prior)
    return np.log(np.maximum(shares / learnt, 1e-3))
