"""Mapping tables: a country's codes of a year -> HCAT, from EuroCrops' published files or a table of one's own."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from agrispec import hcat
from agrispec.errors import CorruptRecord, DataError
from labels import eurocrops

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a mapping table.

    Attributes:
        code: the national code as text; "" where the row has none, and names are its key.
        names: the national names; none where the row has none.
        hcat: ten digits, or "" where the table does not say.
    """

    code: str
    names: tuple[str, ...]
    hcat: str


@dataclass(frozen=True)
class MappingTable:
    """What a country's codes of a year mean.

    Attributes:
        country: two letters.
        year: the year of its codes; None where the file says none, or all.
        name: file name.
        digest: SHA-256 of the file.
        entries: the rows.
        doubts: what should be known before it is used, a sentence each.
        supplement: whether it lists only what another table of the country lacks.
        ahead: rows that go before the others, whatever these say.
    """

    country: str
    year: int | None
    name: str
    digest: str
    entries: tuple[Entry, ...]
    doubts: tuple[str, ...] = ()
    supplement: bool = False
    ahead: frozenset[Entry] = frozenset()

    @classmethod
    def read(cls, path: Path, country: str | None = None, year: int | None = None) -> MappingTable:
        """The table of a country's codes of a year.

        Args:
            path: a file that EuroCrops publishes, a CSV with columns country, year, code, hcat and perhaps name, or a
                folder of EuroCrops' files, of which that of the country and the year is taken.
            country: two letters, e.g. FR; None for the only one that the file has.
            year: of the declarations, None likewise. A published file that is named is read whatever its year is, and
                says so in `doubts`; from a folder, and from a table of one's own, none of another year is taken.

        Raises:
            DataError: it holds nothing of that country and year, or something of several and none was named.
            CorruptRecord: it is not UTF-8, has no such columns, or an HCAT code is none.
        """
        if path.is_dir():
            if country is None or year is None:
                raise DataError(f"{path} is a folder of tables", mend="name the country and the year, or a file in it")
            path = path / eurocrops.of(country, year)
        content = _content(path)
        rows = _rows(path, content)
        digest = hashlib.sha256(content).hexdigest()
        if {"country", "year", "code", "hcat"} <= set(rows[0]):
            country, year, mine = _chosen(path, rows, country, year)
            return cls(country, year, path.name, digest, tuple(_own(path, mine)))
        published = eurocrops.TABLES.get(path.name)
        if published is None:
            return cls(country or "", None, path.name, digest, tuple(_published(path, rows, "")),
                       () if year is None else (_of_another_year(path.name, None, year),))
        if country not in (None, published.country):
            raise DataError(f"{path.name} maps the codes of {published.country}, not of {country}",
                            mend="name the table of that country, or the right country")
        doubts = []
        if year not in (None, published.year) and not published.every_year:
            doubts.append(_of_another_year(path.name, published.year, year))
        if published.supplement:
            doubts.append(f"{path.name} lists only what another table of {published.country} lacks")
        return cls(published.country, published.year, path.name, digest,
                   tuple(_published(path, rows, published.misread)), tuple(doubts), published.supplement)

    def before(self, other: MappingTable) -> MappingTable:
        """Both tables as one: what this table lists is read from it, the rest from the other.

        So a few rows of one's own settle what a published table leaves open.
        """
        settled = {entry for code in self.by_code for entry in other.of(code, "")}
        kept = tuple(entry for entry in other.entries if entry not in settled
                     and (entry.code or not set(map(key, entry.names)) & set(self.by_name)))
        return MappingTable(self.country, self.year or other.year, f"{self.name} before {other.name}",
                            hashlib.sha256(f"{self.digest}{other.digest}".encode()).hexdigest(),
                            self.entries + kept, self.doubts + other.doubts,
                            ahead=self.ahead or frozenset(self.entries))

    @cached_property
    def by_code(self) -> Mapping[str, tuple[Entry, ...]]:
        """Rows by code; several where the table lists a code more than once."""
        return grouped((entry.code, entry) for entry in self.entries if entry.code)

    @cached_property
    def by_number(self) -> Mapping[int, tuple[Entry, ...]]:
        """Rows by the number of a code of digits: declarations keep 001 as 1."""
        return grouped((int(entry.code), entry) for entry in self.entries if _digits(entry.code))

    @cached_property
    def by_name(self) -> Mapping[str, tuple[Entry, ...]]:
        """Rows by the key of a name."""
        return grouped((key(name), entry) for entry in self.entries for name in entry.names)

    @property
    def keyless(self) -> int:
        """How many rows have neither code nor name, so that no declaration can meet them."""
        return sum(not entry.code and not entry.names for entry in self.entries)

    def of(self, code: str, name: str) -> tuple[Entry, ...]:
        """The rows of a declaration.

        Those of its code; where the table has not got it, or there is none, those of its name. Where both are listed
        and say different things they are returned together: one of them has changed its meaning. A row
        that goes before the others is compared with such rows alone.

        Args:
            code: as text, "" for none.
            name: "" for none.
        """
        named = self.by_name.get(key(name), ()) if name else ()
        coded = self.by_code.get(code, ()) if code else ()
        if not coded and _digits(code):
            same = self.by_number.get(int(code), ())
            # 01 and 001 may be different codes of one table.
            coded = same if len({entry.code for entry in same}) == 1 else ()
        ahead = tuple(entry for entry in named if entry in self.ahead)
        if ahead or self.ahead.intersection(coded):
            named = ahead
        if coded and named and not {entry.hcat for entry in coded} & {entry.hcat for entry in named}:
            return coded + named
        return coded or named


