"""The page in a browser: judged by keyboard, reloaded, exported, trained on; light and dark; markup stays text."""

import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

import cli
from exports import manifest
from exports.review import doorway, verdicts
from exports.review.log import Log
from exports.review.server import ReviewServer

from .conftest import EVIL, NAMES, slow_desk

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no browser is driven")
    if not shutil.which(CHROMIUM):
        pytest.skip(f"there is no {CHROMIUM}: no browser is driven")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def server(desk_of):
    with desk_of("anna") as desk, ReviewServer(desk) as running:
        yield running


@pytest.fixture
def page_of(browser, server):
    """Options of a context -> the page, loaded and ready; what it complained about is in its `complaints`."""
    contexts = []

    def opened(**options):
        context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
        page.goto(server.url)
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()


def press(page, key):
    """Press a key and wait until the next parcel is shown."""
    before = page.locator("#parcel").text_content()
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('#parcel').textContent !== before", arg=before,
                           timeout=5000)
    return before.removeprefix("Parcel ")


def test_three_parcels_corrected_by_keyboard_stay_leave_as_a_file_and_teach(page_of, run, waiting, tmp_path):
    page = page_of()
    predicted = [NAMES[number] for number in waiting.table["class"][:3]]
    # Two classes: the second of the likeliest is the other one.
    parcels = [press(page, "2") for _ in range(3)]
    assert parcels == waiting.table["parcel_id"][:3].tolist()
    assert page.locator("#progress").text_content() == "3 of 28 by anna"
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#progress").text_content() == "3 of 28 by anna"
    assert page.locator("#facts").text_content().startswith("4 of 28")
    press(page, "p")
    assert "anna corrects to" in page.locator("#verdicts").text_content()
    assert page.locator("#top button.mine").count() == 1
    assert page.complaints == []

    corrected = [NAMES[1 - NAMES.index(name)] for name in predicted]
    done = CliRunner().invoke(cli.main, ["review", "export", str(run.path), str(tmp_path / "queue.csv")])
    assert done.exit_code == 0, done.output
    written = pd.read_csv(tmp_path / "queue.csv", keep_default_na=False)
    assert written["class"][:3].tolist() == corrected
    assert set(written["verdict"][3:]) == {""}
    done = CliRunner().invoke(cli.main, ["train", str(run.path), "--model", "forest", "--with-review"])
    assert done.exit_code == 0, done.output
    used = manifest.read(run.path)["stages"]["train forest-reviewed"]["training"]["review"]
    assert (used["parcels"], used["samples"], used["reviewers"]) == (3, 12, {"anna": 3})


def test_every_key_does_what_the_help_says(page_of, run):
    page = page_of()
    accepted, skipped = press(page, "Enter"), press(page, "s")
    named = press(page, "w")  # wheat
    assert press(page, "u") != named
    assert page.locator("#parcel").text_content() == f"Parcel {named}"
    press(page, "ArrowRight")
    press(page, "ArrowLeft")
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("a")  # gives no verdict behind the help
    page.keyboard.press("Escape")
    assert not page.locator("#help").is_visible()
    given = [(each.parcel, each.verdict) for each in Log(run.review, NAMES).read()]
    assert given[:2] == [(accepted, "accept"), (skipped, "skip")]
    assert [word for _, word in given[2:]] in (["accept", "undo"], ["correct", "undo"])
    assert verdicts.standing(Log(run.review, NAMES).read(), 2023).keys() == {accepted, skipped}


def test_enter_on_a_button_is_that_button_and_no_verdict_besides(page_of, run):
    page = page_of()
    for button in ("#skip", "#next", "#help-open"):
        page.focus(button)
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
    assert page.locator("#help").is_visible()
    assert [each.verdict for each in Log(run.review, NAMES).read()] == ["skip"]


def test_a_verdict_does_not_wait_for_an_engine_that_is_slow(run, waiting, browser):
    with slow_desk(run, waiting) as (desk, answering), ReviewServer(desk) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(server.url)
        page.wait_for_selector("html[data-ready]")
        for _ in range(8):
            press(page, "n")
        judged = press(page, "a")
        assert not answering.is_set()
        assert [(each.parcel, each.verdict) for each in Log(run.review, NAMES).read()] == [(judged, "accept")]
        answering.set()
        context.close()


def test_markup_in_classes_and_parcels_stays_text(page_of):
    page = page_of()
    page.wait_for_selector("#nearest figure")
    page.keyboard.press("a")
    page.wait_for_selector("#message:not(:empty)")
    assert EVIL in page.locator("#classes").text_content()
    assert page.locator("#parcel").text_content().startswith("Parcel <i>")
    assert page.locator("#parcel i, main script, header script").count() == 0
    assert page.evaluate("() => window.hacked") is None
    assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_and_nothing_moves_while_the_page_fills(page_of, scheme):
    page = page_of(color_scheme=scheme)
    boxes = "() => [...document.querySelectorAll('#top, #classes, #accept, #charts, #nearest, #map')]" \
            ".map(each => JSON.stringify(each.getBoundingClientRect()))"
    before = page.evaluate(boxes)
    page.wait_for_selector("#nearest figure")
    page.wait_for_selector(".leaflet-image-layer")
    assert page.evaluate(boxes) == before
    page.keyboard.press("c")
    assert "short-wave infrared" in page.locator("#picture-text").text_content()
    assert page.evaluate(boxes) == before
    # All of the panel is seen at 1280 x 800.
    assert page.locator("#right").evaluate("it => it.scrollHeight - it.clientHeight") <= 0
    # Contrast of WCAG 2.1, 4.5 for text, of the three pairs that text stands in.
    contrast = page.evaluate("""() => {
        const style = getComputedStyle(document.documentElement);
        const light = (name) => {
          const hex = style.getPropertyValue(name).trim().slice(1);
          const [r, g, b] = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
            .map((each) => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        return [["--ink", "--card"], ["--soft", "--card"], ["--accent-ink", "--accent"], ["--warn", "--warn-fill"],
          ["--ink", "--fill"]].map((pair) => pair.map(light).sort((a, b) => b - a))
          .map(([high, low]) => (high + 0.05) / (low + 0.05));
    }""")
    assert min(contrast) >= 4.5


def test_the_file_that_a_browser_opens_leads_to_the_page(browser, server, tmp_path):
    context = browser.new_context()
    page = context.new_page()
    with doorway.to(server.url, tmp_path) as door:
        page.goto(door.as_uri())
        page.wait_for_selector("html[data-ready]")
    context.close()


def test_without_the_token_the_page_says_where_it_is(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.wait_for_selector("#message.error")
    assert "open the address that" in page.locator("#message").text_content()
    context.close()
