"""A run's map and parcels as Earth Engine assets, and the proof that they arrived: the publish stage.

`plan` says what is to be written and `versions` under which numbers; `routes` and `tables` bring it there, `patches`
makes TFRecords of an image, `verification` compares. `commands` is what is typed and `told` what is printed.
"""
