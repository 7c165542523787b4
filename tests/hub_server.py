"""A small Hugging Face Hub on this machine: huggingface_hub, datasets and transformers talk to it unchanged.

It serves a folder `datasets|models/OWNER/NAME/REVISION/files…` (a revision's slashes written as %2F) under the real
addresses, and fails on request.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import parse_qs, quote, unquote, urlsplit

API = re.compile(r"/api/(datasets|models)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?")
FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


@dataclass
class Fault:
    """What happens to requests whose "METHOD path" `pattern` is found in, the next `times` times.

    `kind`: "repo" (404), "file" (404), "gated" and "private" (401 with their codes), "token" (401), "error" (500),
    "cut" (the body ends after `after` bytes of the file), "stall" (no answer until the fault is taken away), "nonsense"
    (no JSON).
    """

    kind: str
    pattern: str
    times: float = float("inf")
    after: int = 0


@dataclass
class Hub:
    root: Path
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    closing: Event = field(default_factory=Event)

    def __post_init__(self):
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def folder(self, kind: str, repo: str, revision: str = "main") -> Path:
        """Where to put the files of a repository."""
        folder = self.root / kind / repo / quote(revision, safe="")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def commit(self, folder: Path) -> str:
        """The hash of what a folder holds; a folder that is named like a commit is that commit."""
        if re.fullmatch("[0-9a-f]{40}", folder.name):
            return folder.name
        digest = hashlib.sha1(str(folder.relative_to(self.root)).encode())
        for path in files(folder):
            digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
        return digest.hexdigest()

    def find(self, kind: str, repo: str, revision: str) -> tuple[Path | None, bool]:
        """(the folder of a repository at a revision or commit, whether the repository is there)."""
        base = self.root / kind / repo
        if not base.is_dir():
            return None, False
        for folder in base.iterdir():
            if revision in (unquote(folder.name), self.commit(folder)):
                return folder, True
        return None, True

    def fault(self, request: str) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, request):
                fault.times -= 1
                return fault
        return None


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def do_POST(self):
        self.posted = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(body=True)

    def answer(self, body: bool):
        address = urlsplit(self.path)
        path = unquote(address.path) if "%2F" not in address.path else address.path
        request = f"{self.command} {path}"
        self.hub.requests.append(request)
        fault = self.hub.fault(request)
        if fault and fault.kind == "stall":
            while fault in self.hub.faults and not self.hub.closing.wait(0.05):
                pass
            self.close_connection = True
            return
        statuses = {
            **{"repo": (404, "RepoNotFound"), "file": (404, "EntryNotFound"), "error": (500, "")},
            **{"gated": (401, "GatedRepo"), "private": (401, "RepoNotFound"), "token": (401, "")},
        }
        if fault and fault.kind in statuses:
            return self.send(*statuses[fault.kind])
        if fault and fault.kind == "nonsense":
            return self.send(200, "", b"<html>")
        after = fault.after if fault else None
        if match := API.fullmatch(address.path):
            self.api(match, parse_qs(address.query), body, after)
        elif match := FILE.fullmatch(address.path):
            self.file(match, body, after)
        else:
            self.send(404, "")

    def api(self, match: re.Match, query: dict, body: bool, after: int | None):
        kind, repo, what, revision, inside = (unquote(group or "") for group in match.groups())
        folder, there = self.hub.find(kind, repo, revision or "main")
        if folder is None:
            return self.send(404, "RevisionNotFound" if there else "RepoNotFound")
        names = [path.relative_to(folder).as_posix() for path in files(folder)]
        if what in ("", "revision"):
            answer = {
                **{"id": repo, "sha": self.hub.commit(folder), "private": False, "gated": False, "disabled": False},
                **{"tags": [], "downloads": 0, "likes": 0, "siblings": [{"rfilename": name} for name in names]},
            }
        elif what == "tree":
            deep = query.get("recursive", ["False"])[0].lower() == "true"
            inside = f"{inside.strip('/')}/" if inside.strip("/") else ""
            answer = [self.entry(folder, name) for name in names if name.startswith(inside)]
            if not deep:
                answer = [entry for entry in answer if "/" not in entry["path"].removeprefix(inside)]
                below = {name.removeprefix(inside).split("/")[0] for name in names if name.startswith(inside)}
                folders = {inside + name for name in below if (folder / inside / name).is_dir()}
                answer += [{"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in sorted(folders)]
        else:
            wanted = parse_qs(self.posted.decode()).get("paths") or json.loads(self.posted or b"{}").get("paths", [])
            answer = [self.entry(folder, name) for name in names if name in wanted]
            below = [name for name in wanted if (folder / name).is_dir()]
            answer += [{"type": "directory", "path": name, "oid": "0" * 40, "size": 0} for name in below]
        self.send(200, "", json.dumps(answer).encode(), body=body, after=after)

    def entry(self, folder: Path, name: str) -> dict:
        data = (folder / name).read_bytes()
        return {"type": "file", "path": name, "oid": hashlib.sha1(data).hexdigest(), "size": len(data)}

    def file(self, match: re.Match, body: bool, after: int | None):
        kind, (repo, revision, name) = match[1], (unquote(group) for group in match.groups()[1:])
        folder, there = self.hub.find("datasets" if kind else "models", repo, revision)
        if folder is None:
            return self.send(404, "RevisionNotFound" if there else "RepoNotFound")
        if not (folder / name).is_file():
            return self.send(404, "EntryNotFound", headers={"X-Repo-Commit": self.hub.commit(folder)})
        data = (folder / name).read_bytes()
        headers = {
            **{"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": self.hub.commit(folder)},
            **{"Accept-Ranges": "bytes", "Content-Disposition": f'inline; filename="{Path(name).name}";'},
        }
        status, start = 200, 0
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            status, start = 206, int(wanted[1])
            end = min(int(wanted[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            data = data[start : end + 1]
        if after is not None:
            after = max(0, after - start)  # the place in the file, however often the rest is asked for
        self.send(status, "", data, headers, body, after)

    def send(
        self,
        status: int,
        code: str,
        data: bytes = b"",
        headers: dict[str, str] | None = None,
        body: bool = True,
        after: int | None = None,
    ):
        self.send_response(status)
        for name, value in ({"X-Error-Code": code} if code else {}).items():
            self.send_header(name, value)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if after is not None:
            self.send_header("Connection", "close")
        self.end_headers()
        if body:
            self.wfile.write(data if after is None else data[:after])
        if after is not None and after < len(data):
            self.close_connection = True
