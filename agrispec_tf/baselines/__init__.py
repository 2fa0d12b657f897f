"""Classifiers without a network: what a network has to be better than."""
