"""Graphs to values: the serialised expressions of the client, bound to algorithms and evaluated."""
