"""Try every link that leads out of the repository's texts, and say which are broken.

    python tools/links_check.py

Sphinx's own link check does the work, over every Markdown file and notebook that git knows: it tries again, waits where
a site asks for it, and counts what forbids robots as there. It asks many sites, so it runs once a week on GitHub, not
in the tests; say ANYWHERE=1 to run it elsewhere.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from address import ROOT, tracked_files

CONF = """\
extensions = ["myst_nb"]
nb_execution_mode = "off"
myst_enable_extensions = ["linkify"]
suppress_warnings = ["*"]
linkcheck_anchors = False  # many pages make theirs with a script
linkcheck_retries = 3
linkcheck_timeout = 30
linkcheck_workers = 8
linkcheck_rate_limit_timeout = 120
linkcheck_ignore = [r"http://(127\\.0\\.0\\.1|localhost)(:8000)?/"]  # what `make serve` shows
linkcheck_request_headers = {"*": {"User-Agent": "Mozilla/5.0 (link check of an open textbook)"}}
"""


def collect(target: Path) -> int:
    """Copy the texts into a folder that Sphinx can read; how many there are."""
    texts = [path for path in tracked_files() if path.suffix in (".md", ".ipynb")]
    for path in texts:
        place = target / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    (target / "conf.py").write_text(CONF, encoding="utf-8")
    (target / "index.rst").write_text("Texts\n=====\n", encoding="utf-8")
    return len(texts)


def check(folder: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """All links of the texts in a folder, and the broken ones, as Sphinx reports them."""
    out = folder / "_out"
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "linkcheck", str(folder), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    report = out / "output.json"
    if not report.exists():
        sys.exit(f"The links were not checked: Sphinx said:\n{(done.stderr or done.stdout)[-3000:]}")
    links = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    links = [link for link in links if link["status"] not in ("local", "unchecked", "ignored")]
    return links, [link for link in links if link["status"] in ("broken", "timeout")]


def main() -> int:
    if not (os.environ.get("GITHUB_ACTIONS") or os.environ.get("ANYWHERE")):
        print("The links were not checked: that is done on GitHub, or with ANYWHERE=1.")
        return 0
    with tempfile.TemporaryDirectory(prefix="speedy-links-") as scratch:
        count = collect(Path(scratch))
        links, broken = check(Path(scratch))
    for link in sorted(broken, key=lambda one: (one["filename"], one["lineno"])):
        print(f"{link['filename']}:{link['lineno']}: {link['uri']}: {link['info'] or link['status']}")
    print(f"{len(links)} links in {count} texts; {len(broken)} are broken.")
    return 1 if broken or not links else 0


if __name__ == "__main__":
    sys.exit(main())
