"""Tell in one issue which of the weekly checks fail; the same one week after week, closed when all is well again.

    python tools/issue.py REPORTS

REPORTS is a folder with what the checks printed, NAME.txt each. From the environment, as the workflow sets it: RESULTS,
GitHub's record of the checks ({"colab": {"result": "failure"}, ...}), RUN, the address of this run, and what `gh` needs
(GH_TOKEN, GH_REPO).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

LABEL = "weekly-checks"
LONGEST = 6_000  # characters of a report that the issue quotes; GitHub takes 65,536 in all


def gh(*words: str, text: str | None = None) -> str:
    done = subprocess.run(["gh", *words], input=text, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The issue was not written: gh {words[0]} {words[1]} said: {done.stderr.strip()}")
    return done.stdout


def body(failed: Mapping[str, str], reports: Path, run: str) -> str:
    """The text of the issue: what failed, with the end of its report, and where to see it all."""
    parts = [f"The weekly checks found something. The whole run: {run}"]
    for name, result in failed.items():
        path = reports / f"{name}.txt"
        text = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
        shown = text[-LONGEST:] if text else "(it left no report)"
        parts += [f"## {name}: {result}", f"````text\n{shown.replace('````', '` ` ` `')}\n````"]
    parts.append("This text is written anew each week, and the issue closes by itself when all checks pass.")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    results = {name: check["result"] for name, check in json.loads(os.environ["RESULTS"]).items()}
    failed = {name: result for name, result in results.items() if result != "success"}
    run = os.environ["RUN"]
    numbers = json.loads(gh("issue", "list", "--label", LABEL, "--state", "open", "--limit", "1", "--json", "number"))
    number = str(numbers[0]["number"]) if numbers else ""
    if failed:
        title = f"The weekly checks fail: {', '.join(failed)}"
        text = body(failed, Path(sys.argv[1]), run)
        if number:
            gh("issue", "edit", number, "--title", title, "--body-file", "-", text=text)
        else:
            gh("label", "create", LABEL, "--force", "--description", "What the weekly workflow found")
            gh("issue", "create", "--title", title, "--label", LABEL, "--body-file", "-", text=text)
    elif number:
        gh("issue", "close", number, "--comment", f"All checks pass again: {run}")
    print(f"{len(failed)} of {len(results)} checks fail; issue {number or ('opened' if failed else 'not needed')}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
