"""Many transfers of CropGlobe, kept one by one in a folder, so that none is computed twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from agrispec.errors import ConfigError, CorruptRecord, DataError, SchemaMismatch
from agrispec.formats.atomic import write_files
from agrispec_tf.cropglobe import files, methods, published, transfer
from agrispec_tf.cropglobe.files import COUNTRIES, SERIES, Table
from agrispec_tf.cropglobe.methods import METHODS
from agrispec_tf.cropglobe.transfer import Row, Settings
from agrispec_tf.cropglobe.views import View
from exports import manifest

RUNS = "runs"
"""In a bench's folder, the folder of its trained models' rows, a file each."""


class Bench:
    """Transfers of the files in a folder, and the folder that keeps their rows.

    Args:
        data: folder of the downloaded CropGlobe.
        folder: of the rows; those of other settings or other files may lie in it and stay.
        settings: of all runs but for the view.
    """

    def __init__(self, data: Path, folder: Path, settings: Settings) -> None:
        self._data, self._folder, self._settings = data, folder, settings
        self._tables: dict[tuple[str, str], Table] = {}
        self._digests: dict[Path, str] = {}

    def table(self, country: str, kind: str = SERIES) -> Table:
        """A country's file, read once.

        Raises: as `files.read`.
        """
        if (country, kind) not in self._tables:
            self._tables[country, kind] = files.read(self._data, country, kind)
        return self._tables[country, kind]

    def told(self) -> list[str]:
        """One line a file that was read."""
        return [table.told() for _, table in sorted(self._tables.items())]

    def rows(self, transfers: Sequence[tuple[str, str]], models: Sequence[str], seeds: Sequence[int],
             views: Sequence[View] = (View(),), tell: Callable[[str], None] = lambda done: None) -> list[Row]:
        """The rows of some transfers, models and seeds: those that are kept, and the others after they are made.

        A model is trained once a seed for all targets of its source, and its rows are kept at once.

        Args:
            transfers: (source, target).
            models: names of `METHODS`; one that is given twice counts once.
            seeds: a run each.
            views: what the models see.
            tell: told before each run.

        Raises:
            ConfigError: no such model, or views are asked of one that reads vectors.
            CorruptRecord: a file of the folder is not a run.
            StorageError: rows cannot be kept.
            DataError, SchemaMismatch: a file cannot be used, or two do not belong together.
        """
        models = tuple(dict.fromkeys(models))
        for model in models:
            if not methods.named(model).reads_series and tuple(views) != (View(),):
                raise ConfigError(f"{model} reads vectors, which have no steps",
                                  mend="leave it out, or use bench cropglobe")
        judged = {source: [target for where, target in transfers if where == source] for source, _ in transfers}
        works = [(seed, view, model, source) for seed in seeds for view in views for model in models
                 for source in judged]
        # Files that are not there or not right are found before hours are spent.
        for kind in dict.fromkeys(METHODS[model].kind for model in models):
            for source, targets in judged.items():
                transfer.comparable(self.table(source, kind), [self.table(target, kind) for target in targets])
        found: list[Row] = []
        for number, (seed, view, model, source) in enumerate(works, start=1):
            targets = judged[source]
            settings = replace(self._settings, view=view)
            tell(f"run {number} of {len(works)}: {model}, seed {seed}, {source} to {', '.join(targets)}")
            found += self._run(model, source, targets, seed, settings)
        return found

    def _run(self, model: str, source: str, targets: Sequence[str], seed: int, settings: Settings) -> list[Row]:
        kind = METHODS[model].kind
        digests = {country: self._digest(self.table(country, kind).path) for country in (source, *targets)}
        made_by = {"model": model, "source": source, "seed": seed, "source_file": digests[source],
                   **asdict(settings), "augmentation": settings.augmentation_of(METHODS[model])}
        key = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:12]
        path = self._folder / RUNS / f"{model}-{source}-{seed}-{key}.json"
        kept = _kept(path) if path.exists() else {}
        kept = {country: entry for country, entry in kept.items()
                if entry["file"] == digests.get(country, entry["file"])}
        missing = [country for country in targets if country not in kept]
        if missing:
            training = path.with_suffix(".training")
            try:
                made = transfer.run(model, self.table(source, kind), [self.table(target, kind) for target in missing],
                                    seed, settings, training)
            except (SchemaMismatch, CorruptRecord) as error:
                # Of its checkpoint: the tables are read and compared by now.
                raise type(error)(error.message, mend=f"remove {training}, and it is trained anew") from error
            kept |= {row.target: {"file": digests[row.target], "row": asdict(row)} for row in made}
            written = {"made_by": made_by, "versions": manifest.versions(), "targets": kept}
            write_files({path: (json.dumps(written) + "\n").encode()})
            shutil.rmtree(training, ignore_errors=True)
        return [Row(**kept[country]["row"]) for country in targets]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = manifest.digest(path)
        return self._digests[path]


def transfers(present: Sequence[str], sources: Sequence[str] = (),
              targets: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Which (source, target) to compute: the published scenarios, or every one of what was asked for.

    Args:
        present: countries whose files are there.
        sources: countries; with targets alone, France.
        targets: countries; with sources alone, all that are there.

    Raises:
        ConfigError: no country of CropGlobe has such a code.
        DataError: no file for any of them is there.
    """
    strange = [country for country in (*sources, *targets) if country not in COUNTRIES]
    if strange:
        raise ConfigError(f"CropGlobe has no country {strange[0]!r}",
                          mend=f"use one of {', '.join(COUNTRIES)}")
    if sources or targets:
        found = [(source, target) for source in dict.fromkeys(sources or ("FRA",))
                 for target in dict.fromkeys(targets or present) if source != target]
    else:
        found = [pair for pairs in published.SCENARIOS.values() for pair in pairs if set(pair) <= set(present)]
    if not found:
        raise DataError(f"there is no transfer between the countries whose files are there:"
                        f" {', '.join(present) or 'none'}",
                        mend="give the folder of the downloaded CropGlobe, or other countries as --source and --target")
    return found


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["targets"]
        for entry in found.values():
            Row(**entry["row"])
            entry["file"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptRecord(f"{path} is not a run of this bench", mend="remove it, and it is made again") from error
    return dict(found)


