"""tools/setup_env.py on machines of every kind: old Pythons, full disks, no network, no uv, mirrors, half-made folders.

Installers are scripts put in the place of uv, or the real uv and pip with tiny wheels from folders and from a server on
the loopback address. Nothing else is reached.
"""

import ast
import errno
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from repository import calm_environment, copy_repository, load_tool

pytestmark = pytest.mark.skipif(os.name == "nt", reason="These tests put shell scripts in the place of uv and Python.")

REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf-8")
TORCH_PIN = re.search(r"^torch==([^\s;]+)", REQUIREMENTS, re.MULTILINE)[1]
BACKEND = """
import os, zipfile
NAME = "speedy_gonzales_book-0"
def build_editable(folder, config_settings=None, metadata_directory=None):
    info = NAME + ".dist-info/"
    with zipfile.ZipFile(os.path.join(folder, NAME + "-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("speedy_here.pth", os.getcwd() + "\\n")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: speedy-gonzales-book\\nVersion: 0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "speedy_here.pth,,\\n")
    return NAME + "-py3-none-any.whl"
"""
PYPROJECT = """
[build-system]
requires = []
build-backend = "tiny_backend"
backend-path = ["."]
[project]
name = "speedy-gonzales-book"
version = "0"
"""


def old_pythons():
    """Interpreters from 3.6 to 3.10: pyenv's, those of a hosted runner, and any on PATH."""
    homes = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    homes += [Path(os.environ[name]) / "Python" for name in ("RUNNER_TOOL_CACHE",) if name in os.environ]
    found = {}
    for minor in range(6, 11):
        places = [
            path for home in homes for end in ("bin", "x64/bin") for path in home.glob(f"3.{minor}.*/{end}/python3")
        ]
        places += [Path(path) for path in [shutil.which(f"python3.{minor}")] if path]
        for path in places:
            code = f"import sys; sys.exit(sys.version_info[:2] != (3, {minor}))"
            if subprocess.run([path, "-c", code], capture_output=True).returncode == 0:
                found.setdefault(f"3.{minor}", path)
    return found


OLD = old_pythons()
NO_OLD = pytest.param(None, marks=pytest.mark.skip(reason="No Python 3.6 to 3.10 on PATH or under ~/.pyenv/versions."))


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


