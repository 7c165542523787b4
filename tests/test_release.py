"""tools/release.py and tools/publish.py on copies of the repository: which files change, what is refused, what is
published."""

import json
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest
from conftest import ROOT
from repository import calm_environment, copy_repository, snapshot

import speedy_utils as su

NOW = su.__version__
NEXT, LATER = (".".join([*NOW.split(".")[:2], str(int(NOW.split(".")[2]) + more)]) for more in (1, 12))
DATE = "2031-05-04"
PERSON = {"GIT_AUTHOR_NAME": "Ana", "GIT_AUTHOR_EMAIL": "ana@example.org"}
PERSON |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in PERSON.items()}
WHEEL = "speedy_gonzales_book-{}-py3-none-any.whl"


def run(root, *command, **variables):
    environment = calm_environment(PYTHONPATH=str(root), SOURCE_DATE_EPOCH="1935662400", **PERSON, **variables)
    environment |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*map(str, command)], cwd=root, env=environment, capture_output=True, text=True, timeout=120)


def release(root, *words):
    return run(root, sys.executable, "tools/release.py", *words)


def git(root, *words):
    done = run(root, "git", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(root, message):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", message)


def write_news(root, heading="## Not released yet", entries="- Something new.\n"):
    path = root / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8")
    place = text.index("\n## ") + 1
    path.write_text(f"{text[:place]}{heading}\n\n{entries}\n{text[place:]}", encoding="utf-8")


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A repository with news, and a notebook outside of the book whose first cell installs the helpers."""
    root = copy_repository(tmp_path_factory.mktemp("template") / "repository")
    shutil.rmtree(root / "speedy_utils" / "mini" / "weights")  # most of the bytes, and no version in them
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "elsewhere").mkdir()
    (root / "elsewhere" / "homework.ipynb").write_bytes((ROOT / "book" / "tagging.ipynb").read_bytes())
    (root / "CHANGELOG.md").write_text(f"# Changelog\n\nWords.\n\n## {NOW} (2026-01-01)\n\n- Old.\n", encoding="utf-8")
    write_news(root)
    commit(root, "All")
    return root


@pytest.fixture
def copy(template, tmp_path):
    """A clone of the template."""
    git(template, "clone", "--quiet", template, tmp_path / "repository")
    return tmp_path / "repository"


def state(root):
    return (
        snapshot(root, ".git/"),
        git(root, "rev-parse", "HEAD"),
        git(root, "tag", "--list"),
        git(root, "status", "-s"),
    )


def first_code(path):
    cells = nbformat.read(path, as_version=4).cells
    return next((cell.source for cell in cells if cell.cell_type == "code"), "")


def test_every_file_says_the_same_version():
    done = release(ROOT, "--check")
    assert (done.returncode, done.stdout) == (0, f"Every file says version {NOW}.\n"), done.stdout


def test_from_one_release_to_the_next_exactly_the_places_of_the_version_change(copy):
    assert release(copy, NEXT).returncode == 0
    write_news(copy)
    commit(copy, "News")
    before = snapshot(copy, ".git/")
    done = release(copy, f"v{LATER}")
    assert done.returncode == 0, done.stderr
    after = snapshot(copy, ".git/")
    changed = {name for name in before if before[name] != after.get(name)}
    notebooks = {
        path.relative_to(copy).as_posix()
        for path in copy.rglob("*.ipynb")
        if f'su.environment(book="{LATER}")' in first_code(path)
    }
    named = {name for name, data in before.items() if WHEEL.format(NEXT).encode() in data}
    fixed = {"pyproject.toml", "speedy_utils/__init__.py", "CITATION.cff", ".zenodo.json", "CHANGELOG.md"}
    assert changed == fixed | notebooks | named and before.keys() == after.keys()
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("book/*.ipynb")} | {"elsewhere/homework.ipynb"} <= (
        notebooks
    )
    assert set(git(copy, "show", "--name-only", "--format=").split()) == changed
    for name in changed - {"CHANGELOG.md"}:
        assert after[name].replace(LATER.encode(), NEXT.encode()) == before[name], name
    assert f'\nversion: {LATER}\ndate-released: "{DATE}"\n' in after["CITATION.cff"].decode()
    assert after["CITATION.cff"].count(b"date-released") == 1
    heads = re.findall(r"^## (.*)$", after["CHANGELOG.md"].decode(), re.MULTILINE)
    assert heads[:2] == [f"{LATER} ({DATE})", f"{NEXT} ({DATE})"]
    assert json.loads(after[".zenodo.json"])["version"] == LATER
    assert git(copy, "tag", "--list").split() == sorted([f"v{NEXT}", f"v{LATER}"])
    assert git(copy, "log", "-1", "--format=%s %D").startswith(f"Release {LATER} HEAD -> main, tag: v{LATER}")
    assert git(copy, "status", "--short") == ""
    check = release(copy, "--check")
    assert (check.returncode, check.stdout) == (0, f"Every file says version {LATER}.\n"), check.stdout


STALE = {
    "pyproject.toml": (f'version = "{NOW}"', f'version = "{LATER}"'),
    "CITATION.cff": (f"version: {NOW}", f"version: {NEXT}"),
    ".zenodo.json": (f'"version": "{NOW}"', '"edition": "1"'),
    "speedy_utils/__init__.py": (f'"{NOW}"', f'"{NEXT}"'),
    "elsewhere/homework.ipynb": (WHEEL.format(NOW), WHEEL.format(NEXT)),
    "book/tagging.ipynb": (f'book=\\"{NOW}\\"', f'book=\\"{NEXT}\\"'),
    "CHANGELOG.md": (f"## {NOW}", f"## {NEXT}"),
}


@pytest.mark.parametrize("name", STALE)
def test_one_stale_place_is_found_and_stops_a_release(name, copy):
    old, new = STALE[name]
    path = copy / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    done = release(copy, "--check")
    assert done.returncode == 1
    assert name == "pyproject.toml" or [line.split(":")[0] for line in done.stdout.splitlines()] == [name]
    commit(copy, "Stale")
    before = state(copy)
    done = release(copy, "99.0.0")
    assert done.returncode == 1 and done.stderr.startswith("The places of the version disagree already")
    assert state(copy) == before


def harm(root, how):
    if how == "dirty":
        (root / "README.md").write_text("", encoding="utf-8")
    elif how == "untracked":
        (root / "notes.md").touch()
    elif how == "tagged":
        git(root, "tag", f"v{NEXT}")
    elif how == "higher tag":
        git(root, "tag", "v90.0.0")
    elif how in ("no entries", "no news"):
        path = root / "CHANGELOG.md"
        entry = "## Not released yet\n\n- Something new.\n"
        left = "## Not released yet\n\n" if how == "no entries" else ""
        path.write_text(path.read_text(encoding="utf-8").replace(entry, left), encoding="utf-8")
        commit(root, "Changelog")


REFUSED = {
    "dirty": (NEXT, "There are changes that are not committed (README.md): commit them or put them away."),
    "untracked": (NEXT, "There are changes that are not committed (notes.md): commit them or put them away."),
    "tagged": (NEXT, f"There is a tag v{NEXT} already: choose a higher version."),
    "higher tag": (NEXT, f"{NEXT} is lower than 90.0.0: choose a higher version."),
    "lower": ("0.0.1", f"0.0.1 is lower than {NOW}: choose a higher version."),
    "two numbers": ("1.2", "'1.2' is not a version: it should look like 0.2.0."),
    "a word": ("next", "'next' is not a version: it should look like 0.2.0."),
    "no entries": (NEXT, "CHANGELOG.md has no entry under '## Not released yet': write what is new, in lines"),
    "no news": (NEXT, f"CHANGELOG.md begins with '## {NOW} (2026-01-01)': write what is new above it, under"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_bad_input_gets_a_sentence_and_changes_nothing(how, copy):
    harm(copy, how)
    before = state(copy)
    version, sentence = REFUSED[how]
    done = release(copy, version)
    assert done.returncode == 1 and done.stderr.startswith(sentence) and len(done.stderr.splitlines()) == 1
    assert state(copy) == before


def test_a_folder_without_git_gets_a_sentence(tmp_path):
    root = copy_repository(tmp_path / "copy")
    done = run(root, sys.executable, "tools/release.py", NEXT, GIT_CEILING_DIRECTORIES=str(tmp_path))
    assert done.returncode == 1 and done.stderr.startswith("A release is made in a clone of the repository")


def test_when_git_refuses_everything_is_as_before(copy):
    hook = copy / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    before = state(copy)
    done = release(copy, NEXT)
    assert (done.returncode, done.stderr) == (
        1,
        "No release was made, and every file is as before: git said: not today\n",
    )
    assert state(copy) == before


# ------------------------------------------------------------------------------------------------ publish.py


@pytest.fixture
def released(copy):
    """A released copy in which every notebook has been run."""
    assert release(copy, NEXT).returncode == 0
    built = copy / "_build"
    (built / "src" / "book").mkdir(parents=True)
    for path in (copy / "book").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        code = next(cell for cell in notebook.cells if cell.cell_type == "code")
        code.outputs = [nbformat.v4.new_output("stream", text="ñandú")]
        nbformat.write(notebook, built / "src" / "book" / path.name)
    (built / "html" / "wheels").mkdir(parents=True)
    (built / "html" / "wheels" / WHEEL.format(NEXT)).write_bytes(b"a wheel")
    return copy


def publish(root, *words):
    return run(root, sys.executable, "tools/publish.py", *words)


def test_what_a_release_brings(released):
    for name in ("one", "two"):
        done = publish(released, f"v{NEXT}", name)
        assert done.returncode == 0, done.stderr
    one, two = snapshot(released / "one"), snapshot(released / "two")
    stem = f"speedy-gonzales-book-{NEXT}-notebooks"
    assert one == two and one.keys() == {WHEEL.format(NEXT), f"{stem}.zip", "notes.md"}
    assert one["notes.md"] == b"- Something new.\n" and one[WHEEL.format(NEXT)] == b"a wheel"
    with zipfile.ZipFile(released / "one" / f"{stem}.zip") as archive:
        names = archive.namelist()
        books = {f"{stem}/book/{path.name}" for path in (ROOT / "book").glob("*.ipynb")}
        beside = {f"{stem}/{name}" for name in ("LICENSE", "LICENSE-book", "CITATION.cff", "requirements.txt")}
        assert set(names) == books | beside and names == sorted(names)
        clocks = {(entry.date_time, entry.external_attr, entry.create_system) for entry in archive.infolist()}
        assert clocks == {((1980, 1, 1, 0, 0, 0), 0o100644 << 16, 3)}
        stored = archive.read(f"{stem}/book/tagging.ipynb")
        assert stored == (released / "_build" / "src" / "book" / "tagging.ipynb").read_bytes()


LACKING = {
    "another tag": ("v9.9.9", f"The tag is v9.9.9, but the repository is of version {NEXT}"),
    "no wheel": (f"v{NEXT}", f"There is no _build/html/wheels/{WHEEL.format(NEXT)}: say make book first."),
    "not run": (f"v{NEXT}", "tagging.ipynb was not run: say make book first."),
    "no outputs": (f"v{NEXT}", "tagging.ipynb has no outputs in _build/src: say make book first."),
    "there already": (f"v{NEXT}", "out is there already: give a new folder."),
    "not released": (f"v{NEXT}", "CHANGELOG.md begins with '## Not released yet'"),
}


@pytest.mark.parametrize("how", LACKING)
def test_what_is_lacking_gets_a_sentence_and_nothing_is_written(how, released):
    notebook = released / "_build" / "src" / "book" / "tagging.ipynb"
    if how == "no wheel":
        (released / "_build" / "html" / "wheels" / WHEEL.format(NEXT)).unlink()
    elif how == "not run":
        notebook.unlink()
    elif how == "no outputs":
        notebook.write_bytes((released / "book" / "tagging.ipynb").read_bytes())
    elif how == "there already":
        (released / "out").mkdir()
    elif how == "not released":
        write_news(released)
    tag, sentence = LACKING[how]
    before = snapshot(released, ".git/")
    done = publish(released, tag, "out")
    assert done.returncode == 1 and done.stderr.startswith(sentence) and len(done.stderr.splitlines()) == 1
    assert snapshot(released, ".git/") == before