def code_text(value: Any) -> str:
    """A code or name as text: 12.0 is "12", and what is missing "".

    Columns of numbers with gaps come as floats, and spreadsheets write them out so.
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = unicodedata.normalize("NFC", str(value)).strip()
    return text.partition(".")[0] if re.fullmatch(r"-?\d+\.0+", text) else text


def key(name: str) -> str:
    """A name as it is compared: without what writers differ in, which is case, blanks and how accents are encoded."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def grouped(pairs: Iterable[tuple[_Key, Entry]]) -> dict[_Key, tuple[Entry, ...]]:
    """Entries by what they share."""
    groups: dict[_Key, list[Entry]] = defaultdict(list)
    for shared, entry in pairs:
        groups[shared].append(entry)
    return {shared: tuple(entries) for shared, entries in groups.items()}


def _digits(code: str) -> bool:
    return code.isascii() and code.isdigit()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}",
                        mend="name a mapping table; agrispec-gee labels tables --fetch FOLDER fetches EuroCrops'"
                        ) from error


def _rows(path: Path, content: bytes) -> list[dict[str, str]]:
    """Rows as text by column, without blanks around; at least one."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptRecord(f"{path} is not UTF-8 (byte {error.start})",
                            mend="save it as UTF-8, as spreadsheets do with \"CSV UTF-8\"") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    try:
        rows = [{column.strip(): value.strip() for column, value in row.items() if column} for row in reader]
    except csv.Error as error:
        raise CorruptRecord(f"{path}, after line {reader.line_num}: {error}",
                            mend="look for a quotation mark that opens a text and none that closes it") from error
    if not rows:
        raise CorruptRecord(f"{path} has no rows", mend="fetch it again, or write rows below its headings")
    return rows


def _published(path: Path, rows: list[dict[str, str]], misread: str) -> Iterator[Entry]:
    """Rows of one of EuroCrops' layouts.

    Args:
        misread: the encoding of names that were read as if they were Latin-1, which is undone; "" for none.
    """
    columns = [column for column in rows[0] if column.startswith("original_name")]
    if "HCAT3_code" not in rows[0] or not (columns or "original_code" in rows[0]):
        raise CorruptRecord(f"{path} has columns {', '.join(rows[0])}",
                            mend="name one of EuroCrops' tables, or a CSV with columns country,year,code,hcat")
    for line, row in enumerate(rows, 2):
        names = tuple(dict.fromkeys(filter(None, (row[column] for column in columns))))
        if misread:
            names += tuple(name.encode("latin-1", "replace").decode(misread) for name in names if not name.isascii())
        yield Entry(code_text(row.get("original_code", "")), names, _checked(path, line, row["HCAT3_code"]))


def _of_another_year(name: str, found: int | None, year: int) -> str:
    return (f"{name} is of {found or 'a year that it does not say'}, the declarations are of {year}: codes may have"
            " changed in between")


_Lines = list[tuple[int, dict[str, str]]]


def _chosen(path: Path, rows: list[dict[str, str]], country: str | None, year: int | None) -> tuple[str, int, _Lines]:
    """The country and year that are asked of a table of one's own, and its lines of them."""
    lines = list(enumerate(rows, 2))
    for line, row in lines:
        if not _digits(row["year"]):
            raise CorruptRecord(f"{path}, line {line}: {row['year']!r} is no year", mend="write four digits")
    there = sorted({(row["country"], int(row["year"])) for row in rows})
    fit = [each for each in there if country in (None, each[0]) and year in (None, each[1])]
    if not fit:
        raise DataError(f"{path} has no row of {country} {year}, but of"
                        f" {', '.join(f'{name} {number}' for name, number in there)}",
                        mend="add the rows of that country and year: codes change from one year to the next")
    if len(fit) > 1:
        raise DataError(f"{path} holds {', '.join(f'{name} {number}' for name, number in fit)}",
                        mend="say which country and year is meant")
    return *fit[0], [(line, row) for line, row in lines if (row["country"], int(row["year"])) == fit[0]]


def _own(path: Path, lines: _Lines) -> Iterator[Entry]:
    """Rows of a table of one's own."""
    for line, row in lines:
        if not row["code"] and not row.get("name"):
            raise CorruptRecord(f"{path}, line {line} has neither code nor name", mend="give it one of them")
        yield Entry(code_text(row["code"]), tuple(filter(None, [row.get("name")])), _checked(path, line, row["hcat"]))


def _checked(path: Path, line: int, code: str) -> str:
    """An HCAT code as it should be."""
    code = re.sub(r"\.0+$", "", code)
    if code and not hcat.is_code(code):
        raise CorruptRecord(f"{path}, line {line}: {code!r} is no HCAT code",
                            mend="write ten digits as HCAT 3 lists them, such as 3301010101 for winter wheat, or"
                            " nothing")
    return code
