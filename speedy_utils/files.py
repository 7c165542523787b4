"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

UNFINISHED = ".unfinished"  # what the folder of a run is called, after its own name, while it is trained


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Writes a file; whoever reads the path sees the old content or the new, never a part of it. Text is UTF-8."""
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write, part by part; it appears at `path` when all went well, and not at all otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    scratch = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(0o644)
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, value: Any) -> None:  # noqa: ANN401 -- what json can hold
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's content, read in parts."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; it appears at `path` when all went well, and not at all otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield scratch
        scratch.chmod(0o755)
        scratch.replace(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
