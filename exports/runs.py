"""Run directories: the only way the stages meet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agrispec import config
from agrispec.config import Config
from agrispec.errors import RunError
from agrispec.formats.atomic import put_back, write_files

CONFIGURATION = "agrispec.toml"
"""What makes a directory a run."""

MODEL_CARD = "model.json"
"""In a model's folder: what it was trained on and how."""

PREDICTION_CARD = "prediction.json"
"""Among the predictions: which model made them, of what."""


@dataclass(frozen=True, slots=True)
class Run:
    """Where the parts of a run are.

    Attributes:
        path: the run directory.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """`agrispec.toml`."""
        return self.path / CONFIGURATION

    @property
    def samples(self) -> Path:
        """`samples.parquet`: a row a place, `agrispec.sample.Sample`."""
        return self.path / "samples.parquet"

    @property
    def truth(self) -> Path:
        """`truth.parquet`: the target season's labels; training never opens it."""
        return self.path / "truth.parquet"

    @property
    def screening(self) -> Path:
        """`screening.parquet`: samples whose label is doubtful, see `labels.screening`."""
        return self.path / "screening.parquet"

    @property
    def shards(self) -> Path:
        """`shards/`: a folder a season of TFRecord files, and their `cube.toml`."""
        return self.path / "shards"

    @property
    def exporting(self) -> Path:
        """`exporting/`: an export that is not finished, see `exports.export.cubes`."""
        return self.path / "exporting"

    @property
    def models(self) -> Path:
        """`model/`: a folder a trained model."""
        return self.path / "model"

    @property
    def patches(self) -> Path:
        """`patches/`: the map's pixels as TFRecord patches, their mixer and `cube.toml`."""
        return self.path / "patches"

    @property
    def predicting(self) -> Path:
        """`predicting/`: a map that is not finished, see `agrispec_tf.crop_map`."""
        return self.path / "predicting"

    @property
    def predictions(self) -> Path:
        """`predictions/`: the images of the map, and its parcels."""
        return self.path / "predictions"

    @property
    def review(self) -> Path:
        """`review/`: the parcels that wait for a person, the verdicts, and the cubes of what was judged."""
        return self.path / "review"

    @property
    def report(self) -> Path:
        """`report/`: scores and pictures, estimated areas, and the page that tells all of it."""
        return self.path / "report"

    @property
    def area(self) -> Path:
        """`area/`: pixels drawn from the map, whose true class somebody looks up."""
        return self.path / "area"

    @property
    def protocols(self) -> Path:
        """`protocols/`: predictions of models that `evaluate --protocol` trained anew, kept so that it can go on."""
        return self.path / "protocols"

    @property
    def config(self) -> Config:
        """The run's configuration, read from its file."""
        return config.read(self.config_file)

    def need(self, part: Path, command: str) -> Path:
        """`part`, if an earlier stage has made it.

        Raises:
            RunError: it has not; `command` makes it.
        """
        if not part.exists():
            raise RunError(f"{self.path} has no {part.relative_to(self.path)} yet",
                           mend=f"make it with: agrispec-gee {command} {self.path}")
        return part


def open(path: Path) -> Run:
    """The run of a directory. Parts and models that a killed command had moved aside, to replace them, are in their
    places again.

    Raises:
        RunError: there is no `agrispec.toml` in it.
    """
    run = Run(path)
    if not run.config_file.is_file():
        raise RunError(f"{path} is not a run directory: it holds no agrispec.toml",
                       mend=f"make one with: agrispec-gee init {path}")
    for folder in (run.path, run.models):
        put_back(folder)
    return run


def above(path: Path) -> Run | None:
    """The run that something is part of: the nearest directory above it that is one; None where there is none."""
    return next((run for run in map(Run, path.resolve().parents) if run.config_file.is_file()), None)


def create(path: Path, configuration: str) -> Run:
    """A new run directory with a configuration text, checked first.

    Raises:
        RunError: the directory holds a configuration already.
        ConfigError: the text is not a configuration.
    """
    config.parse(configuration)
    run = Run(path)
    if run.config_file.exists():
        raise RunError(f"{path} holds an agrispec.toml already", mend="edit it, or choose another directory")
    write_files({run.config_file: configuration.encode()})
    return run
