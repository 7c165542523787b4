"""Put together what a release brings: the wheel, an archive of the executed notebooks, the notes.

    python tools/publish.py TAG FOLDER

Reads what `make book` has built; the tag has to be the version's (v0.1.0). The archive holds the notebooks with the
outputs that the site shows, and has the same bytes for the same notebooks. The folder appears whole or not at all.
Needs the standard library only.
"""

import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from release import CHANGELOG, ROOT, current, disagreements, section, stop

BUILD = ROOT / "_build"
BESIDE = ("CITATION.cff", "LICENSE", "LICENSE-book", "requirements.txt")


def executed() -> dict[str, bytes]:
    """The book's notebooks as the site shows them: name in the archive -> content. Stops when one was not run."""
    found = {}
    for stored in sorted((ROOT / "book").glob("*.ipynb")):
        path = BUILD / "src" / "book" / stored.name
        if not path.is_file():
            stop(f"{stored.name} was not run: say make book first.")
        data = path.read_bytes()
        if not any(cell.get("outputs") for cell in json.loads(data)["cells"]):
            stop(f"{stored.name} has no outputs in _build/src: say make book first.")
        found[f"book/{stored.name}"] = data
    return found


def write_archive(path: Path, folder: str, files: dict[str, bytes]) -> None:
    """A ZIP file of these files below one folder; no clock, owner or order of the machine is in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])


def main() -> int:
    if len(sys.argv) != 3:
        stop(__doc__ or "")
    tag, target, version = sys.argv[1], Path(sys.argv[2]), current()
    if tag != f"v{version}":
        stop(f"The tag is {tag}, but the repository is of version {version}: its tag is v{version}.")
    if wrong := disagreements():
        stop(f"The places of the version disagree. First: {wrong[0]}.")
    heading, entries = section((ROOT / CHANGELOG).read_text(encoding="utf-8"))
    if not heading.startswith(f"## {version} (") or "not released" in heading:
        stop(f"{CHANGELOG} begins with {heading!r}: make the release with python tools/release.py {version}.")
    wheel = BUILD / "html" / "wheels" / f"speedy_gonzales_book-{version}-py3-none-any.whl"
    if not wheel.is_file():
        stop(f"There is no {wheel.relative_to(ROOT)}: say make book first.")
    if target.exists():
        stop(f"{target} is there already: give a new folder.")
    name = f"speedy-gonzales-book-{version}-notebooks"
    files = executed() | {beside: (ROOT / beside).read_bytes() for beside in BESIDE}
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        shutil.copyfile(wheel, scratch / wheel.name)
        write_archive(scratch / f"{name}.zip", name, files)
        (scratch / "notes.md").write_text(entries + "\n", encoding="utf-8", newline="\n")
        scratch.chmod(0o755)
        scratch.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for path in sorted(target.iterdir()):
        print(f"  {path.name}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
