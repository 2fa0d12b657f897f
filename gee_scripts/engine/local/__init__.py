"""An embedded Earth Engine: the answers of the service, computed here, for the unmodified `ee` client.

The evaluator's names, for whoever serves it:

* `evaluate.evaluate(expression, catalog) -> value`: a serialised graph (dict `{"result", "values"}`) to one of
  `values.Image | Feature | Collection | Geometry | Date | …`, a number, string, list, dictionary or None.
  `EngineError` (answer 400) or `AssetMissing` (404), `.message` is the service's text.
* `encode.encode(value)`: the JSON that `getInfo()` gives.
* `raster.read(image.bands, domain) -> [(values, mask), …]`, `domain` an `agrispec.grid.Grid` or `domains.Points`;
  mask None (all valid), bool or float32; masked values hold anything. `image.names`, `band.type.dtype`.
  Read big grids tile by tile: `for row, column, tile in grid.tiles(256)`.
* `frame.output_grid(image) -> Grid`: where an image wrapped by `Image.setDefaultProjection` and
  `Image.clipToBoundsAndScale` is to be exported.
* `catalog.Catalog`: what the evaluator asks of a store: `image(id)`, `collection(id)`, `table(id)`;
  `catalog.TreeCatalog(tree)` answers from an `agrispec.formats.asset_tree.AssetTree`.
"""
