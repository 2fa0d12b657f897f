"""Long-running operations: exports and ingestions, their states, and the files that they write and read."""
