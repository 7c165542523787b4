"""Copies of the repository for tests of its tools: those write, and nothing may be written in the working tree."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

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
