"""Files that are either whole or absent, and folders with one writer."""

import errno
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError, InUse, StorageError, require

ADVICE = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your quota is used up; free some space",
    errno.EFBIG: "files of this size are not allowed here; raise the limit (ulimit -f)",
    errno.EACCES: "you may not write there; choose another folder, or have its permissions changed",
    errno.EPERM: "you may not write there; choose another folder, or have its permissions changed",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOTDIR: "a part of the path is a file; choose another folder",
    errno.EEXIST: "a part of the path is a file; choose another folder",
    errno.EISDIR: "it is a folder; move it away",
}
TEMPORARY = "tmp"


def user_cache() -> Path:
    """The package's folder in the user's cache, which may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pyro_factor"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it there once the block has succeeded.

    The bytes are on the disk before the name is: a crash leaves the old file or the new one.

    Raises:
        StorageError: A full disk, no permission, ...; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{TEMPORARY}")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of text, whole or not at all, as `atomic` does."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON, whole or not at all."""
    write_text(path, as_json(data))


def settle(path: Path, data: Any, advice: str) -> None:
    """Write how a folder's results are made, or hold it against how they were.

    Args:
        path: The file.
        data: How they are made.
        advice: What to do where they were made otherwise.

    Raises:
        InputError: They were, or the file can't be read.
    """
    if not path.exists():
        write_json(path, data)
        return
    try:
        same = path.read_bytes() == as_json(data).encode()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); move it away") from None
    require(same, "folder", str(path.parent), advice)


def as_json(data: Any) -> str:
    """Data as JSON, to be read by people as well."""
    return json.dumps(data, indent=2) + "\n"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an `OSError` into a `StorageError` about `path` that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        number = error.errno or 0
        reason = ADVICE.get(number) or error.strerror or str(error)
        raise StorageError(number, f"{path}: can't be written: {reason}") from error


@contextmanager
def locked(folder: Path, patience: float = 0.0, parts: Sequence[str] = ()) -> Iterator[None]:
    """Be the only process that writes to a folder, which is made if it is absent.

    The lock is the operating system's: it ends with the process, however that ends. What a killed
    writer left half-written is cleared away; what another process writes there without the lock is
    left to it.

    Args:
        folder: The folder.
        patience: Seconds to wait for another process.
        parts: The folders in it that are written to under its lock, and so cleared too.

    Raises:
        InUse: Another process holds the lock.
        StorageError: The folder can't be written to.
    """
    from filelock import FileLock, Timeout

    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise InUse(
                f"folder: got {str(folder)!r}; another process is writing to it; wait for it to "
                "end, or choose another folder"
            ) from None
    try:
        with explained(folder):
            for place in (folder, *(folder / part for part in parts)):
                for left in place.glob(f".*.{TEMPORARY}"):
                    if not _runs(left.name.split(".")[-2]):
                        left.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def _runs(pid: str) -> bool:
    if os.name == "nt":
        return False  # asking would signal it
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True  # another user's
    except (OSError, OverflowError, ValueError):
        return False
    return True
