"""What the documents say is so."""

import importlib.util
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli

ROOT = Path(__file__).parents[1]


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "configuration.md", "engine.md"])
def test_generated_pages_follow_the_code(page):
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generator().PAGES[page](), "run: python docs/generate.py"


@pytest.mark.parametrize("command", sorted(cli.main.commands))
def test_every_command_has_help(command):
    done = CliRunner().invoke(cli.main, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5


def test_the_readme_names_only_commands_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"agrispec-gee ([\w-]+)", text))
    assert named <= set(cli.main.commands)
    assert named >= {"init", "export", "train", "predict", "publish", "demo"}
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make (\w+)", text)) <= targets


def test_every_decision_is_in_the_index_and_every_link_leads_somewhere():
    folder = ROOT / "docs" / "decisions"
    pages = {path.name for path in folder.glob("0*.md")}
    assert set(re.findall(r"\((0\d+-[\w-]+\.md)\)", (folder / "README.md").read_text())) == pages
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
