"""An embedded Earth Engine: the answers of the service, computed here, for the unmodified `ee` client.

From the bottom up, each package importing only those above it in this list:

* `rasters`: lazy pixels over a domain (an `agrispec.grid.Grid`, or points); `geometry`: shapes on the ground;
  `values`: images, features, dates, …; `images`: image values to pixels.
* `assets`: the asset tree, and what graphs load from it (`assets.catalog.Catalog`).
* `language`: a serialised graph to a value (`language.evaluate`), a value to JSON (`language.encode`);
  `algorithms`: what the graph may call, one family a module.
* `operations`: exports and ingestions (a `tasks.Task` in a `queue.TaskQueue`, remembered by a `journal.Journal`);
  `storage`: Cloud Storage over a folder (an `object_store.ObjectStore` behind `storage_api`).
* `rest`: the routes, in modules named after what they answer, told and found by `discovery`; `server`: the port they
  are served on. `refusals`, `limits`, `times`, `recent` and `type_names` are theirs and everyone's.
"""
