"""A report is one page that loads nothing, says all of a run, and means nothing by the names in it."""

import csv
import html.parser
import json
import re
import shutil
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from matplotlib import image

import cli
from agrispec.errors import ConfigError, CorruptRecord
from exports import manifest, runs
from exports.report import commands, reading
from exports.report.sections import sections

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(html.parser.HTMLParser):
    """A page taken apart; it fails where a tag is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.rows, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        assert len(dict(attributes)) == len(attributes), f"{tag} has an attribute twice"
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def written(full):
    """(page, twin) of the full run."""
    path = commands.run_report(full.run)
    return path.read_text(), (full.run.report / commands.TWIN).read_text()


@pytest.fixture
def page(written):
    return Page(written[0])


def test_the_page_is_well_formed_and_can_be_walked_through(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert [link["href"] for link in page.all("a")] == [f"#{name}" for name in ids]
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(picture["alt"]) > 20 for picture in page.all("img"))
    charts = [each for each in page.all("div") if each.get("class") == "chart"]
    assert len(charts) == len(page.all("svg")) == 4
    assert all(each["role"] == "img" and len(each["aria-label"]) > 20 for each in charts)
    assert {each["scope"] for each in page.all("th")} == {"row", "col"}


def test_the_page_loads_nothing_and_runs_nothing(written, page):
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base", "form", "use"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "srcset", "data", "action"):
                assert value.startswith(("#", "data:image/png;base64,")), (tag, name, value[:40])
            if name != "xmlns":
                assert "http:" not in value
                assert "https:" not in value
    [style] = re.findall("<style>(.*?)</style>", written[0], re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    [policy] = [each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_names_in_the_data_are_words_and_never_markup(full, written, page):
    assert not {"b", "i", "script"} & {tag for tag, _ in page.tags}
    assert [tag for tag, attributes in page.tags if "onclick" in attributes or "onerror" in attributes] == []
    cells = {cell for row in page.rows for cell in row}
    assert {full.names[0], full.who, "maize & beet"} <= cells
    assert any("<i>differ</i>" in text for _, text in page.texts)
    # In Markdown, too: nothing of it is HTML, and cells keep their number.
    tokens = MarkdownIt("commonmark").enable("table").parse(written[1])
    kinds = {each.type for token in tokens for each in (token, *(token.children or ()))}
    assert not {"html_block", "html_inline"} & kinds


def test_twins_say_the_same(written, page):
    twin = Page(MarkdownIt("commonmark").enable("table").render(written[1]))
    assert twin.rows == page.rows
    assert len(twin.rows) > 40
    for level in ("h1", "h2", "h3"):
        assert [text for tag, text in twin.texts if tag == level] == [text for tag, text in page.texts if tag == level]
    pictures = [each["alt"] for each in twin.all("img")]
    assert pictures == [each.get("alt") or each["aria-label"] for tag, each in page.tags
                        if tag == "img" or each.get("class") == "chart"]
    assert {code for tag, code in twin.texts if tag == "code"} == {code for tag, code in page.texts if tag == "code"}
    said = " ".join(text for tag, text in page.texts if tag in ("p", "li", "dd"))
    assert {text for tag, text in twin.texts if tag == "p" and len(text) > 60 and text in said}


def test_the_figures_of_the_twin_are_there_and_whole(full, written):
    names = re.findall(r"\]\(figures/([\w.]+)\)", written[1])
    assert sorted(names) == sorted(path.name for path in (full.run.report / "figures").iterdir())
    assert "map.png" in names
    for name in names:
        if name.endswith(".svg"):
            Page((full.run.report / "figures" / name).read_text())


def test_simulated_runs_say_so_first_and_by_each_figure(full, written, page, bare):
    assert page.texts.index(("p", "Simulated: made of simulated scenes. No number here is a statement about real"
                                  " fields.")) < [tag for tag, _ in page.texts].index("h2")
    captions = re.findall("<figcaption>([^<]*)</figcaption></figure>", written[0])
    assert len(captions) == 5
    assert all(caption.endswith("Simulated data.") for caption in captions)
    commands.run_report(bare)
    assert "imulated" not in (bare.report / commands.PAGE).read_text().split("</style>")[1]


def test_a_run_with_nothing_but_a_configuration_is_reported_and_told_what_comes_next(bare):
    done = CliRunner().invoke(cli.main, ["report", str(bare.path)])
    assert done.exit_code == 0, done.output
    page, twin = (bare.report / name for name in (commands.PAGE, commands.TWIN))
    Page(page.read_text())
    told = re.findall("agrispec-gee ([a-z-]+) ?([a-z]*)", twin.read_text())
    assert {command for command, _ in told} <= {*cli.main.commands, "review"}
    assert {command for command, _ in told} >= {"export", "train", "adapt", "evaluate", "predict", "area", "review"}
    assert twin.read_text().count("Make it with:") >= 9
    assert not any(path.name == "figures" and any(path.iterdir()) for path in bare.report.iterdir())


def test_no_page_says_where_the_run_lies(full, written):
    assert not [text for text in written if str(full.run.path.parent) in text]


def test_the_same_run_gives_the_same_page(full, written):
    assert commands.run_report(full.run).read_text() == written[0]


def test_the_tables_are_what_the_stages_found(full, page):
    rows = {row[0]: row[1:] for row in page.rows}
    scores = json.loads((full.run.report / "bigru-grl-2024" / "metrics.json").read_text())
    macro, accuracy = f"{scores['macro_f1']:.3f}", f"{scores['overall_accuracy']:.3f}"
    assert ["bigru-grl", macro, accuracy, "100", macro, accuracy, "100"] in page.rows
    wheat, maize = full.counts
    assert [full.names[0], "30", "10", f"{30 / wheat.sum():.3f}"] in page.rows
    assert ["maize & beet", "4", "56", f"{56 / maize.sum():.3f}"] in page.rows
    assert rows["share of the called"] == [f"{30 / 34:.3f}", f"{56 / 66:.3f}", "0.860"]
    assert [full.names[0], "maize & beet", "10", "25.0%"] in page.rows
    with (full.run.report / "bigru-grl-2024" / "cells.csv").open() as file:
        cells = {row["cell"]: f"{int(row['right']) / int(row['samples']):.3f}" for row in csv.DictReader(file)}
    assert {cell: rows[cell][0] for cell in cells} == cells
    assert rows["grl"] == ["chosen", "1.400", macro, macro]
    assert rows["forest"] == ["0.710", "0.010", "0.600 to 0.800", "fold 2", "0.500"]
    assert ["export", "59 series", "12.5", "8.0"] in page.rows
    assert ["predict", "9 patches", "3.2", "-"] in page.rows
    digest = manifest.digest(full.run.predictions / "class.tif")
    assert ["class", "class.tif", digest] in page.rows
    assert rows["unlabelled"] == ["-", "19"]
    seen = full.classes == 1
    assert ["maize & beet", f"{seen.sum()}", f"{seen.sum() / 100:.1f}", f"{seen.mean():.1%}"] in page.rows


def test_verdicts_that_were_taken_back_are_not_counted(full, page):
    rows = {row[0]: row[1:] for row in page.rows}
    # Of parcel 1 the latest stands, that of parcel 2 was taken back, nothing of parcel 9 was there to take back, who
    # skips 3 disagrees with nobody, and 4 is of another season.
    assert rows["reviewer"] == ["accept", "correct", "skip"]
    assert rows[full.who] == ["0", "1", "1"]
    assert rows["Ana"] == ["2", "0", "0"]
    [said] = [text for _, text in page.texts if text.startswith("Reviewers give different classes")]
    assert said.startswith("Reviewers give different classes to 1 parcel,")
    assert said.endswith(": 1.")


def test_models_that_were_not_judged_on_the_season_to_map_stand_apart(full, tmp_path, written):
    assert "stand last" not in written[0]
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    scores = json.loads((run.report / "bigru-grl" / "metrics.json").read_text())
    for name, seasons in {"poor": {"": 0.2}, "good": {"": 0.1, "-2024": 0.95}}.items():
        shutil.copytree(run.models / "bigru-grl", run.models / name)
        for season, macro in seasons.items():
            folder = shutil.copytree(run.report / "bigru-grl", run.report / f"{name}{season}")
            (folder / "metrics.json").write_text(json.dumps(scores | {"macro_f1": macro}))
    page = Page(commands.run_report(run).read_text())
    names = [row[0] for row in page.rows if row[0] in ("bigru-grl", "poor", "good") and len(row) == 7
             and row[3] == "100"]
    assert names == ["bigru-grl", "good", "poor"]
    assert any("the worst in the season to map first; models that were not judged there stand last." in text
               for _, text in page.texts)


def test_what_review_is_worth_stands_beside_who_gave_it_and_what_was_open(full, page, tmp_path):
    assert not any(row[0] == "bigru-grl" and "2024" in row for row in page.rows)
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    shutil.copytree(run.models / "bigru-grl", run.models / "bigru-grl-reviewed")
    scores = json.loads((run.report / "bigru-grl" / "metrics.json").read_text())
    for season, gained in (("", -0.01), ("-2024", 0.05)):
        folder = shutil.copytree(run.report / f"bigru-grl{season}", run.report / f"bigru-grl-reviewed{season}")
        (folder / "metrics.json").write_text(json.dumps(scores | {"macro_f1": scores["macro_f1"] + gained}))
    manifest.record(run.path, "train bigru-grl-reviewed", {"training": {"review": {
        "season": 2024, "reviewers": {"Ana": 3, full.who: 2}, "parcels": 4, "samples": 61, "disputed": 1, "held_out": 2,
        "verdicts": "0" * 16, "target_open": True}}})
    page = Page(commands.run_report(run).read_text())
    without = f"{scores['macro_f1']:.3f}"
    said = ["4", f"Ana (3) and {full.who} (2)"]
    assert ["bigru-grl", "labelled seasons", without, f"{scores['macro_f1'] - 0.01:.3f}", "-0.010", *said] in page.rows
    assert ["bigru-grl", "2024", without, f"{scores['macro_f1'] + 0.05:.3f}", "+0.050", *said] in page.rows
    assert any(text.startswith("Labels of the 2024 season were open") for _, text in page.texts)
    assert [row[0] for row in page.rows if row[0].startswith("bigru-grl-reviewed (")] == \
        ["bigru-grl-reviewed (taught by reviewed parcels of 2024)"]


def test_areas_stand_with_their_intervals_beside_what_pixels_add_up_to(full, page):
    found = json.loads((full.run.report / "areas.json").read_text())
    [area] = [row for row in found["estimates"] if row["measure"] == "area" and row["class"] == full.names[0]]
    [row] = [row for row in page.rows if row[0] == full.names[0] and len(row) == 7]
    assert row[1:4] == [f"{(full.classes == 0).sum() / 100:.1f}", f"{area['estimate']:.1f}",
                        f"{area['low']:.1f} to {area['high']:.1f}"]


def test_the_map_shows_each_class_in_its_colour_and_nothing_where_nothing_was_seen(full, written):
    picture = (image.imread(full.run.report / "figures" / "map.png") * 255).round().astype(np.uint8)
    rows, columns = full.classes.shape
    factor = 640 // max(rows, columns)
    assert picture.shape[0] == rows * factor
    shown = picture[factor // 2::factor, factor // 2:columns * factor:factor]
    palette = {0: (0xe6, 0xc2, 0x29, 255), 1: (0x1a, 0x8f, 0xe3, 255), 255: (0, 0, 0, 0)}
    np.testing.assert_array_equal(shown, np.vectorize(palette.get, otypes=[object])(full.classes).tolist())


def test_pixels_that_were_not_to_be_mapped_are_told_from_those_that_nobody_saw(full, tmp_path):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    path = run.predictions / runs.PREDICTION_CARD
    card = json.loads(path.read_text())
    path.write_text(json.dumps(card | {"unseen": 2, "masked": 4}))
    page = Page(commands.run_report(run).read_text())
    rows = {row[0]: row[1:] for row in page.rows}
    assert rows["no clear look"] == ["2", "0.0", f"{2 / (full.classes.size - 4):.1%}"]
    assert rows["masked, or outside of the area of interest"] == ["4", "0.0", "-"]
    seen = (full.classes == 1).sum()
    assert ["maize & beet", f"{seen}", f"{seen / 100:.1f}", f"{seen / (full.classes.size - 4):.1%}"] in page.rows
    assert any("blank: no clear look, or masked" in text for _, text in page.texts)


def test_the_title_names_the_season_of_the_map(full, page, tmp_path):
    assert ("h1", "Crop map 2024: full") in page.texts
    shutil.copytree(full.run.path, tmp_path / "run")
    path = tmp_path / "run" / "predictions" / runs.PREDICTION_CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | {"season": 2023}))
    page = Page(commands.run_report(runs.Run(tmp_path / "run")).read_text())
    assert ("h1", "Crop map 2023: run") in page.texts


def test_areas_of_an_earlier_map_are_called_so(full, tmp_path):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    found = json.loads((run.report / "areas.json").read_text())
    (run.report / "areas.json").write_text(json.dumps(found | {"class_digest": "of another"}))
    parts = {section.id: section for section in sections(reading.read(run, run.config))}
    assert any(getattr(block, "what", "") == "These estimates are of an earlier map." for block in
               parts["areas"].blocks)


def test_a_queue_of_an_earlier_maps_parcels_is_called_so(full, tmp_path, page):
    stale = "The queue is of the parcels of an earlier map."
    assert stale not in " ".join(text for _, text in page.texts)
    assert "Parcels queued for review" in [text for _, text in page.texts]
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    path = run.review / "queue.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"review": b'{"parcels_digest": "of another"}'}), path)
    texts = [text for _, text in Page(commands.run_report(run).read_text()).texts]
    assert stale in " ".join(texts)
    assert "Parcels queued for review" not in texts


def test_what_was_doubtful_about_a_sample_is_said_beside_its_areas(full, tmp_path):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    found = json.loads((run.report / "areas.json").read_text())
    assert found["doubts"] == []
    (run.report / "areas.json").write_text(json.dumps(found | {"doubts": ["The strata are 98.0 ha."]}))
    page = Page(commands.run_report(run).read_text())
    assert ("p", "The strata are 98.0 ha.") in page.texts
    # A sample that was drawn where the map shows nothing by now has such hectares in its numbers.
    for not_mapped, said in ((None, True), (2.0, False)):
        (run.report / "areas.json").write_text(json.dumps(found | {"unseen_ha": 3.0, "not_mapped_ha": not_mapped}))
        texts = " ".join(text for _, text in Page(commands.run_report(run).read_text()).texts)
        assert ("3.0 ha without a clear look are in none of these numbers" in texts) == said


def test_before_the_labels_of_the_target_are_opened_the_page_says_so_and_shows_what_is_known(full, tmp_path):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    shutil.rmtree(run.report / "bigru-grl-2024")
    page = Page(commands.run_report(run).read_text())
    said = " ".join(text for _, text in page.texts)
    assert "The labels of the 2024 season have not been opened" in said
    assert "as trained" in said
    rows = [row for row in page.rows if row[0] == "bigru-grl"]
    assert rows[0][4:] == ["-", "-", "-"]
    assert rows[1][3] == "-"
    assert "on held-out cells of the labelled seasons" in said


@pytest.mark.parametrize(("file", "content"), [
    ("report/areas.json", b"{"), ("report/bigru-grl/confusion.csv", b"truth,a\na,many\n"),
    ("report/bigru-grl/trust.json", b"\xff\xfe"), ("review/queue.parquet", b"PAR1"),
    ("report/areas.json", b"{}"), ("report/bigru-grl/metrics.json", b"{}"), ("report/bigru-grl/metrics.json", b"[1]"),
    ("report/bigru-grl-2024/trust.json", b'{"review": {}}'), ("report/bigru-grl-2024/trust.json", b"{}"),
    ("report/export/audit.json", b"{}"), ("report/export/audit.json", b"[]"),
    ("report/spatial-cv/metrics.json", b"{}"), ("report/bigru-grl/cells.csv", b"cell,samples,right\nE0045N0487,0,0\n"),
    ("report/bigru-grl/cells.csv", b"cell,samples,right\nE0045N0487,3\n"),
    ("report/bigru-grl/confusion.csv", b"truth,a\nb,1\n"), ("report/bigru-grl/confusion.csv", b""),
    ("review/verdicts.jsonl", b'{"parcel": "1"}\n')])
def test_what_is_damaged_is_named(full, tmp_path, file, content):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    (run.path / file).write_bytes(content)
    with pytest.raises(CorruptRecord, match=re.escape(file.split("/")[-1])):
        commands.run_report(run)


UNLIKE = "not as `area estimate` writes them"


@pytest.mark.parametrize(("change", "said"), [
    (lambda found: found | {"estimates": []}, "no estimate of area"),
    (lambda found: found | {"estimates": [row for row in found["estimates"] if row["measure"] != "overall accuracy"]},
     "no estimate of overall accuracy"),
    (lambda found: found | {"estimates": [row for row in found["estimates"] if row["measure"] == "overall accuracy"]},
     "no estimate of area"),
    (lambda found: found | {"estimates": [row for row in found["estimates"] if row["measure"] != "user's accuracy"]},
     "no estimate of user's accuracy "),
    (lambda found: found | {"estimates": [row | {"low": None} for row in found["estimates"]]}, UNLIKE),
    (lambda found: found | {"estimates": [{"measure": row["measure"]} for row in found["estimates"]]}, UNLIKE),
    (lambda found: found | {"estimates": [row | {"high": "12"} for row in found["estimates"]]}, UNLIKE),
    (lambda found: found | {"estimates": 7}, UNLIKE),
    (lambda found: found | {"counted_ha": [1.0]}, UNLIKE),
    (lambda found: found | {"unseen_ha": "none"}, UNLIKE)])
def test_areas_that_were_edited_by_hand_are_named(full, tmp_path, change, said):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    path = run.report / "areas.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(CorruptRecord, match=f"areas.json cannot be read .*{said}.*remove it"):
        commands.run_report(run)


@pytest.mark.parametrize("key", ["unseen", "masked", "pixels"])
def test_a_card_of_the_map_that_lacks_its_counts_is_named(full, tmp_path, key):
    shutil.copytree(full.run.path, tmp_path / "run")
    path = tmp_path / "run" / "predictions" / runs.PREDICTION_CARD
    card = json.loads(path.read_text())
    card.pop(key)
    path.write_text(json.dumps(card))
    with pytest.raises(CorruptRecord, match=rf"prediction\.json .*it lacks {key}"):
        commands.run_report(runs.Run(tmp_path / "run"))


def test_classes_in_another_order_than_the_maps_are_refused_and_not_swapped(full, tmp_path):
    shutil.copytree(full.run.path, tmp_path / "run")
    run = runs.Run(tmp_path / "run")
    head, first, second = run.config_file.read_text().split("[[classes]]")
    run.config_file.write_text(f"{head}[[classes]]{second}[[classes]]{first}")
    with pytest.raises(ConfigError, match="those of the map are <b"):
        commands.run_report(run)


def test_a_report_leaves_the_pages_of_other_stages_alone(full, written):
    assert (full.run.report / "export" / "index.md").exists()
    assert (full.run.report / "bigru-grl" / "confusion.csv").exists()
    assert manifest.read(full.run.path)["stages"].keys() >= {"export", "adapt bigru", "predict", "area estimate"}


def test_large_maps_are_thinned_and_small_ones_are_not(full):
    found = reading.read(full.run, full.run.config)
    np.testing.assert_array_equal(found.picture.classes, full.classes)
    assert reading._thinned(full.run.predictions / "class.tif", full.classes.shape, 3).tolist() == \
        full.classes[::3, ::3].tolist()


def test_curves_are_of_labelled_series_alone(full):
    found = reading.read(full.run, full.run.config)
    parts = {section.id: section for section in sections(found)}
    figure = next(block for block in parts["phenology"].blocks if hasattr(block, "content"))
    assert "40 labelled places" in figure.caption
    assert pd.Series([group.of for group in found.curves.groups if group.name != "no label"]).sum() == 40
