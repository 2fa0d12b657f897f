"""What grew where: farm declarations, mapping tables and crop maps, from national codes to class numbers.

Nothing here imports `ee`, Keras or another of our packages than `agrispec`; the geometry and file libraries that it
needs come with the extra `labels` and load late.
"""
