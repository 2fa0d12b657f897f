"""A folder as a bucket."""

from __future__ import annotations

import filecmp
import shutil
from contextlib import suppress
from pathlib import Path

from agrispec.errors import ObjectMissing, StorageError
from agrispec.formats.atomic import replacing, storage_error, take_name, temporary_name
from exports.storage.refusals import need_folder, taken


class Folder:
    """A folder as a bucket; the embedded engine reads and writes the same folder.

    Args:
        root: folder of buckets.
        bucket: the bucket's name.
    """

    def __init__(self, root: Path, bucket: str) -> None:
        self._bucket = bucket
        self._folder = root / bucket

    def check(self) -> None:
        probe = temporary_name(self._folder / "check")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
        except OSError as error:
            raise storage_error(self._folder, error) from error
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def places(self) -> tuple[str, ...]:
        return ()

    def list(self, prefix: str) -> list[str]:
        files = (path for path in self._folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        return sorted(name for path in files if (name := path.relative_to(self._folder).as_posix()).startswith(prefix))

    def download(self, name: str, path: Path) -> int:
        source = self._folder / name
        if not source.is_file():
            raise ObjectMissing(f"gs://{self._bucket}/{name} is not there", mend="check [engine] bucket")
        with suppress(OSError):
            if path.is_file() and filecmp.cmp(source, path, shallow=False):
                return path.stat().st_size
        with replacing(path) as file, source.open("rb") as content:
            shutil.copyfileobj(content, file)
            return file.tell()

    def upload(self, path: Path, name: str) -> str:
        uri, target = f"gs://{self._bucket}/{name}", self._folder / name
        part = temporary_name(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            take_name(part, target)
        except FileExistsError as error:
            if not (target.is_file() and filecmp.cmp(path, target, shallow=False)):
                raise taken(uri) from error
        except OSError as error:
            raise storage_error(target, error) from error
        finally:
            part.unlink(missing_ok=True)
        return uri

    def delete(self, prefix: str) -> int:
        need_folder(prefix)
        names = self.list(prefix)
        try:
            for name in names:
                path = self._folder / name
                path.unlink(missing_ok=True)
                # A bucket has no folders: none is left empty.
                for folder in path.relative_to(self._folder).parents[:-1]:
                    with suppress(OSError):
                        (self._folder / folder).rmdir()
        except OSError as error:
            raise StorageError(f"the objects under {self._folder / prefix} cannot be deleted ({error.strerror})",
                               mend="check who owns them, and delete them by hand") from error
        return len(names)
