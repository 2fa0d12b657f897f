"""CropGlobe, the published data of CropNet, and the comparison of models on it that is repeated here."""
