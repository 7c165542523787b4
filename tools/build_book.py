"""Build the site: run each notebook once, on a copy, and turn the copies into `_build/html`.

    python tools/build_book.py

A run is kept in `_build/executed` under a key of all that decides its outputs (the notebook, the package with its data,
the exact versions, the scale), so an unchanged notebook isn't run again. Stored notebooks are never written to. The
site is replaced whole and only by a build without a warning; a failed build leaves no `_build/html` behind that could
be taken for the new one.

Settings (environment variables):
  NB_WORKERS    notebooks that run at the same time (3: on two cores the third one fills the others' pauses)
  NB_TIMEOUT    seconds a single cell may take (300)
  SPEEDY_SCALE  the scale at which the notebooks run (mini)
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
SOURCE, EXECUTED, SITE, OLD_SITE = BUILD / "src", BUILD / "executed", BUILD / "html", BUILD / "html-old"
SITE_STAMP = BUILD / "site.key"
PARTICULARS = ("_config.yml", "_toc.yml", "CITATION.cff")  # what Jupyter Book reads beside the folder book
SETTINGS = {"NB_WORKERS": 3, "NB_TIMEOUT": 300}
TIMED = {f"book/{name}" for name in ("timing-honestly", "faster-than-the-paper", "your-frontier")}  # run alone, last
PACKAGING = ("pyproject.toml", "README.md", "LICENSE", "LICENSE-book")  # what the wheel is made of beside the package
KEPT_RUNS = 3  # executed copies kept of each notebook, so that going back to an earlier commit is quick too
JUPYTER_BOOK = "import sys; from jupyter_book.cli.main import main; sys.exit(main())"
# Without the collector, which finds next to nothing to collect (a fifth less time, 70 MB more memory), and without
# taking everything apart at the end (0.8 s).
SPHINX = """
import gc, os, sys
gc.disable()
from sphinx.cmd.build import main
status = main()
sys.stdout.flush(), sys.stderr.flush()
os._exit(status)
"""
SKIPPED = shutil.ignore_patterns("ruff.toml", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".DS_Store")
ANSI = re.compile(r"(?:\x1b|#x1B)\[[0-9;]*m")  # junit writes the escape character as #x1B
# Names that differ from run to run: the kernel's scratch files, and addresses of objects.
NOISE = [(re.compile(r"[^\s\"']*ipykernel_\d+[/\\]\d+\.py"), "cell"), (re.compile(r"(?<= at )0x[0-9a-f]{6,}"), "0x…")]
STYLED_TABLE = re.compile(r"\bT_[0-9a-f]{5}(?=[_\"' ])")  # pandas names each styled table at random
REDIRECT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<title>{title}</title>
{head}
</head>
<body><p><a href="{page}">{title}</a></p></body>
</html>
"""
# What the forwarding page takes from the page it forwards to.
OF_A_HEAD = re.compile(r'<(?:meta (?:name="(?:description|twitter:)|property="og:)|link rel="canonical")[^>]*>')


def say(text: str) -> None:
    print(f"[book] {text}", flush=True)


def stop(text: str) -> NoReturn:
    print(f"[book] {text}", file=sys.stderr, flush=True)
    if not SITE.exists() and (OLD_SITE / "index.html").exists():
        print(f"[book] The site of an earlier build is kept in {OLD_SITE.relative_to(ROOT)}.", file=sys.stderr)
    sys.exit(1)


def positive(name: str) -> int:
    """A setting that is a whole number above zero."""
    text = os.environ.get(name) or str(SETTINGS[name])
    if not text.isdecimal() or int(text) == 0:
        stop(f"{name}={text} is not a whole number above zero.")
    return int(text)


def files_below(folder: Path) -> list[Path]:
    hidden = {"__pycache__", ".ipynb_checkpoints", ".pytest_cache"}
    return sorted(p for p in folder.rglob("*") if p.is_file() and not hidden & set(p.parts) and p.name != ".DS_Store")


def digest(paths: Iterable[Path], *facts: str) -> str:
    """One hash of files, by their place in the repository and content, and of further facts."""
    total = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(ROOT).as_posix()}={content}\n".encode())
    total.update("\n".join(facts).encode())
    return total.hexdigest()


def documents(toc: dict[str, Any]) -> list[str]:
    """Every page that _toc.yml names, in its order."""
    found = [toc["root"]] if "root" in toc else []
    found += [toc["file"]] if "file" in toc else []
    for key in ("parts", "chapters", "sections", "subtrees", "entries"):
        for entry in toc.get(key, []):
            found += documents(entry)
    return [re.sub(r"\.(ipynb|md)$", "", name) for name in found]


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# ------------------------------------------------------------------------------------------------ running notebooks


