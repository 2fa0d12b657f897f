"""Pixels: where they are, how they are computed lazily, over what levels they are kept."""
