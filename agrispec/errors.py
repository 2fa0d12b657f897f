"""The errors a user can mend.

AgrispecError
├── ConfigError      a setting is missing, misspelled or impossible            (exit code 2)
├── MissingExtra     a command needs an optional part that is not installed    (exit code 2)
├── DataError        areas, labels or samples cannot do what was asked of them
├── RecordError      a file of records cannot be used
│   ├── CorruptRecord    truncated, bit-flipped or unreadable
│   └── SchemaMismatch   whole, but of another cube, model or layout
├── EngineError      the engine refused a graph or a request
│   └── EngineUnreachable    it did not answer, or asked to be left alone for a while
│       └── EngineBusy       too many requests at once, or too soon after another
├── TaskFailed       an export or ingestion ended without its result
├── BudgetExceeded   an export would cost, or has cost, more than it may
├── AssetMissing     an asset is not there, or not readable
├── AssetExists      an asset is there already
├── StorageError     a file could not be written, read or moved
│   ├── ObjectMissing        a bucket does not hold an object
│   └── StorageUnreachable   Cloud Storage did not answer, or a file did not arrive whole: again may help
└── RunError         a run directory lacks what a stage needs
"""

from __future__ import annotations


class AgrispecError(Exception):
    """Something the user can mend.

    Args:
        message: what was found, as one clause without a final stop.
        mend: how to mend it, as one clause without a final stop.
    """

    exit_code = 1

    def __init__(self, message: str, *, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.message}; {self.mend}"


class ConfigError(AgrispecError):
    """A setting is missing, misspelled or impossible."""

    exit_code = 2


class MissingExtra(AgrispecError):
    """A command needs an optional part of the distribution that is not installed."""

    exit_code = 2

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed",
                         mend=f"install it with: pip install 'agrispec-gee[{extra}]'")


class DataError(AgrispecError):
    """Areas, labels or samples cannot do what was asked of them."""


class RecordError(AgrispecError):
    """A file of records cannot be used."""


class CorruptRecord(RecordError):
    """A file of records is truncated, bit-flipped or unreadable."""


class SchemaMismatch(RecordError):
    """A file is whole, but belongs to another cube, model or layout."""


class EngineError(AgrispecError):
    """The engine refused a graph or a request."""


class EngineUnreachable(EngineError):
    """The engine did not answer, or could not for now: asking again later may help."""


class EngineBusy(EngineUnreachable):
    """The engine has too many requests of this project to answer (429): ask fewer at once, and later."""


class TaskFailed(AgrispecError):
    """An export or ingestion task ended without its result."""


class BudgetExceeded(AgrispecError):
    """An export would cost more than its budget, or has used it up."""


class AssetMissing(AgrispecError):
    """An asset does not exist, or the caller may not read it."""


class AssetExists(AgrispecError):
    """An asset of that id exists already and overwriting was not asked for."""


class StorageError(AgrispecError):
    """A file could not be written, read or moved."""


class ObjectMissing(StorageError):
    """A bucket, or an object in it, is not there."""


class StorageUnreachable(StorageError):
    """Cloud Storage did not answer, could not for now, or a file did not arrive whole: asking again may help."""


class RunError(AgrispecError):
    """A run directory lacks what a stage needs."""
