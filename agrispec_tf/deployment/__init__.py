"""Trained networks for machines without Keras: ONNX files in 32 bits of float or 8 of integer, and what runs them."""