class Machine:
    """A copy of the repository on a machine whose PATH holds only what a test puts there."""

    def __init__(self, folder):
        self.root = copy_repository(folder / "repository")
        self.bin, self.home, self.calls = folder / "bin", folder / "home", folder / "uv-calls"
        self.bin.mkdir()
        self.home.mkdir()
        self.calls.touch()
        (self.bin / "mkdir").symlink_to(shutil.which("mkdir"))
        self.venv = self.root / ".venv"
        self.stamp = self.venv / "speedy-stamp.json"

    def environment(self, **more):
        own = {"PATH": str(self.bin), "HOME": str(self.home), "PIP_CONFIG_FILE": os.devnull, "NO_PROXY": "*"}
        own |= {"UV_CACHE_DIR": str(self.home / "uv-cache"), "PIP_NO_CACHE_DIR": "1", "PYTHONUTF8": "1"}
        own |= {"PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1"}
        return {name: value for name, value in (own | more).items() if value is not None}

    def run(self, python=sys.executable, **variables):
        command = [str(python), str(self.root / "tools" / "setup_env.py")]
        return self.command(command, **variables)

    def make(self, *words, **variables):
        program = shutil.which("make")
        if program is None:
            pytest.skip("No make here, so the Makefile was not tried.")
        return self.command([program, *words], **variables)

    def command(self, command, **variables):
        environment = self.environment(**variables)
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120)

    def fake_uv(self, ending="exit 0"):
        """A uv that notes how it is called, makes what looks like an environment, and ends as told."""
        call = f'echo "$@ SSL_CERT_FILE=$SSL_CERT_FILE" >> "{self.calls}"\n'
        look = '[ "$1" != venv ] || { mkdir -p .venv/bin; : > .venv/bin/python; }\n'
        script(self.bin / "uv", f"{call}{look}{ending}\n")

    def uv_calls(self):
        return self.calls.read_text(encoding="utf-8").splitlines()

    def tiny(self, *requirements):
        """Few requirements, and a package that builds with nothing installed."""
        (self.root / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
        (self.root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
        (self.root / "tiny_backend.py").write_text(BACKEND, encoding="utf-8")

    def python_says(self, code):
        command = [str(self.venv / "bin" / "python"), "-I", "-c", code]  # -I: not from the folder we are in
        done = self.command(command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def sentence(done):
    """What a failed run says: one line on stderr."""
    assert done.returncode, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not re.match(r"make(\[\d+\])?: \*\*\*", line)]
    assert len(lines) == 1, done.stderr
    return lines[0]


def told_to_get_a_newer_one(text, found):
    assert text.startswith(f"[setup] This is Python {found}") and "needs Python 3.11 or newer" in text
    assert "install one" in text and "make book PYTHON=" in text
    return True


# ------------------------------------------------------------------------------------------------ Pythons too old


@pytest.mark.parametrize("version", OLD or [NO_OLD])
def test_an_old_python_gets_a_sentence(version, machine):
    done = machine.run(OLD[version])
    assert done.returncode == 1 and done.stdout == ""
    assert told_to_get_a_newer_one(sentence(done), f"{version}.")
    assert not machine.venv.exists()


@pytest.mark.parametrize("version", list(OLD)[:1] or [NO_OLD])
def test_an_old_python_gets_a_sentence_from_make(version, machine):
    done = machine.make("book", f"PYTHON={OLD[version]}")
    assert done.returncode == 2 and done.stdout == ""
    assert told_to_get_a_newer_one(sentence(done), f"{version}.")


def test_the_syntax_is_that_of_python_3_6():
    source = (ROOT / "tools" / "setup_env.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 6))
    names = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    names |= {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names - {"tomllib", "dataclasses", "zoneinfo", "graphlib"}
    annotations = [node.annotation for node in ast.walk(tree) if isinstance(node, ast.arg | ast.AnnAssign)]
    annotations += [node.returns for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert not [a for a in annotations if a is not None and re.search(r"\||\b(list|dict|tuple)\[", ast.unparse(a))]


def test_the_sentence_with_a_version_that_is_pretended(monkeypatch, capsys, tmp_path):
    tool = load_tool("setup_env")
    monkeypatch.setenv("PATH", str(tmp_path))
    fake = SimpleNamespace(version_info=(3, 10, 99, "final", 0), stderr=sys.stderr, exit=sys.exit, argv=[])
    monkeypatch.setattr(tool, "sys", fake)
    with pytest.raises(SystemExit) as caught:
        tool.require_python()
    assert caught.value.code == 1
    assert told_to_get_a_newer_one(capsys.readouterr().err.strip(), "3.10.99")


def test_the_oldest_python_that_will_do_goes_on(monkeypatch):
    tool = load_tool("setup_env")
    monkeypatch.setattr(tool, "sys", SimpleNamespace(version_info=(3, 11, 0, "final", 0)))
    assert tool.require_python() is None


@pytest.mark.parametrize("version", list(OLD)[:1] or [NO_OLD])
@pytest.mark.parametrize("through_make", [False, True])
def test_an_old_python_goes_on_with_a_newer_one_from_path(version, through_make, machine):
    script(machine.bin / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127\n")
    script(machine.bin / "python3.12", f'exec "{OLD[version]}" "$@"\n')  # a name that lies
    newer = script(machine.bin / "python3.11", f'exec "{sys.executable}" "$@"\n')
    machine.fake_uv()
    settings = {"PIP_FIND_LINKS": str(machine.home)}
    if through_make:
        done = machine.make("setup", f"PYTHON={OLD[version]}", **settings)
    else:
        done = machine.run(OLD[version], **settings)
    assert done.returncode == 0, done.stderr
    assert re.search(
        rf"Python {re.escape(version)}\.\d+ is too old; going on with {re.escape(str(newer))}\.", done.stdout
    )
    assert f"making .venv with Python {'.'.join(map(str, sys.version_info[:3]))} " in done.stdout
    assert machine.stamp.exists()


def test_starting_again_keeps_the_file_and_the_arguments(monkeypatch, capsys, tmp_path):
    tool = load_tool("setup_env")
    newer = script(tmp_path / "python3.14", "exit 0\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    fake = SimpleNamespace(version_info=(3, 9, 1, "final", 0), argv=["setup_env.py", "--x"])
    monkeypatch.setattr(tool, "sys", fake)
    calls = []
    monkeypatch.setattr(tool.os, "execv", lambda *call: calls.append(call))
    tool.require_python()
    assert calls == [(str(newer), [str(newer), tool.__file__, "--x"])]


def test_a_missing_python_gets_a_sentence_from_make(machine):
    for target in ("book", "test", "lint"):
        text = sentence(machine.make(target, "PYTHON=python3.99"))
        assert text.startswith("There is no python3.99 here: install Python 3.11 or newer, or say make book PYTHON=")


# ------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize("torch", ["gpu", "CPU", "cu1", "cu12.6", "cpu nightly", "download.pytorch.org/whl/cpu", "2.5"])
def test_an_unknown_torch_gets_a_sentence(torch, machine):
    machine.fake_uv()
    text = sentence(machine.run(TORCH=torch))
    assert text.startswith(f"[setup] TORCH={torch} is not known") and "`cpu`" in text and "full URL" in text
    assert machine.uv_calls() == [] and not machine.venv.exists()


def test_an_unknown_torch_gets_a_sentence_from_make(machine):
    machine.fake_uv()
    assert "TORCH=gpu is not known" in sentence(machine.make("setup", f"PYTHON={sys.executable}", "TORCH=gpu"))


def test_indexes_that_torch_names():
    index = load_tool("setup_env").torch_index
    assert index("") is None
    assert {index(name) for name in ("cpu", "cu126", "cu130", "rocm6.4", "xpu")} == {
        f"https://download.pytorch.org/whl/{name}" for name in ("cpu", "cu126", "cu130", "rocm6.4", "xpu")
    }
    for url in ("https://mirror.example/whl/cpu", "http://127.0.0.1:1/simple", "file:///srv/simple"):
        assert index(url) == url


def options_of(call):
    words = call.split()
    return {(a, b) for a, b in pairwise(words) if a.startswith("--")}


SETTINGS = {
    "index-url": "https://mirror.example/simple",
    "extra-index-url": "https://one.example/simple https://two.example/simple",
    "find-links": "/srv/wheels /srv/more",
    "trusted-host": "mirror.example",
    "cert": "/srv/company.pem",
}


@pytest.mark.parametrize("place", ["variables", "user file", "old user file", "named file", "section install"])
def test_settings_of_pip_reach_uv(place, machine):
    machine.fake_uv()
    variables = {"PIP_CONFIG_FILE": None, "XDG_CONFIG_HOME": None}
    section = "install" if place == "section install" else "global"
    text = f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in SETTINGS.items())
    if place == "variables":
        variables |= {f"PIP_{key.upper().replace('-', '_')}": value for key, value in SETTINGS.items()}
    else:
        path = machine.home / (".pip/pip.conf" if place == "old user file" else ".config/pip/pip.conf")
        if place == "named file":
            path = machine.home / "somewhere.conf"
            variables["PIP_CONFIG_FILE"] = str(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = machine.run(**variables)
    assert done.returncode == 0, done.stderr
    (call,) = [call for call in machine.uv_calls() if "-r requirements.txt" in call]
    assert options_of(call) >= {
        ("--default-index", "https://mirror.example/simple"),
        ("--index", "https://one.example/simple"),
        ("--index", "https://two.example/simple"),
        ("--index-strategy", "unsafe-best-match"),
        ("--find-links", "/srv/wheels"),
        ("--find-links", "/srv/more"),
        ("--allow-insecure-host", "mirror.example"),
    }
    assert all(call.endswith(" SSL_CERT_FILE=/srv/company.pem") for call in machine.uv_calls())


def test_a_variable_wins_over_a_file_and_the_null_file_silences_all(monkeypatch, tmp_path):
    tool = load_tool("setup_env")
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file.example\nno-index = true\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example")
    settings = tool.pip_settings()
    assert settings["index-url"] == ["https://variable.example"] and settings["no-index"] == ["true"]
    assert "--no-index" in tool.uv_options(settings)
    assert "--no-index" not in tool.uv_options(settings | {"no-index": ["false"]})
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert tool.pip_settings() == {"index-url": ["https://variable.example"]}


def test_a_file_that_pip_cannot_read_is_passed_over(machine):
    machine.fake_uv()
    (machine.home / "bad.conf").write_text("no section here\n", encoding="utf-8")
    done = machine.run(PIP_CONFIG_FILE=str(machine.home / "bad.conf"), PIP_FIND_LINKS=str(machine.home))
    assert done.returncode == 0 and "bad.conf cannot be read as pip's settings" in done.stdout


# ------------------------------------------------------------------------------------------------ things that go wrong


@pytest.mark.parametrize(
    ("torch", "free", "settings", "enough", "hint"),
    [
        ("", 2e9, {}, False, False),
        ("cpu", 2.9e9, {}, False, False),
        ("cpu", 3.1e9, {}, True, False),
        ("cu126", 9.5e9, {}, False, True),
        ("cu126", 2e9, {}, False, False),
        ("cu126", 10.5e9, {}, True, False),
        ("", 3.1e9, {"find-links": ["/srv/wheels"]}, True, False),
    ],
)
def test_too_small_a_disk_is_seen_before_the_start(torch, free, settings, enough, hint, monkeypatch, capsys):
    tool = load_tool("setup_env")
    monkeypatch.setattr(tool.shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    if enough:
        assert tool.check_disk(torch, settings) is None
        return
    with pytest.raises(SystemExit) as caught:
        tool.check_disk(torch, settings)
    (text,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and text.startswith("[setup] No disk space: the environment needs about")
    assert f"{free / 1e9:.1f} GB are free; free some" in text
    assert ("TORCH=cpu" in text) == hint


def test_linux_gets_the_cuda_build_by_default(monkeypatch):
    tool = load_tool("setup_env")
    monkeypatch.setattr(tool.shutil, "disk_usage", lambda path: SimpleNamespace(free=5e9))
    monkeypatch.setattr(tool, "sys", SimpleNamespace(platform="darwin", stderr=sys.stderr, exit=sys.exit))
    tool.check_disk("", {})
    monkeypatch.setattr(tool.sys, "platform", "linux")
    with pytest.raises(SystemExit):
        tool.check_disk("", {})


def test_nothing_is_begun_on_too_small_a_disk(machine, monkeypatch, capsys):
    tool = load_tool("setup_env", machine.root)
    monkeypatch.setattr(tool.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e9))
    monkeypatch.setattr(tool, "run", lambda *call: pytest.fail("an installer was called"))
    monkeypatch.setenv("TORCH", "cpu")
    with pytest.raises(SystemExit):
        tool.main()
    assert "No disk space" in capsys.readouterr().err and not machine.venv.exists()


# What uv 0.13, pip 23 and pip 24 say.
FULL = [
    "error: Failed to install: torch\n  Caused by: failed to copy file: No space left on device (os error 28)",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    "error: failed to write to file `/x/y`: Disk quota exceeded (os error 122)",
    "error: failed to copy file: Kein Speicherplatz mehr verfügbar (os error 28)",
    "OSError: [Errno 28] No queda espacio en el dispositivo",
]
OFFLINE = [
    "error: Failed to fetch: http://127.0.0.1:1/simple/tiny/\n  cause: error sending request for url (http://127.0.0.1:1/simple/tiny/)\n"
    "  cause: client error (Connect)\n  cause: tcp connect error\n  cause: Connection refused (os error 111)",
    "  cause: tcp connect error\n  cause: Verbindungsaufbau abgelehnt (os error 111)",
    "  cause: operation timed out",
    "  cause: dns error\n  cause: failed to lookup address information: Name or service not known",
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: Failed to establish a new "
    "connection: [Errno -2] Name or service not known')': /simple/tiny/\nERROR: No matching distribution found",
]


@pytest.mark.parametrize("step", ["venv", "pip"])
@pytest.mark.parametrize("words", FULL)
def test_a_disk_that_fills_up_gets_a_sentence(words, step, machine):
    machine.fake_uv(f"[ $1 != {step} ] || {{ cat <<'END'\n{words}\nEND\nexit 2; }}")
    (machine.bin / "cat").symlink_to(shutil.which("cat"))
    text = sentence(machine.run(TORCH="cpu"))
    assert text.startswith("[setup] No disk space left while installing: free some gigabytes and try again.")
    assert words.splitlines()[-1] in (machine.root / "_build" / "setup.log").read_text(encoding="utf-8")
    assert not machine.stamp.exists() and machine.uv_calls()[-1].startswith(step)


@pytest.mark.parametrize("words", OFFLINE)
def test_no_network_gets_a_sentence(words, machine):
    machine.fake_uv(f"[ $1 != pip ] || {{ cat <<'END'\n{words}\nEND\nexit 2; }}")
    (machine.bin / "cat").symlink_to(shutil.which("cat"))
    text = sentence(machine.run(TORCH="cpu"))
    assert text.startswith("[setup] No network") and "PIP_INDEX_URL" in text and "PIP_FIND_LINKS" in text
    assert not machine.stamp.exists()


def test_other_failures_show_the_installers_last_words(capsys):
    tool = load_tool("setup_env")
    with pytest.raises(SystemExit) as caught:
        tool.explain("\n".join(f"line {number}" for number in range(20)))
    lines = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and lines[:-1] == [f"    line {number}" for number in range(12, 20)]
    assert lines[-1].startswith("[setup] The installer failed; its last words are above")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No disk space left while installing"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/.venv"), "The environment could not be made"),
        (KeyboardInterrupt(), "Interrupted; the next call starts the environment afresh"),
    ],
)
def test_errors_of_the_system_get_a_sentence(error, words, machine, monkeypatch, capsys):
    def fail(*call):
        raise error

    tool = load_tool("setup_env", machine.root)
    monkeypatch.setattr(tool, "make", fail)
    monkeypatch.setattr(tool, "check_disk", lambda *call: None)
    monkeypatch.delenv("TORCH", raising=False)
    with pytest.raises(SystemExit) as caught:
        tool.main()
    (text,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1 and text.startswith(f"[setup] {words}") and not machine.stamp.exists()


def test_an_incomplete_copy_gets_a_sentence(machine):
    (machine.root / "requirements.txt").unlink()
    text = sentence(machine.run())
    assert "requirements.txt is missing: run this from a complete copy" in text


# ------------------------------------------------------------------------------------------------ stamp and folder


def test_a_second_call_does_nothing(machine):
    machine.fake_uv()
    first = machine.run(TORCH="cpu")
    assert first.returncode == 0, first.stderr
    calls = machine.uv_calls()
    assert [call.split()[0] for call in calls] == ["venv", "pip", "pip", "pip"]
    assert [f"torch=={TORCH_PIN}" in call for call in calls] == [False, True, False, False]
    assert options_of(calls[1]) >= {("--default-index", "https://download.pytorch.org/whl/cpu")}
    assert "-r requirements.txt" in calls[2] and "--no-deps --no-build-isolation -e ." in calls[3]
    start = time.monotonic()
    second = machine.run(TORCH="cpu")
    seconds = time.monotonic() - start
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert machine.uv_calls() == calls and seconds < 1


@pytest.mark.parametrize("change", ["torch", "requirements.txt", "pyproject.toml", "place", "python"])
def test_what_makes_the_environment_stale(change, machine):
    machine.fake_uv()
    assert machine.run(TORCH="cpu").returncode == 0
    count, torch = len(machine.uv_calls()), "cpu"
    if change == "torch":
        torch = "cu126"
    elif change == "place":
        machine.root = machine.root.rename(machine.root.with_name("moved"))
    elif change == "python":
        (machine.root / ".venv" / "bin" / "python").unlink()
    else:
        with (machine.root / change).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
    free = load_tool("setup_env").shutil.disk_usage(machine.root).free / 1e9
    if change == "torch" and free < 10:
        torch = "xpu"
    assert machine.run(TORCH=torch).returncode == 0
    assert len(machine.uv_calls()) == 2 * count


def test_a_half_made_environment_is_made_again(machine):
    machine.venv.mkdir()
    for name in ("speedy-made-this", "left-over"):
        (machine.venv / name).write_text("x", encoding="utf-8")
    machine.fake_uv("[ $1 = venv ] || exit 2\n")
    script(machine.bin / "uv", "echo 'No space left on device'; exit 2\n")
    assert machine.run(TORCH="cpu").returncode == 1 and not machine.stamp.exists()
    (machine.venv / "left-over").write_text("x", encoding="utf-8")
    machine.fake_uv()
    assert machine.run(TORCH="cpu").returncode == 0
    assert machine.stamp.exists() and not (machine.venv / "left-over").exists()


def test_a_stamp_does_not_outlive_its_environment(machine, monkeypatch):
    """Interrupted while the old environment is deleted, with the settings of that one given again."""
    machine.fake_uv()
    assert machine.run(TORCH="cpu").returncode == 0
    tool = load_tool("setup_env", machine.root)

    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tool.make_venv(None, {})
    assert not machine.stamp.exists()
    assert (machine.venv / "speedy-made-this").exists()


def test_somebody_elses_environment_is_left_alone(machine):
    machine.fake_uv()
    (machine.venv / "bin").mkdir(parents=True)
    (machine.venv / "bin" / "python").write_text("mine", encoding="utf-8")
    text = sentence(machine.run(TORCH="cpu"))
    assert f"{machine.venv} was not made by this book: move it away, then try again." in text
    assert [p.name for p in machine.venv.rglob("*")] == ["bin", "python"] and machine.uv_calls() == []
    assert (machine.venv / "bin" / "python").read_text(encoding="utf-8") == "mine"


def test_an_empty_folder_is_used(machine):
    machine.fake_uv()
    machine.venv.mkdir()
    assert machine.run(TORCH="cpu").returncode == 0 and machine.stamp.exists()


# ------------------------------------------------------------------------------------------------ real installers


def write_wheel(folder, name, version, origin):
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"origin = {origin!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *what):
        self.server.asked.append(self.path)


@pytest.fixture
def torch_server(tmp_path):
    """A package index on the loopback address that has torch and nothing else."""
    write_wheel(tmp_path / "served" / "simple" / "torch", "torch", TORCH_PIN, "index")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path / "served"))
    server.asked, server.url = [], f"http://127.0.0.1:{server.server_port}/simple"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def use_real_uv(machine):
    """A uv that runs: the one that setup_env put beside this Python, or the one on PATH, which may need PATH itself."""
    for path in (Path(sys.executable).with_name("uv"), shutil.which("uv")):
        if path and Path(path).exists() and subprocess.run([path, "--version"], capture_output=True).returncode == 0:
            script(machine.bin / "uv", f"PATH='{os.environ['PATH']}' exec '{path}' \"$@\"\n")
            return
    pytest.skip("No uv here, neither on PATH nor beside this Python.")


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_torch_comes_from_its_index_and_the_rest_from_elsewhere(installer, machine, torch_server, tmp_path):
    """Also where the caller's own places have a torch that looks newer, and where uv is broken."""
    if installer == "uv":
        use_real_uv(machine)
    else:
        script(machine.bin / "uv", "echo 'uv: something is wrong with me' >&2; exit 1\n")
    machine.tiny(f"torch=={TORCH_PIN}", "tinyone==1.0")
    wheels = tmp_path / "wheels"
    write_wheel(wheels, "torch", f"{TORCH_PIN}+zzz", "elsewhere")
    write_wheel(wheels, "tinyone", "1.0", "elsewhere")
    (machine.home / "pip.conf").write_text(f"[global]\nfind-links = {wheels}\n", encoding="utf-8")
    own = {"PIP_FIND_LINKS": str(wheels), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": str(machine.home / "pip.conf")}
    done = machine.run(TORCH=torch_server.url, **own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("trying again with pip" in done.stdout) == (installer == "pip")
    ours = "__import__('importlib.util').util.find_spec('speedy_utils').origin"
    said = machine.python_says(f"import torch, tinyone; print(torch.origin, tinyone.origin, {ours})")
    assert said == f"index elsewhere {machine.root / 'speedy_utils' / '__init__.py'}"
    assert torch_server.asked and all(path.startswith("/simple/torch") for path in torch_server.asked)
    assert machine.stamp.exists()


def test_without_uv_and_its_index_pip_goes_on_alone(machine, tmp_path):
    """A folder of wheels that has no uv, and an index that can't be reached."""
    machine.tiny("tinyone==1.0")
    write_wheel(tmp_path / "wheels", "tinyone", "1.0", "folder")
    done = machine.run(PIP_FIND_LINKS=str(tmp_path / "wheels"), PIP_INDEX_URL="http://127.0.0.1:1/simple")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "uv can't be had here; going on with pip" in done.stdout
    assert machine.python_says("import tinyone; print(tinyone.origin)") == "folder"


def test_a_real_uv_without_a_network(machine):
    use_real_uv(machine)
    machine.tiny("torch==1.0")
    assert sentence(machine.run(TORCH="http://127.0.0.1:1/simple")).startswith("[setup] No network")
    assert not machine.stamp.exists()


def test_a_uv_that_cannot_be_started_counts_as_broken(machine):
    """A file for another processor, say: the system's error is an installer's failure, so pip gets its turn."""
    tool = load_tool("setup_env", machine.root)
    (machine.root / "_build").mkdir()
    broken = script(machine.bin / "uv", "")
    broken.write_bytes(b"\x7fELF not really")
    with pytest.raises(tool.InstallerFailed, match="uv"):
        tool.run([str(broken), "venv"], calm_environment())
