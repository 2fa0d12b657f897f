"""What the run took of Earth Engine's compute, and how long."""

from __future__ import annotations

from exports.report.document import Missing, Paragraph, Section, Table
from exports.report.reading import Material


def section(material: Material) -> Section:
    """EECU-seconds and seconds of every stage that tells."""
    title = "Costs"
    rows = [(name, f"{did['records']:,} series" if "records" in did else f"{did['patches']:,} patches"
             if "patches" in did else "-", f"{did['eecu_seconds']:,.1f}",
             f"{did['elapsed_s']:,.1f}" if "elapsed_s" in did else "-")
            for name, did in material.stages.items() if did.get("eecu_seconds") is not None]
    if not rows:
        return Section("costs", title, (
            Missing("Nothing has been computed by Earth Engine yet.", f"agrispec-gee export {material.name}"),))
    total = sum(float(did["eecu_seconds"]) for did in material.stages.values() if did.get("eecu_seconds") is not None)
    engine = "the embedded engine, where they cost nothing and are an estimate" \
        if material.config.engine.name == "local" else f"Earth Engine, project {material.config.engine.project}"
    return Section("costs", title, (
        Paragraph((f"{total:,.1f} EECU-seconds ({total / 3600:,.4f} EECU-hours) on {engine}. An EECU is Earth Engine's"
                   " unit of compute; seconds are those of the clock.",)),
        Table(caption="Stages that asked the engine to compute.", head=("stage", "made", "EECU-seconds", "seconds"),
              rows=tuple(rows))))