def surroundings() -> str:
    """The part of a notebook's key that all notebooks share."""
    versions = [platform.python_version(), platform.machine(), importlib.metadata.version("torch")]
    shared = [*files_below(ROOT / "speedy_utils"), ROOT / "requirements.txt"]
    return digest(shared, *versions, os.environ.get("SPEEDY_SCALE", ""))


def steady(text: str, tables: dict[str, str]) -> str:
    """Text of an output without paths, addresses and names that are drawn anew in each run."""
    for pattern, plain in NOISE:
        text = pattern.sub(plain, text)
    return STYLED_TABLE.sub(lambda found: tables.setdefault(found.group(), f"T_{len(tables):05d}"), text)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs with what was printed in one go in one piece: a busy machine sends it in several."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        last = found[-1] if found else {}
        if output.output_type == "stream" == last.get("output_type") and output.name == last.get("name"):
            last["text"] += output.text
        else:
            found.append(output)
    return found


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The executed notebook without what differs between two runs of the same code."""
    tables: dict[str, str] = {}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = joined(cell.outputs)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for holder, key in [(output, "text"), *((data, kind) for kind in data)]:
                if isinstance(holder.get(key), str):
                    holder[key] = steady(holder[key], tables)
    version = notebook.metadata.get("language_info", {})
    # The lexer knows the notebook's own commands: `!pip`, `%time`.
    notebook.metadata["language_info"] = {"name": version.get("name", "python"), "pygments_lexer": "ipython3"}
    return notebook


def report_failures(folder: Path, junit: Path, names: dict[str, str], log: Path) -> None:
    """Say for each failing notebook which cell failed and how."""
    cases = list(ElementTree.parse(junit).iter("testcase")) if junit.exists() else []
    failed = [(Path(case.get("name", "")).name, case[0]) for case in cases if len(case)]
    for file, problem in failed:
        cells = nbformat.read(folder / file, as_version=4).cells
        broken = [
            i for i, cell in enumerate(cells, 1) if any(o.output_type == "error" for o in cell.get("outputs", []))
        ]
        place = f", cell {broken[-1]} of {len(cells)}," if broken else ""
        text = ANSI.sub("", problem.text or "").strip()
        if "DeadKernelError" in text:
            text = "Its kernel died: a crash in compiled code, or too little memory (NB_WORKERS=1 needs less)."
        print(f"\n{names[file]}{place} failed:\n{text}\n", file=sys.stderr)
    if not failed:
        print(log.read_text(encoding="utf-8", errors="replace")[-3000:], file=sys.stderr)


def run_pytest(folder: Path, junit: Path, log: Path, count: int, workers: int) -> int:
    """Run all notebooks of the folder in place; the exit status, or -1 when they took far too long."""
    workers, limit = min(workers, count), positive("NB_TIMEOUT")
    apart = workers if workers > 1 else 0  # one after the other needs no process of its own
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--nbmake", "--overwrite", f"--nbmake-timeout={limit}", f"-n{apart}"]
    command += ["--dist=load", "--maxschedchunk=1", "-p", "no:cacheprovider", "-q", "--color=no", f"--junitxml={junit}"]
    command += [f"--rootdir={folder}", "-c", str(folder / "pytest.ini"), str(folder)]
    # Options that the caller keeps for tests, as PYTEST_ADDOPTS="-k name", would choose among the notebooks.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONHASHSEED": "0", "JUPYTER_PLATFORM_DIRS": "1"}
    with log.open("w", encoding="utf-8") as words:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=words, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            return process.wait(timeout=3 * limit * -(-count // workers))
        except subprocess.TimeoutExpired:
            return -1
        finally:
            if process.poll() is None and hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGTERM)  # the kernels too
            elif process.poll() is None:
                process.kill()


def execute(notebooks: dict[str, Path], wanted: dict[str, Path], workers: int) -> None:
    """Run these notebooks, so many at a time, and keep each executed copy, with its run time, where `wanted` says.

    The copies lie in the system's temporary folder: away from the repository they show that a notebook runs on its
    own, and nbmake passes over any file below a folder called `_build`.
    """
    log, start = BUILD / "notebooks.log", time.monotonic()
    together = f", {workers} at a time" if min(workers, len(notebooks)) > 1 else ""
    say(f"running {', '.join(Path(name).name for name in notebooks)}{together} ...")
    with tempfile.TemporaryDirectory(prefix="speedy-") as scratch:
        folder = Path(scratch).resolve() / "book"
        folder.mkdir()
        names = {name.replace("/", "--") + ".ipynb": name for name in notebooks}
        for file, name in names.items():
            shutil.copyfile(notebooks[name], folder / file)
        junit = folder.parent / "junit.xml"
        status = run_pytest(folder, junit, log, len(notebooks), workers)
        cases = ElementTree.parse(junit).iter("testcase") if junit.exists() else ()
        seconds = {Path(case.get("name", "")).name: float(case.get("time", 0)) for case in cases if not len(case)}
        for file in seconds.keys() & names.keys():
            path = wanted[names[file]]
            notebook = cleaned(nbformat.read(folder / file, as_version=4))
            record = {"seconds": round(seconds[file], 1), "cores": cores(), "notebook": notebook}
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, json.dumps(record))
        if status:
            report_failures(folder, junit, {file: f"{name}.ipynb" for file, name in names.items()}, log)
            why = "they took too long" if status == -1 else "a notebook failed; its error is above"
            stop(f"No site was built: {why}. Log: {log.relative_to(ROOT)}")
    say(f"ran {len(notebooks)} notebook{'s' * (len(notebooks) > 1)} in {time.monotonic() - start:.0f} s")


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text, encoding="utf-8", newline="\n")
    scratch.replace(path)


def places_of_copies(notebooks: dict[str, Path]) -> dict[str, Path]:
    """Where the executed copy of each notebook is kept; the name says what it was made from."""
    shared = surroundings()
    return {
        name: EXECUTED / f"{name.replace('/', '--')}-{digest([path], shared)[:16]}.json"
        for name, path in notebooks.items()
    }


def drop_old_copies(copies: dict[str, Path]) -> None:
    """Keep the last few executed copies of each notebook."""
    for name, path in copies.items():
        os.utime(path)
        pattern = f"{name.replace('/', '--')}-{'[0-9a-f]' * 16}.json"
        for old in sorted(EXECUTED.glob(pattern), key=lambda p: p.stat().st_mtime, reverse=True)[KEPT_RUNS:]:
            old.unlink()


# ------------------------------------------------------------------------------------------------ building the site


def collect_source(copies: dict[str, Path]) -> None:
    """Put together what Jupyter Book reads: the book with executed notebooks, and how long each took.

    A file is as old as its content: Sphinx reads again what is younger than its last reading.
    """
    fresh = BUILD / "src-new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(ROOT / "book", fresh / "book", ignore=SKIPPED)
    for name in PARTICULARS:
        shutil.copyfile(ROOT / name, fresh / name)
    times = {}
    for name, path in copies.items():
        record = json.loads(path.read_text(encoding="utf-8"))
        times[name] = {"seconds": record["seconds"], "cores": record["cores"]}
        notebook = json.dumps(record["notebook"], indent=1, ensure_ascii=False) + "\n"
        (fresh / f"{name}.ipynb").write_text(notebook, encoding="utf-8", newline="\n")
    (fresh / "run_times.json").write_text(json.dumps(times, indent=1), encoding="utf-8")
    for path in files_below(fresh):
        before = SOURCE / path.relative_to(fresh)
        if before.is_file() and before.read_bytes() == path.read_bytes():
            shutil.copystat(before, path)
        else:
            path.touch()
    shutil.rmtree(SOURCE, ignore_errors=True)
    fresh.replace(SOURCE)


def build_wheel(folder: Path) -> Path:
    """Put the package's wheel into the folder: the first cell of a notebook installs it from the site.

    The same files give the same bytes. Built in a copy, because setuptools writes into its source.
    """
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    environment = os.environ | {"SOURCE_DATE_EPOCH": "315532800"}  # the first day that a ZIP file can name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="speedy-wheel-") as scratch:
        shutil.copytree(ROOT / "speedy_utils", Path(scratch, "speedy_utils"), ignore=SKIPPED)
        for name in PACKAGING:
            shutil.copyfile(ROOT / name, Path(scratch, name))
        done = subprocess.run(
            [sys.executable, "-c", build, str(folder.resolve())],
            cwd=scratch,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    if done.returncode:
        stop(f"No site was built: setuptools could not make the package's wheel. It said:\n{done.stderr[-3000:]}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def build_site(root_page: str, title: str, around: str) -> None:
    """Build into a scratch folder with warnings as errors, and put the result in place only when it is whole.

    Every page is written anew. What Sphinx has read of the pages is kept for the next build under a key of all that
    lies `around` them, but only after a build without a warning: what it does not read again it does not complain of.
    """
    scratch, log = BUILD / "site-new", BUILD / "site.log"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    read, kept = scratch / "doctrees", BUILD / f"doctrees-{around[:16]}"
    if kept.exists():
        kept.replace(read)
    # Jupyter Book's own command builds on one core: it writes Sphinx's settings here, and Sphinx builds on all, which
    # deals the pages out in as many parts as it may use: smaller parts, and no core waits long for the last.
    settings = [sys.executable, "-c", JUPYTER_BOOK, "config", "sphinx", str(SOURCE)]
    build = [sys.executable, "-c", SPHINX, "-b", "html", "-j", str(2 * cores()), "-W", "-n", "--keep-going"]
    build += ["-d", str(read), str(SOURCE), str(scratch / "html")]
    # The settings name the book's own extensions, not the folder where they are.
    search = os.pathsep.join([str(SOURCE / "book" / "_ext"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = os.environ | {"PYTHONHASHSEED": "0", "NO_COLOR": "1", "PYTHONPATH": search}
    with log.open("w", encoding="utf-8") as words, ThreadPoolExecutor() as beside:
        wheel = beside.submit(build_wheel, scratch / "wheels")
        for command in (settings, build):
            status = subprocess.call(command, cwd=ROOT, env=environment, stdout=words, stderr=words)
            if status:
                break
    text = ANSI.sub("", log.read_text(encoding="utf-8", errors="replace"))
    built = scratch / "html"
    if status or not (built / f"{root_page}.html").exists():
        problems = [line for line in text.splitlines() if re.search(r"WARNING|ERROR|Error:|CRITICAL", line)]
        shown = "\n".join(problems[:40]) or text[-3000:]
        print(shown.replace(f"{SOURCE}{os.sep}", ""), file=sys.stderr)
        shutil.rmtree(scratch, ignore_errors=True)
        stop(f"No site was built: Jupyter Book's complaints are above, all of its words in {log.relative_to(ROOT)}")
    (built / ".buildinfo").unlink(missing_ok=True)
    # Whoever shares the bare address gets the first page's preview.
    head = "\n".join(OF_A_HEAD.findall((built / f"{root_page}.html").read_text(encoding="utf-8")))
    forward = REDIRECT.format(page=f"{root_page}.html", title=title, head=head)
    (built / "index.html").write_text(forward, encoding="utf-8")
    wheel.result()
    (scratch / "wheels").replace(built / "wheels")
    built.replace(SITE)
    for old in BUILD.glob("doctrees-*"):
        shutil.rmtree(old)
    read.replace(kept)
    shutil.rmtree(scratch, ignore_errors=True)


def main() -> int:
    start = time.monotonic()
    for name in SETTINGS:
        positive(name)
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = documents(toc)
    lost = [name for name in pages if not any((ROOT / f"{name}.{kind}").exists() for kind in ("ipynb", "md"))]
    if lost:
        stop(f"_toc.yml names pages that do not exist: {', '.join(lost)}.")
    notebooks = {name: ROOT / f"{name}.ipynb" for name in pages if (ROOT / f"{name}.ipynb").exists()}
    copies = places_of_copies(notebooks)
    settings = (*PARTICULARS, "requirements.txt", *PACKAGING)
    inputs = [*files_below(ROOT / "book"), *(ROOT / name for name in settings)]
    inputs.append(Path(__file__).resolve())
    key = digest(inputs, *(path.name for path in copies.values()))
    index = SITE / "index.html"
    if index.exists() and SITE_STAMP.exists() and SITE_STAMP.read_text(encoding="utf-8") == key:
        say(f"nothing changed; the site is {index.relative_to(ROOT)}")
        return 0

    BUILD.mkdir(exist_ok=True)
    SITE_STAMP.unlink(missing_ok=True)
    if SITE.exists():
        shutil.rmtree(OLD_SITE, ignore_errors=True)
        SITE.replace(OLD_SITE)
    missing = {name: path for name, path in notebooks.items() if not copies[name].exists()}
    # A clock beside another notebook shows the other one too.
    for timed, workers in ((False, positive("NB_WORKERS")), (True, 1)):
        if group := {name: path for name, path in missing.items() if (name in TIMED) is timed}:
            execute(group, copies, workers)
    drop_old_copies(copies)
    say(f"building {len(pages)} pages ...")
    collect_source(copies)
    of_pages = {ROOT / f"{name}.{kind}" for name in pages for kind in ("ipynb", "md")}
    build_site(toc["root"], config["title"], digest([path for path in inputs if path not in of_pages], surroundings()))
    replace(SITE_STAMP, key)
    shutil.rmtree(OLD_SITE, ignore_errors=True)
    say(f"done in {time.monotonic() - start:.0f} s; the site is {index.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
