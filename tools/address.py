"""Write the repository's address everywhere, for whoever forks the book.

    python tools/address.py https://github.com/OWNER/NAME
    python tools/address.py --check

`_config.yml` (repository: url) decides; README, notebooks, citation, packaging and the site's own address follow it.
`--check` says which file disagrees. Every file is written, or none.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "_config.yml"
DECIDING = re.compile(r"^(repository:\n(?:[ \t]+.*\n|[ \t]*\n)*?[ \t]+url:[ \t]*[\"']?)([^\s\"'#]+)", re.MULTILINE)
GITHUB = re.compile(r"^(?:https?://(?:www\.)?github\.com/|git@github\.com:)([^/\s]+)/([^/\s]+?)(?:\.git)?/?$")
OWNER, NAME = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$"), re.compile(r"^[A-Za-z0-9_.-]{1,100}$")
SLUG = r"[A-Za-z0-9-]+/[A-Za-z0-9_.-]*[A-Za-z0-9_-]"
# Before OWNER/NAME in an address: GitHub itself, its raw files, Colab, Binder.
HOST = r"(?:github\.com[/:]|raw\.githubusercontent\.com/|colab\.research\.google\.com/github/|mybinder\.org/v2/gh/)"
# Places that are this book's whatever address stands in them: a fork that was edited by hand is caught here.
OWN_PLACES = [
    re.compile(rf"(colab\.research\.google\.com/github/)({SLUG})(?=/blob/[^/\s]+/book/)"),
    re.compile(rf"(git\+https://github\.com/)({SLUG}?)(?=(?:\.git)?(?:[@#\s\"'\\]|$))"),
]
OWN_SITE = re.compile(r"(https://)([\w.-]+\.github\.io(?:/[\w.-]+)?)(?=/wheels/speedy_gonzales_book-)")
OWN_FIELDS = {
    "CITATION.cff": re.compile(
        rf"^((?:repository-code|repository): *[\"']?https://github\.com/)({SLUG})", re.MULTILINE
    ),
    "pyproject.toml": re.compile(
        rf"^((?:Repository|Source|Issues|Homepage|Changelog) *= *\"https://github\.com/)({SLUG})", re.MULTILINE
    ),
}


def stop(sentence: str) -> NoReturn:
    sys.exit(sentence)


def parse(url: str) -> tuple[str, str]:
    """Owner and name of a GitHub address."""
    found = GITHUB.match(url.strip())
    if not found or not OWNER.match(found[1]) or not NAME.match(found[2]) or found[2] in (".", ".."):
        stop(f"{url!r} is not a repository's address: it should look like https://github.com/OWNER/NAME.")
    return found[1], found[2]


def pages(owner: str, name: str) -> str:
    """Where GitHub Pages shows this repository's site."""
    host = f"{owner.lower()}.github.io"
    return host if name.lower() == host else f"{host}/{name}"


def tracked_files() -> list[Path]:
    """The files that git knows or would add; all but hidden and built ones where there is no git."""
    try:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        paths = [ROOT / name for name in names if name]
    except (OSError, subprocess.CalledProcessError):
        built = {"_build", "build", "dist", ".git", ".venv", "__pycache__"}
        paths = [path for path in ROOT.rglob("*") if not built & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def rewriter(old: tuple[str, str], new: tuple[str, str]) -> Callable[[str, str], str]:
    """A function that gives a file's text with the new address."""
    old_slug, new_slug = "/".join(old), "/".join(new)
    known = re.compile(rf"({HOST}){re.escape(old_slug)}(?![A-Za-z0-9_-]|\.(?!git\b)[A-Za-z0-9])", re.IGNORECASE)
    # Not after a single slash: NAME may itself be OWNER.github.io.
    site = re.compile(rf"(?<![\w.-])(?<![^/]/){re.escape(pages(*old))}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])", re.IGNORECASE)

    def rewrite(name: str, text: str) -> str:
        if name == CONFIG:
            text = DECIDING.sub(lambda m: f"{m[1]}https://github.com/{new_slug}", text, count=1)
        text = known.sub(lambda m: m[1] + new_slug, text)
        text = site.sub(pages(*new), text)
        for place in [*OWN_PLACES, *([OWN_FIELDS[name]] if name in OWN_FIELDS else [])]:
            text = place.sub(lambda m: m[1] + new_slug, text)
        return OWN_SITE.sub(lambda m: m[1] + pages(*new), text)

    return rewrite


def changes(old: tuple[str, str], new: tuple[str, str]) -> dict[Path, tuple[str, str]]:
    """Each file whose text changes, with the text before and after."""
    rewrite, found = rewriter(old, new), {}
    for path in tracked_files():
        data = path.read_bytes()
        if b"\0" in data or path == Path(__file__).resolve():
            continue
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        after = rewrite(path.relative_to(ROOT).as_posix(), text)
        if after != text:
            found[path] = (text, after)
    return found


def write_all(found: dict[Path, tuple[str, str]]) -> None:
    """Put every new text beside its file first; only when all are there do they take their places."""
    beside = {path: path.with_name(path.name + ".new-address") for path in found}
    done: list[Path] = []
    try:
        for path, scratch in beside.items():
            scratch.write_bytes(found[path][1].encode())
            scratch.chmod(path.stat().st_mode & 0o7777)
        for path, scratch in beside.items():
            scratch.replace(path)
            done.append(path)
    except OSError as error:
        for path in done:
            path.write_bytes(found[path][0].encode())
        stop(f"No file was changed: {error.strerror or error} ({error.filename}).")
    finally:
        for scratch in beside.values():
            scratch.unlink(missing_ok=True)


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        stop(__doc__ or "")
    deciding = DECIDING.search((ROOT / CONFIG).read_text(encoding="utf-8"))
    if not deciding:
        stop(f"{CONFIG} has no repository: url.")
    old = parse(deciding[2])
    if sys.argv[1] == "--check":
        wrong = changes(old, old)
        for path, (before, after) in wrong.items():
            pairs = zip(before.splitlines(), after.splitlines(), strict=True)
            lines = [number for number, (a, b) in enumerate(pairs, 1) if a != b]
            print(f"{path.relative_to(ROOT)}:{lines[0]}: another address than {'/'.join(old)}, which {CONFIG} gives")
        if wrong:
            stop(f"Say `make address URL=https://github.com/{'/'.join(old)}` to mend it.")
        print(f"Every file gives the repository as {'/'.join(old)}.")
        return 0
    new = parse(sys.argv[1])
    found = changes(old, new)
    write_all(found)
    for path in found:
        print(f"  {path.relative_to(ROOT)}")
    print(
        f"The address is https://github.com/{'/'.join(new)}; {len(found)} files changed. Site: https://{pages(*new)}/"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
