"""Keras layers, one public layer a file; `keras.ops` only, so that they run on every backend."""
