"""Lint what runs on GitHub and Binder: workflows against their schema, for safety, and every shell script in them.

    python tools/workflows.py

check-jsonschema knows the schemas of workflows and of CITATION.cff, zizmor looks for what others could misuse, and
shellcheck reads the scripts: .ci/run, .binder/postBuild and each `run:` of a workflow. None of them asks the network.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
SCRIPTS = (".ci/run", ".binder/postBuild")
EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
BIN = Path(sys.executable).parent  # the programs of this environment, whatever PATH says


def call(program: str, *words: str | Path) -> tuple[int, str]:
    """The exit status of a program of this environment, and what it said."""
    path = shutil.which(program, path=str(BIN)) or shutil.which(program)
    if path is None:
        sys.exit(f"The workflows were not checked: {program} is missing; make the environment again with make lint.")
    done = subprocess.run([path, *map(str, words)], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


def steps(workflow: Path) -> dict[str, str]:
    """The scripts of a workflow: where each stands -> its text, with a word in place of GitHub's expressions."""
    jobs = (yaml.safe_load(workflow.read_text(encoding="utf-8")) or {}).get("jobs") or {}
    found = {}
    for name, job in jobs.items():
        for number, step in enumerate(job.get("steps") or [], 1):
            if "run" in step:
                found[f"{workflow.name}, {name}, step {number}"] = EXPRESSION.sub("EXPRESSION", step["run"])
    return found


def problems() -> list[str]:
    """What the three programs complain about."""
    workflows, found = sorted(WORKFLOWS.glob("*.yml")), []
    schemas = {"github-workflows": workflows, "citation-file-format": [ROOT / "CITATION.cff"]}
    for schema, files in schemas.items():
        status, words = call("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)
        found += [words] if status else []
    status, words = call("zizmor", "--offline", "--no-progress", "--quiet", "--color=never", *workflows)
    found += [words] if status else []
    scripts = {name: (ROOT / name).read_text(encoding="utf-8") for name in SCRIPTS}
    for workflow in workflows:
        scripts |= {place: f"#!/usr/bin/env bash\nset -eo pipefail\n{text}" for place, text in steps(workflow).items()}
    with tempfile.TemporaryDirectory(prefix="speedy-scripts-") as scratch:
        for place, text in scripts.items():
            path = Path(scratch, re.sub(r"\W+", "-", place))
            path.write_text(text, encoding="utf-8")
            status, words = call("shellcheck", "--color=never", "--severity=warning", path)
            found += [f"{place}:\n{words}"] if status else []
    return found


def main() -> int:
    found = problems()
    print("\n\n".join(found) if found else "The workflows and scripts are sound.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
