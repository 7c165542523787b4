"""Measure the built site with Lighthouse, on a desktop and on its simulated phone.

    make lighthouse
    python tools/lighthouse.py [PAGE ...]

The site is served from this machine, compressed as a static host does it. Lighthouse is a program for Node:
`npm install --ignore-scripts lighthouse` puts it into the folder where you say it; LIGHTHOUSE gives its path.
What it says of performance comes from the time a processor takes: measure on a calm machine.

Settings (environment variables):
  LIGHTHOUSE   the program (lighthouse, where it is on the path)
  RUNS         times that each page is measured; the table has the medians (3)
"""

import functools
import gzip
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

SITE = Path(__file__).resolve().parents[1] / "_build" / "html"
PAGES = ("book/index.html", "book/speed-and-score.html")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
WANTED = {"desktop": (95, 95, 95, 95), "phone": (75, 95, 95, 95)}
COMPRESSED = {".html", ".css", ".js", ".svg", ".json", ".xml", ".txt"}
FLAGS = "--headless --no-sandbox --disable-background-networking --disable-component-update --disable-sync"


def stop(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(1)


class StaticHost(SimpleHTTPRequestHandler):
    """Files as a static host sends them: compressed, and kept by the browser for a while."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            data = gzip.compress(data)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path, host: type[StaticHost] = StaticHost) -> Iterator[str]:
    """The address of this folder, served on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(host, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def program(name: str, *others: str, hint: str) -> str:
    """The path of a program; a missing one is a sentence."""
    for one in (name, *others):
        if found := shutil.which(one):
            return found
    stop(hint)


def measure(lighthouse: str, chromium: str, address: str, device: str) -> tuple[dict[str, float], list[str]]:
    """The four categories, 0 to 100, and the titles of what failed outside of performance."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [lighthouse, address, "--quiet", "--no-enable-error-reporting", "--output=json"]
        command += [f"--output-path={report}", f"--chrome-flags={FLAGS}", f"--only-categories={','.join(CATEGORIES)}"]
        command += ["--preset=desktop"] if device == "desktop" else []
        done = subprocess.run(command, env=os.environ | {"CHROME_PATH": chromium}, capture_output=True, text=True)
        if done.returncode or not report.is_file():
            stop(f"Lighthouse failed on {address}:\n{done.stderr[-2000:]}")
        found = json.loads(report.read_text(encoding="utf-8"))
    failed = [
        found["audits"][audit["id"]]["title"]
        for name in CATEGORIES[1:]
        for audit in found["categories"][name]["auditRefs"]
        if audit["weight"] and (found["audits"][audit["id"]]["score"] or 0) < 1
        and found["audits"][audit["id"]]["scoreDisplayMode"] not in ("notApplicable", "manual", "informative")
    ]  # fmt: skip
    return {name: 100 * (found["categories"][name]["score"] or 0) for name in CATEGORIES}, failed


def main(pages: list[str]) -> int:
    if not (SITE / "index.html").exists():
        stop("There is no site yet: say make book first.")
    if missing := [page for page in pages if not (SITE / page).is_file()]:
        stop(f"The site has no {missing[0]}.")
    runs = os.environ.get("RUNS") or "3"
    if not runs.isdecimal() or int(runs) == 0:
        stop(f"RUNS={runs} is not a whole number above zero.")
    lighthouse = program(
        os.environ.get("LIGHTHOUSE") or "lighthouse",
        hint="Lighthouse is not here: say npm install --ignore-scripts lighthouse in a folder of your own, and give "
        "its path as LIGHTHOUSE=FOLDER/node_modules/.bin/lighthouse.",
    )
    chromium = program(
        "chromium", "chromium-browser", "google-chrome", hint="There is no Chromium here: install Debian's chromium."
    )
    print(f"{'page':32} {'device':8} " + " ".join(f"{name:>14}" for name in CATEGORIES))
    low = False
    with served(SITE) as address:
        for page, device in itertools.product(pages or PAGES, WANTED):
            measured = [measure(lighthouse, chromium, f"{address}/{page}", device) for _ in range(int(runs))]
            scores = [statistics.median(one[name] for one, _ in measured) for name in CATEGORIES]
            short = [score < limit for score, limit in zip(scores, WANTED[device], strict=True)]
            cells = [f"{score:.0f}{' !' if bad else ''}" for score, bad in zip(scores, short, strict=True)]
            print(f"{page:32} {device:8} " + " ".join(f"{cell:>14}" for cell in cells), flush=True)
            for title in dict.fromkeys(title for _, failed in measured for title in failed):
                print(f"    {title}")
            low = low or any(short)
    if low:
        print("Marked with !: lower than the book wants (desktop 95; phone 75 for performance, 95 for the others).")
    return int(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
