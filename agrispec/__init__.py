"""The words every package of agrispec-gee shares: seasons, bands, grids, classes, cubes, configuration, errors.

The modules directly in this package import the standard library only; `agrispec.kernels` adds NumPy and
numba, `agrispec.formats` what a file format needs. Nothing here imports `ee`, Keras or a cloud client.
"""
