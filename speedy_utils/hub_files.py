"""Files from the Hugging Face Hub: listed, fetched once, and every failure put in a few words.

`huggingface_hub` does the work and keeps the files in its cache (HF_HOME); a file is there whole or not at all, so a
call after a failure goes on where the last one stopped. How long a silent server is waited for is
HF_HUB_DOWNLOAD_TIMEOUT (seconds, 10 unless set); huggingface_hub tries a download again five times.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from speedy_utils.errors import brief, listing

Got = TypeVar("Got")

# What can be done about a failure, by its kind.
ADVICE = {
    "missing": "",
    "revision": "give a revision= that is there",
    "gated": "accept its conditions on the hub and log in with 'hf auth login'",
    "content": "give a revision= that has it right",
    "offline": "unset HF_HUB_OFFLINE",
    "network": "check the connection and call again (what was fetched is kept)",
    "disk": "free some space or let HF_HOME name a folder with room, and call again",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
_PART = re.compile(r"-(\d{5})-of-(\d{5})\b")


class HubError(RuntimeError):
    """What was asked for could not be had from the hub: one sentence with what was tried and what to do."""


class Trouble(Exception):
    """Why one repository did not answer, in a few words; `kind` is one of `ADVICE`."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


def hub_error(what: str, tried: Iterable[tuple[str, Trouble]], instead: str) -> HubError:
    """The error for `what` after all places were `tried`; `instead` is what else can be done."""
    tried = list(tried)
    reasons = "; ".join(f"{place}: {trouble}" for place, trouble in tried)
    advice = [text for text in dict.fromkeys(ADVICE[trouble.kind] for _, trouble in tried) if text]
    sentence = f"{what} could not be had from the Hugging Face Hub ({reasons}): {listing([*advice, instead], 'or')}."
    return HubError(" ".join(sentence.split()))


@dataclass(frozen=True)
class Listing:
    """The files of a repository at one commit. `cached`: why the hub's own list was not to be had, if it was not."""

    repo: str
    repo_type: str
    revision: str
    commit: str
    files: tuple[str, ...]
    cached: str = ""


def list_files(repo: str, repo_type: str = "dataset", revision: str = "main") -> Listing:
    """What a repository holds; where the hub cannot be reached, what the cache holds of it. Raises Trouble."""
    from huggingface_hub import HfApi, constants

    def ask() -> Listing:
        # repo_info asks once: its timeout has to be said, since without one it would wait for ever.
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        info = HfApi().repo_info(repo, repo_type=repo_type, revision=revision, timeout=timeout)
        names = tuple(sorted(sibling.rfilename for sibling in info.siblings or ()))
        return Listing(repo, repo_type, revision, info.sha, names)

    try:
        try:
            return _put(ask)
        except Trouble as trouble:
            if trouble.kind != "network":
                raise
            time.sleep(1)  # hubs stumble: one more try costs little
            return _put(ask)
    except Trouble as trouble:
        if trouble.kind in ("network", "offline") and (cached := _cached(repo, repo_type, revision, str(trouble))):
            return cached
        raise


def _cached(repo: str, repo_type: str, revision: str, why: str) -> Listing | None:
    from huggingface_hub import CacheNotFound, constants, scan_cache_dir

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return None
    for found in repos:
        for kept in found.revisions if (found.repo_id, found.repo_type) == (repo, repo_type) else ():
            if revision == kept.commit_hash or revision in kept.refs:
                names = (file.file_path.relative_to(kept.snapshot_path).as_posix() for file in kept.files)
                return Listing(repo, repo_type, revision, kept.commit_hash, tuple(sorted(names)), why)
    return None


def parts(names: Sequence[str]) -> list[str]:
    """The files of one split in the order of their numbers. Raises Trouble unless there are all from 0 on."""
    numbers, totals = [], set()
    for name in names:
        part = _PART.search(name) or re.search(r"(\d{4,5})\.parquet$", name)
        numbers.append(int(part[1]) if part else 0)
        totals.add(int(part[2]) if part and part.re is _PART else len(names))
    if sorted(numbers) != list(range(len(names))) or totals != {len(names)}:
        raise Trouble("content", f"parts of it are missing, or are there twice: {listing(names)}")
    return [name for _, name in sorted(zip(numbers, names, strict=True))]


def fetch(found: Listing, names: Sequence[str]) -> list[Path]:
    """The local paths of some files of a repository, fetched where they are not in the cache. Raises Trouble."""
    from huggingface_hub import hf_hub_download

    paths = {}
    # The last part first: where the parts from 0 on are in the cache, all are, which a later call without network uses.
    for name in reversed(names):

        def get(name: str = name) -> str:
            # By the revision's name, not its commit: so the cache remembers the name, and knows it without network.
            revision, offline = (found.commit, True) if found.cached else (found.revision, False)
            return hf_hub_download(
                found.repo, name, repo_type=found.repo_type, revision=revision, local_files_only=offline
            )

        path = Path(_put(get, name))
        if found.commit not in path.parts:
            raise Trouble("network", "the repository changed while it was read")
        paths[name] = path
    return [paths[name] for name in names]


def _put(call: Callable[[], Got], name: str = "") -> Got:
    """What `call` gives. Whatever it raises becomes Trouble: a sentence is owed for every way a network can fail."""
    try:
        return call()
    except Exception as error:
        raise trouble_of(error, name) from error


def trouble_of(error: BaseException, name: str = "") -> Trouble:
    """Why a call of `huggingface_hub` failed, `name` being the file that was asked for."""
    from huggingface_hub import errors

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        return trouble_of(error.__cause__, name)  # it only says that there is nothing cached either
    if isinstance(error, errors.OfflineModeIsEnabled):
        return Trouble("offline", "offline mode is on and the cache does not hold it")
    if isinstance(error, errors.GatedRepoError):
        return Trouble("gated", "it is gated")
    if isinstance(error, errors.RepositoryNotFoundError):
        return Trouble("missing", "there is no such repository, or it is private")
    if isinstance(error, errors.HFValidationError):
        return Trouble("missing", "that is no name of a repository")
    if isinstance(error, errors.RevisionNotFoundError):
        return Trouble("revision", "there is no such revision")
    if isinstance(error, errors.EntryNotFoundError):
        return Trouble("missing", f"the file {name} is missing")
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        return Trouble("gated" if status in (401, 403) else "network", f"the hub answered with HTTP {status}")
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return Trouble("disk", f"the disk is full ({error.strerror})")
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE:
        return Trouble("disk", f"the cache cannot be written ({error.strerror})")
    if "Consistency check" in str(error):
        return Trouble("network", "the download is not whole")
    if "Timeout" in type(error).__name__:
        return Trouble("network", "no answer in time")
    if "RemoteProtocol" in type(error).__name__ or "ReadError" in type(error).__name__:
        return Trouble("network", "the connection was cut")
    if isinstance(error, ValueError):
        return Trouble("network", "the answer was no hub's")
    if isinstance(error, OSError) or "Connect" in type(error).__name__ or "Proxy" in type(error).__name__:
        return Trouble("network", "no connection")
    return Trouble("network", f"it failed ({type(error).__name__}: {brief(str(error))})")
