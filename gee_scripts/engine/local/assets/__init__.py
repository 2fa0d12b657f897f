"""The asset tree as Earth Engine's resources, and as the source of what graphs load."""
