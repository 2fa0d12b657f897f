"""What the command that audits a run does."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from agrispec.config import Config
from agrispec.errors import CorruptRecord, SchemaMismatch
from exports import manifest, samples, shards
from exports.audit import page, report
from exports.audit.agreement import Agreement
from exports.audit.comparison import audit
from exports.runs import Run


def run_audit(run: Run, config: Config, progress: Callable[[str], None],
              ask: Callable[[pd.DataFrame], tuple[Agreement, ...]] | None) -> tuple[bool, list[str]]:
    """Audits a run's shards and writes `report/export/`.

    Args:
        run: an exported one.
        config: its configuration.
        progress: told of each file.
        ask: what reads the labels of a table of samples again; None asks nothing.

    Returns:
        whether all is there, and the lines that tell.

    Raises:
        RunError: the run is not exported yet.
        SchemaMismatch: the cubes belong to other samples, or are of another cube.
        CorruptRecord: a file is damaged.
    """
    table = samples.read(run.need(run.samples, "export"))
    found = shards.sampling_of(run.need(run.shards, "export"))
    if found.samples != manifest.digest(run.samples):
        raise SchemaMismatch(f"the cubes in {run.shards} were exported for other samples than {run.samples} holds",
                             mend=f"export again with: agrispec-gee export {run.path}")
    try:
        compared = audit(table, run.shards, config.spec, config.taxonomy.names, progress)
    except CorruptRecord as error:
        raise CorruptRecord(error.message, mend=f"make it again with: agrispec-gee export {run.path} --gaps") from error
    agreement = ask(table) if ask else ()
    simulated = manifest.simulated(run.path)
    written = report.write(compared, run.report / "export", simulated=simulated, agreement=agreement)
    told = list(page.lines(compared, agreement))
    if simulated:
        told.append("The scenes are simulated.")
    told.append(f"Report: {written}")
    if not compared.complete:
        told.append(f"What is missing or twice is asked for again by: agrispec-gee export {run.path} --gaps")
    return compared.complete, told
