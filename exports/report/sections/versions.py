"""By what the run was made, exactly enough to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from exports import manifest
from exports.report.document import Block, Bullets, Code, Facts, Missing, Paragraph, Said, Section, Table
from exports.report.reading import Material


def section(material: Material) -> Section:
    """Digests of configuration, cube, samples, model and map, and versions of every stage."""
    return Section("versions", "Versions and digests", tuple(_blocks(material)))


def _blocks(material: Material) -> Iterator[Block]:
    now = manifest.digest(material.run.config_file)
    stages = material.stages
    digests: list[tuple[str, Said]] = [("Configuration", (Code(now),)),
                                       ("Cube", (Code(material.config.spec.digest),))]
    if "samples" in (export := stages.get("export", {})):
        digests.append(("Samples", (Code(export["samples"]),)))
    if material.card:
        digests += [("Model of the map", (Code(material.card["model_digest"]),)),
                    ("Map", (Code(material.card["class_digest"]),))]
    yield Facts(tuple(digests))
    if material.card and "products" in material.card:
        yield Table(caption="Images of the map, by the digests of their files.", head=("product", "file", "digest"),
                    rows=tuple((name, each["file"], each["digest"])
                               for name, each in material.card["products"].items()))
    if not stages:
        yield Missing("No stage has been run yet.", f"agrispec-gee export {material.name}")
        return
    # Most stages are done by the same versions: those stand once, by number.
    known: list[Mapping[str, Any]] = []
    rows = []
    for name, did in sorted(stages.items(), key=lambda item: str(item[1].get("finished"))):
        found = did.get("versions", {})
        if found not in known:
            known.append(found)
        rows.append((name, str(did.get("finished", "-")).replace("T", " ").replace("+00:00", ""),
                     "as now" if did.get("configuration") == now else "another", str(known.index(found) + 1)))
    yield Table(caption="Stages, when they were finished (UTC), and by which configuration and versions.",
                head=("stage", "finished", "configuration", "versions"), rows=tuple(rows))
    yield Bullets(tuple((f"Versions {number}: " + ", ".join(f"{name} {version}" for name, version in found.items()),)
                        for number, found in enumerate(known, 1)))
    yield Paragraph(("A stage with another configuration was run before ", Code("agrispec.toml"), " was changed."),
                    quiet=True)
