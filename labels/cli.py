"""The commands of labels; what they call loads only then."""

from __future__ import annotations

import click


@click.group()
def labels() -> None:
    """Bring farm declarations and crop maps to the classes of a run."""
