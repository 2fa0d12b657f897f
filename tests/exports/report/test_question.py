"""The page says where classes come from."""

from types import SimpleNamespace

from agrispec import config
from exports.report.document import Table
from exports.report.sections import question


def test_codes_are_of_the_label_map_or_of_the_class_set(tiny):
    text = (tiny.home / "agrispec.toml").read_text()
    drawn = text.replace('images = "projects/agrispec-local/assets/labels"\nband = "crop"\nerode_m = 0',
                         'places = "places.parquet"')
    for asked, said in ((text, "the label map's codes"), (drawn, "the numbers in the class set of the declarations")):
        [classes] = [block for block in question.section(SimpleNamespace(config=config.parse(asked))).blocks
                     if isinstance(block, Table)]
        assert classes.caption == f"Classes, and {said} that belong to each."
