"""What a run is, does and is worth, as pages that need nothing else to be read.

`reading` gathers what the stages left, `sections` say it, a function a section, as a `document` that knows no format,
and `html` and `markdown` write that. `charts` draws. No Keras is needed.
"""
