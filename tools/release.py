"""Make a release: one version number in every place, a commit and a tag.

    python tools/release.py 0.2.0
    python tools/release.py --check

The number stands in pyproject.toml (which decides), the package, CITATION.cff, .zenodo.json, CHANGELOG.md, and wherever
a file names the wheel on the site or the book's version, as the first cell of every notebook does. Every file is
written, or none. `--check` says which place disagrees.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from address import ROOT, tracked_files, write_all

VERSION = r"\d+\.\d+\.\d+"
DECIDING = "pyproject.toml"
# Each has to be in its file, once. Group 2 is the version.
FIELDS = {
    DECIDING: re.compile(rf'^(version = ")({VERSION})(?=")', re.MULTILINE),
    "speedy_utils/__init__.py": re.compile(rf'^(__version__ = ")({VERSION})(?=")', re.MULTILINE),
    "CITATION.cff": re.compile(rf"^(version: )({VERSION})(?=\n)", re.MULTILINE),
    ".zenodo.json": re.compile(rf'^(  "version": ")({VERSION})(?=")', re.MULTILINE),
}
# Anywhere in any file.
WHEEL = re.compile(rf"(speedy_gonzales_book-)({VERSION})(?=-py3-none-any\.whl)")
CELL = re.compile(rf'(environment\(book=\\?")({VERSION})(?=\\?")')
CHANGELOG = "CHANGELOG.md"
HEADING = re.compile(rf"^## (?:({VERSION})\b.*|.+)$", re.MULTILINE)
UNRELEASED = re.compile(rf"^## (?:(?:{VERSION}) \(not released yet\)|Not released yet)$")
RELEASED = re.compile(r"^date-released: .*\n", re.MULTILINE)


def stop(sentence: str) -> NoReturn:
    sys.exit(sentence)


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def texts() -> dict[Path, str]:
    """Every text file that git knows."""
    found = {}
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" not in data:
            found[path] = data.decode("utf-8", "surrogateescape")
    return found


def current() -> str:
    """The version that the repository has now."""
    found = FIELDS[DECIDING].search((ROOT / DECIDING).read_text(encoding="utf-8"))
    if not found:
        stop(f'{DECIDING} has no line such as version = "0.1.0".')
    return found[2]


def section(text: str) -> tuple[str, str]:
    """The first heading of the changelog, and what stands below it."""
    heads = list(HEADING.finditer(text))
    if not heads:
        stop(f"{CHANGELOG} has no heading such as ## 0.1.0 (not released yet).")
    end = heads[1].start() if len(heads) > 1 else len(text)
    return heads[0].group(), text[heads[0].end() : end].strip()


def newest_version(text: str) -> str:
    """The version of the topmost heading of the changelog that has one."""
    return next((head[1] for head in HEADING.finditer(text) if head[1]), "")


def disagreements() -> list[str]:
    """Each place that states another version than pyproject.toml, or none where there should be one."""
    version, wrong = current(), []
    for path, text in texts().items():
        name = path.relative_to(ROOT).as_posix()
        patterns = [WHEEL, CELL, *([FIELDS[name]] if name in FIELDS else [])]
        for found in (hit for pattern in patterns for hit in pattern.finditer(text)):
            if found[2] != version:
                line = text.count("\n", 0, found.start()) + 1
                wrong.append(f"{name}:{line}: version {found[2]}, but {DECIDING} says {version}")
    for name, pattern in FIELDS.items():
        path = ROOT / name
        count = len(pattern.findall(path.read_text(encoding="utf-8"))) if path.exists() else 0
        if count != 1:
            wrong.append(f"{name}: it states the version {count} times, not once")
    newest = newest_version((ROOT / CHANGELOG).read_text(encoding="utf-8"))
    if newest != version:
        wrong.append(f"{CHANGELOG}: its newest version is {newest or 'not there'}, but {DECIDING} says {version}")
    return wrong


def changes(version: str, date: str) -> dict[Path, tuple[str, str]]:
    """Each file whose text changes, with the text before and after."""
    found = {}
    for path, text in texts().items():
        name = path.relative_to(ROOT).as_posix()
        after = text
        for pattern in [WHEEL, CELL, *([FIELDS[name]] if name in FIELDS else [])]:
            after = pattern.sub(lambda hit: hit[1] + version, after)
        if name == "CITATION.cff":
            after = RELEASED.sub("", after)
            after = FIELDS[name].sub(lambda hit: f'{hit.group()}\ndate-released: "{date}"', after)
        if name == CHANGELOG:
            heading, _ = section(after)
            after = after.replace(heading, f"## {version} ({date})", 1)
        if after != text:
            found[path] = (text, after)
    return found


def git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        stop("A release needs git: install it and try again.")
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise RuntimeError(" ".join(said.split()) or f"git {words[0]} failed")
    return done.stdout


def require(version: str) -> None:
    """Stop unless a release of this version can be made."""
    if not re.fullmatch(VERSION, version):
        stop(f"{version!r} is not a version: it should look like 0.2.0.")
    try:
        changed = git("status", "--porcelain").splitlines()
        tags = re.findall(rf"^v({VERSION})$", git("tag", "--list"), re.MULTILINE)
    except RuntimeError as error:
        stop(f"A release is made in a clone of the repository, and this is none: {error}.")
    if changed:
        names = [line[3:] for line in changed]
        more = f" and {len(names) - 3} more" * (len(names) > 3)
        stop(f"There are changes that are not committed ({', '.join(names[:3])}{more}): commit them or put them away.")
    if version in tags:
        stop(f"There is a tag v{version} already: choose a higher version.")
    highest = max([*tags, current()], key=number)
    if number(version) < number(highest):
        stop(f"{version} is lower than {highest}: choose a higher version.")
    if wrong := disagreements():
        stop(f"The places of the version disagree already; say python tools/release.py --check. First: {wrong[0]}.")
    heading, entries = section((ROOT / CHANGELOG).read_text(encoding="utf-8"))
    if not UNRELEASED.match(heading):
        stop(f"{CHANGELOG} begins with {heading!r}: write what is new above it, under ## Not released yet.")
    if not re.search(r"^- \S", entries, re.MULTILINE):
        stop(f"{CHANGELOG} has no entry under {heading!r}: write what is new, in lines that begin with a dash.")


def release(version: str, date: str) -> dict[Path, tuple[str, str]]:
    """Write the version everywhere, commit, tag. When git refuses, everything is as it was before."""
    found = changes(version, date)
    write_all(found)
    names = [path.relative_to(ROOT).as_posix() for path in found]
    before = git("rev-parse", "HEAD").strip()
    try:
        git("commit", "--quiet", "--message", f"Release {version}", "--", *names)
        git("tag", "--annotate", f"v{version}", "--message", f"Version {version}")
    except RuntimeError as error:
        git("reset", "--quiet", "--soft", before)
        git("reset", "--quiet", "--", *names)
        write_all({path: (after, text) for path, (text, after) in found.items()})
        stop(f"No release was made, and every file is as before: git said: {error}")
    return found


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        stop(__doc__ or "")
    if sys.argv[1] == "--check":
        wrong = disagreements()
        print("\n".join(wrong) if wrong else f"Every file says version {current()}.")
        return 1 if wrong else 0
    version = sys.argv[1].removeprefix("v")
    require(version)
    date = time.strftime("%Y-%m-%d", time.gmtime(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
    found = release(version, date)
    for path in found:
        print(f"  {path.relative_to(ROOT)}")
    print(f"Version {version} is committed and tagged; {len(found)} files changed. To publish: git push --follow-tags")
    return 0


if __name__ == "__main__":
    sys.exit(main())
