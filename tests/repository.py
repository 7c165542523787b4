"""Copies of the repository for tests of its tools, which write; and what a clean environment needs."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from conftest import ROOT
from packaging.requirements import Requirement

# What `make test` or the person at the keyboard may have set, and what would reach a command under test.
OUTER = ("MAKE", "MFLAGS", "PYTEST_", "PIP_", "UV_", "NB_", "SPEEDY_", "TORCH", "PYTHON", "VIRTUAL_ENV", "URL")


def copy_repository(target):
    """The files that git knows or would add, in a new folder; what is built stays behind."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def calm_environment(**more):
    """This environment's variables without those that steer make, pytest, pip, uv and the book's own tools."""
    calm = {name: value for name, value in os.environ.items() if not name.startswith(OUTER)}
    return calm | {"PYTHONUTF8": "1", "NO_COLOR": "1"} | more


def load_tool(name, root=ROOT):
    """A tool as a module of its own; its ROOT is the folder that it lies in."""
    spec = importlib.util.spec_from_file_location(f"{name}_under_test", Path(root) / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the module of a class
    spec.loader.exec_module(module)
    return module


def snapshot(folder, *left_out):
    """The bytes of every file below a folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    inside = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: path.read_bytes()
        for name, path in inside.items()
        if not name.startswith(left_out) and "__pycache__" not in name
    }


def closure(requirements):
    """The distributions that these requirements ask for, here and now, and what those ask for, extras included."""
    found, seen = {}, set()

    def asked(extra, texts):
        needs = map(Requirement, texts)
        return [one for one in needs if not one.marker or one.marker.evaluate({"extra": extra})]

    queue = asked("", requirements)
    while queue:
        wanted = queue.pop()
        key = re.sub(r"[-_.]+", "-", wanted.name).lower()
        try:
            found[key] = distribution(wanted.name)
        except PackageNotFoundError:
            pytest.fail(f"{wanted.name} is declared by the package or one of its dependencies, but not installed.")
        assert wanted.specifier.contains(found[key].version, prereleases=True), f"{wanted}: found {found[key].version}"
        for extra in {"", *wanted.extras} - {done for name, done in seen if name == key}:
            seen.add((key, extra))
            queue += asked(extra, found[key].requires or [])
    return found
