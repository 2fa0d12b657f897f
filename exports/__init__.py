"""Everything that crosses the boundary: plans, tasks, buckets, records, run directories, assets.

An `agrispec.engine.Engine` is handed to this package; it never learns which one, and never builds a graph.
"""
