"""EuroCrops' mapping tables of countries as they are published: what each holds, how one is had, and what it must be.

Schneider et al. 2023, https://doi.org/10.1038/s41597-023-02517-0, CC BY-SA 4.0: they are fetched by whoever uses them,
and never part of this distribution.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agrispec.errors import CorruptRecord, DataError, StorageUnreachable
from agrispec.network import why

ADDRESS = "https://raw.githubusercontent.com/maja601/EuroCrops/main/csvs/country_mappings/"
"""Where the files are published."""

LICENCE = "EuroCrops, Schneider et al. 2023, CC BY-SA 4.0"


@dataclass(frozen=True, slots=True)
class Published:
    """A file of EuroCrops.

    Attributes:
        country: two letters.
        year: of its codes; None where it does not say, or holds several.
        digest: SHA-256 of the version that this one is tested with.
        every_year: whether its codes are those of all years.
        supplement: whether it lists only codes of other years that the country's table of one year lacks.
        misread: encoding of its names, which were read as Latin-1 when it was written; "" where they are whole.
    """

    country: str
    year: int | None
    digest: str
    every_year: bool = False
    supplement: bool = False
    misread: str = ""


TABLES: Mapping[str, Published] = {
    "at_2021.csv": Published("AT", 2021, "ca5ecb40dde27be481b7dacf496684f0b1cdc1c836daf05ad33f4693c8158c9c"),
    "be_vlg_2021.csv": Published("BE", 2021, "8bf4dfbcf1ac754d257638539f5cd91d3804912b206608b8874d863f0dcf4582"),
    "be_wal_all_years.csv": Published(
        "BE", None, "2313ce51767a0df1bd2345f2b20275fd3625bb6b05bb1e1369e50b95f705eff1", every_year=True),
    "cz_2023.csv": Published("CZ", 2023, "181550a4bc3ff351c7dda8cbf9cc8a1c5d00b0d00f9e74100355ed9780af058e"),
    "de.csv": Published("DE", None, "988746f69fa3c2374e9893dbee0c2735d549f19a1292fcccc044bc00b9d7c6d9"),
    "de_BW_2022.csv": Published("DE", 2022, "608e766b8acc965634797c59bde78d07f9fb9c3222d98c2b12b11982f8e81d54"),
    "de_bb_2023.csv": Published("DE", 2023, "330d6503a95df42d549a98d647a2efb7bf83426bdac0fd273cc46f5a98a18cdf"),
    "de_ls_2021.csv": Published("DE", 2021, "7129a0350e63880a29dd979627fa0538a184e53f5716fb2933ed57d7df5adb72"),
    "de_nrw_2021.csv": Published("DE", 2021, "5c55c6bba37e3bc851a19be84c7d4407546ef7de9c8d301becab69fe2182eaed"),
    "dk_2019.csv": Published("DK", 2019, "c97460c295330022de4d06ca998949f10d3361cef9996f1a9b23210543989213"),
    "ee_2021.csv": Published("EE", 2021, "6d389c9ed65c4b3968be46f1daf23e99d309579b59d880457b10303bb4c11c8a"),
    "es_2023.csv": Published("ES", 2023, "911c639e1f753b70b95a98fca6f3a46377c1d3a8d8b0e50619693cd0b07e1a04"),
    "es_ne_2021.csv": Published("ES", 2021, "b33b52448a8bc9802a465c456631b04da305a82701309f3d241c8cb584e21088"),
    "fi_2020.csv": Published("FI", 2020, "3f940335ab5117038af1a73a01a2e1a6c5d5c29951fcca4433a8c5588904d113"),
    "fr_2018.csv": Published("FR", 2018, "3bad5f442691c7e06051727cb21560e583edbb347e197da273b8d0a7840c289d"),
    "fr_other_years.csv": Published(
        "FR", None, "8dfa01e9ab0195705e598db7b2ab14a13cdd5cf81983cd124e074d7951f7eb81", supplement=True),
    "hr_2020.csv": Published("HR", 2020, "fc69880ecc96ea36759df9cb41168391c8355cf1044c2e9f3bbcdaa6816ed975"),
    "ie_2023.csv": Published("IE", 2023, "b021e0f05fb47697668a9fc1838f7c26212b80d13c22f3118f090cdb327b500b"),
    "lt_2021.csv": Published(
        "LT", 2021, "2546ff335744fc3f39f642380b79ff4cd10b5993d2ca4cd238049a394d2127cb", misread="cp1257"),
    "lv_2021.csv": Published("LV", 2021, "73d35c0f3f4ad708a9454c26bc10787ae44e493567decc8687db02b4ac06743c"),
    "nl_2020.csv": Published("NL", 2020, "f9cfab42a901e78b68eda34532a73e8dc8766ef8c8dd05e85104c95fb24ba837"),
    "nl_other_years.csv": Published(
        "NL", None, "bf4f8230dab57711217dccd14392facc2381ea7f0fe804f650a4d43d4589c68a", supplement=True),
    "pt_2021.csv": Published("PT", 2021, "61eb0d77ddaad94f301c27742938fac98e015c26e4389f3780760565e2a67b97"),
    "ro_no_year.csv": Published("RO", None, "c949492183038ab31035f36b2a0812d41e3691f9f724d986d04d600ab795a11c"),
    "se_2021.csv": Published("SE", 2021, "2e0320c047d3eb1c2fe244a2fae3146588a6e41e8d98b02f3eaca55cf58dd929"),
    "si_2021.csv": Published("SI", 2021, "0d936b2a4280181c9ed1d30bc88db105af303b8a6567ce4679c38c71ee3169fc"),
    "sk_2021.csv": Published("SK", 2021, "cafa85325bb3b0fa1e7afac2307f5f0d50e83bceacc61f6f93449495de187748"),
}
"""The published files by name."""


ONE_SYSTEM = ("DE",)
"""Countries whose states share one system of codes, so that their tables should agree: EuroCrops issue 23."""


def of(country: str, year: int) -> str:
    """Name of the file that maps the codes of a country and year.

    Raises:
        DataError: there is none, or there are several, for parts of the country.
    """
    here = {name: table for name, table in TABLES.items() if table.country == country}
    fit = [name for name, table in here.items() if table.every_year or table.year == year]
    if len(fit) == 1:
        return fit[0]
    if not here:
        raise DataError(f"EuroCrops has no mapping table of {country}",
                        mend="write one with columns country,year,code,hcat and name it with --map")
    if fit:
        raise DataError(f"EuroCrops has several tables of {country} {year}: {', '.join(fit)}",
                        mend="name the file with --map")
    raise DataError(f"EuroCrops has no mapping table of {country} {year}, but {', '.join(here)}",
                    mend="codes change from year to year: name a file with --map if they are the same in that year")


def fetch(folder: Path, address: str = ADDRESS, tell: Callable[[str], None] = lambda name: None) -> None:
    """Put all files into a folder; those that are there already stay.

    Args:
        folder: made if need be.
        address: of the folder that holds them.
        tell: told each name before it is fetched.

    Raises:
        StorageUnreachable: the address does not answer.
        CorruptRecord: a file, there or fetched, is not the one that this version is tested with.
    """
    import pooch
    pooch.get_logger().setLevel("ERROR")
    for name, table in TABLES.items():
        path = folder / name
        if path.exists():
            if pooch.file_hash(str(path)) != table.digest:
                raise CorruptRecord(f"{path} is not the published file",
                                    mend="move it elsewhere, or fetch into another folder")
            continue
        tell(name)
        try:
            pooch.retrieve(f"{address}{name}", known_hash=f"sha256:{table.digest}", fname=name, path=folder)
        except ValueError as error:
            raise CorruptRecord(f"{address}{name} is not the file that this version is tested with",
                                mend="it has changed, or did not arrive whole: try again, or download it yourself and"
                                " compare what it maps with agrispec-gee labels changes") from error
        except OSError as error:
            raise StorageUnreachable(f"{address}{name} was not fetched: {why(error)}",
                                     mend="try again later, or download it yourself") from error


def is_published(path: Path) -> bool:
    """Whether a file is, byte for byte, the one of its name."""
    table = TABLES.get(path.name)
    return table is not None and hashlib.sha256(path.read_bytes()).hexdigest() == table.digest
