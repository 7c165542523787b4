"""What runs on GitHub: workflows that are sound and ask for little, and the weekly checks with their one issue.

The hub, the linked sites and GitHub itself are played by servers and programs on this machine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from conftest import ROOT
from repository import calm_environment, copy_repository, load_tool
from test_hub import hub, put_ner, put_pawsx  # noqa: F401 -- hub is a fixture

sys.path.insert(0, str(ROOT / "tools"))
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}

# ------------------------------------------------------------------------------------------------ workflows


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return copy_repository(tmp_path_factory.mktemp("workflows") / "repository")


def test_the_workflows_are_sound():
    done = subprocess.run([sys.executable, "tools/workflows.py"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "The workflows and scripts are sound.\n"), done.stdout + done.stderr


HARMED = {
    "a misspelt key": ("ci.yml", "runs-on:", "run-on:", "run-on"),
    "a careless expression": (
        "ci.yml",
        "- run: .ci/run",
        "- run: .ci/run ${{ github.head_ref }}",
        "template-injection",
    ),
    "another's action": ("ci.yml", "actions/setup-python@v5", "somebody/action@v1", "unpinned-uses"),
    "kept credentials": ("ci.yml", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
    "a broken script": ("weekly.yml", "          mkdir report\n", "          if mkdir report\n", "SC1"),
    "a careless script": (".binder/postBuild", "set -euo pipefail", "cd $HOME/x; rm -r $FOLDER/*", "SC"),
    "a bad citation": ("CITATION.cff", "cff-version: 1.2.0", "cff: 1", "cff"),
}


@pytest.mark.parametrize("how", HARMED)
def test_what_is_wrong_in_a_workflow_is_found(how, copy):
    name, old, new, words = HARMED[how]
    path = copy / name if (copy / name).exists() else copy / ".github" / "workflows" / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = "\n".join(load_tool("workflows", copy).problems())
    path.write_text(text, encoding="utf-8")
    assert words in found


def test_nothing_is_published_that_was_not_tested():
    assert WORKFLOWS.keys() == {"ci", "publish", "release", "weekly"}
    for name, job in (("publish", "deploy"), ("release", "release")):
        jobs = WORKFLOWS[name]["jobs"]
        assert jobs["test"] == {"uses": "./.github/workflows/ci.yml"}
        assert jobs[job]["needs"] == "test" and "always" not in str(jobs[job].get("if"))
        assert "make book" not in str(jobs), "the site has to be the one that was tested"
    steps = WORKFLOWS["ci"]["jobs"]["test"]["steps"]
    assert [step.get("run") for step in steps].count(".ci/run") == 1
    uploaded = next(step["with"] for step in steps if "upload-artifact" in step.get("uses", ""))
    for name in ("publish", "release"):
        fetched = [step["with"] for job in WORKFLOWS[name]["jobs"].values() for step in job.get("steps", [])
                   if "download-artifact" in step.get("uses", "")]  # fmt: skip
        assert fetched == [{"name": uploaded["name"], "path": "_build"}]
    assert {"_build/html", "_build/src"} <= set(uploaded["path"].split())


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_asks_for_little_and_ends(name):
    flow = WORKFLOWS[name]
    assert flow["permissions"] == {"contents": "read"} and "group" in flow["concurrency"]
    for job in flow["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 60
    rights = {key for job in flow["jobs"].values() for key, right in job.get("permissions", {}).items()
              if right == "write"}  # fmt: skip
    assert rights == {"publish": {"pages", "id-token"}, "release": {"contents"}, "weekly": {"issues"}}.get(name, set())


def test_the_weekly_checks_are_told_of():
    jobs = WORKFLOWS["weekly"]["jobs"]
    checks = set(jobs) - {"tell"}
    assert checks == {"colab", "hub", "links"} == set(jobs["tell"]["needs"]) and jobs["tell"]["if"] == "always()"
    for name in checks:
        text = str(jobs[name]["steps"])
        assert f"tee report/{name}.txt" in text and f"'name': 'report-{name}'" in text
        for tool in re.findall(r"tools/\w+\.py|book/[\w-]+\.ipynb", text):
            assert (ROOT / tool).is_file()


def test_binders_scripts_take_what_the_repository_has():
    text = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
    assert "--constraint requirements.txt" in text and "grep '^torch==' requirements.txt" in text
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    slug = config["repository"]["url"].removeprefix("https://github.com/")
    (page,) = re.findall(rf"https://mybinder\.org/v2/gh/{re.escape(slug)}/main\?urlpath=lab/tree/([^)]+)\)", readme)
    assert (ROOT / page).is_file()


# ------------------------------------------------------------------------------------------------ the issue

# A gh that keeps the issues in a file and notes its calls.
GH = """\
import json, os, sys
from pathlib import Path
store = Path(os.environ["ISSUES"])
issues, words = json.loads(store.read_text()), sys.argv[1:]
option = lambda name: words[words.index(name) + 1]
if words[:2] == ["issue", "list"]:
    print(json.dumps([{"number": n} for n, i in enumerate(issues, 1) if i["open"] and option("--label") == i["label"]]))
elif words[:2] == ["issue", "create"]:
    issues.append({"title": option("--title"), "label": option("--label"), "body": sys.stdin.read(), "open": True})
elif words[:2] == ["issue", "edit"]:
    issues[int(words[2]) - 1] |= {"title": option("--title"), "body": sys.stdin.read()}
elif words[:2] == ["issue", "close"]:
    issues[int(words[2]) - 1] |= {"open": False, "comment": option("--comment")}
elif words[:2] != ["label", "create"]:
    sys.exit("unknown: " + " ".join(words))
store.write_text(json.dumps(issues))
"""


@pytest.fixture
def week(tmp_path):
    """A function that goes through one week's end: results and reports of the checks -> all issues after it."""
    (tmp_path / "gh.py").write_text(GH, encoding="utf-8")
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path / "gh.py"}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "issues.json").write_text("[]", encoding="utf-8")

    def call(run, results, **reports):
        folder = shutil.rmtree(tmp_path / "reports", ignore_errors=True) or tmp_path / "reports"
        folder.mkdir()
        for name, text in reports.items():
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
        environment = calm_environment(
            PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}",
            ISSUES=str(tmp_path / "issues.json"),
            RESULTS=json.dumps({name: {"result": result, "outputs": {}} for name, result in results.items()}),
            RUN=run,
        )
        command = [sys.executable, str(ROOT / "tools" / "issue.py"), str(folder)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads((tmp_path / "issues.json").read_text())

    return call


@pytest.mark.skipif(os.name == "nt", reason="A shell script takes the place of gh here.")
def test_one_issue_through_the_weeks(week):
    well = {"colab": "success", "hub": "success", "links": "success"}
    assert week("run-1", well) == []
    long = "x" * 100_000 + "\nthe end of it ````"
    (issue,) = week("run-2", well | {"hub": "failure", "links": "cancelled"}, hub=long, colab="fine")
    assert issue["title"] == "The weekly checks fail: hub, links" and issue["open"]
    assert "run-2" in issue["body"] and "the end of it" in issue["body"] and "fine" not in issue["body"]
    assert "(it left no report)" in issue["body"] and len(issue["body"]) < 60_000
    assert issue["body"].count("````") == 4, "a report closes its own frame"
    (issue,) = week("run-3", well | {"colab": "failure"}, colab="torch was replaced")
    assert issue["title"] == "The weekly checks fail: colab"
    assert "torch was replaced" in issue["body"] and "run-2" not in issue["body"]
    (issue,) = week("run-4", well)
    assert not issue["open"] and issue["comment"] == "All checks pass again: run-4"
    assert len(week("run-5", well | {"hub": "failure"})) == 2


# ------------------------------------------------------------------------------------------------ links


class Site(BaseHTTPRequestHandler):
    """Pages that are there, gone, moved, there at the second try, and there only for those who ask with GET."""

    seen: dict = {}  # noqa: RUF012 -- shared on purpose

    def answer(self):
        count = self.seen[self.path] = self.seen.get(self.path, 0) + 1
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/there")
        elif self.path == "/stumbles" and count < 3:
            self.send_response(500)
        elif self.path == "/no-head" and self.command == "HEAD":
            self.send_response(405)
        else:
            self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = answer

    def log_message(self, *words):
        pass


def test_broken_links_are_named_by_file_and_line(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"
    tool = load_tool("links_check")
    (tmp_path / "conf.py").write_text(tool.CONF, encoding="utf-8")
    (tmp_path / "index.rst").write_text("Texts\n=====\n", encoding="utf-8")
    links = [f"[{name}]({site}/{name})" for name in ("there", "moved", "stumbles", "no-head")]
    text = "# Page\n\n" + "\n\n".join([*links, "[here](other.md)", f"[gone]({site}/gone)", f"<{site}/gone>"])
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    (tmp_path / "other.md").write_text(f"# Other\n\n{site}/bare-and-there\n", encoding="utf-8")
    try:
        found, broken = tool.check(tmp_path)
    finally:
        server.shutdown()
    assert {link["uri"] for link in found} == {
        f"{site}/{name}" for name in ("there", "moved", "stumbles", "no-head", "gone", "bare-and-there")
    }
    assert [(link["filename"], link["lineno"], link["uri"]) for link in broken] == [("page.md", 13, f"{site}/gone")]


def test_links_are_tried_on_github_only(monkeypatch, capsys):
    tool = load_tool("links_check")
    for name in ("GITHUB_ACTIONS", "ANYWHERE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tool, "check", lambda folder: pytest.fail("It asks the network."))
    assert tool.main() == 0
    assert "were not checked" in capsys.readouterr().out


def test_every_text_is_looked_at(tmp_path):
    tool = load_tool("links_check")
    count = tool.collect(tmp_path)
    texts = [path for path in tmp_path.rglob("*") if path.suffix in (".md", ".ipynb")]
    assert len(texts) == count
    assert {"README.md", "book/index.md", "book/tagging.ipynb"} <= {p.relative_to(tmp_path).as_posix() for p in texts}


# ------------------------------------------------------------------------------------------------ the hub


def hub_check(monkeypatch, capsys, *tasks):
    tool = load_tool("hub_check")
    monkeypatch.setattr(sys, "argv", ["hub_check.py", *tasks])
    status = tool.main()
    return status, capsys.readouterr().out.splitlines()


def test_a_place_that_is_gone_counts_when_no_other_gives_its_splits(hub, monkeypatch, capsys):  # noqa: F811
    put_pawsx(hub)
    put_ner(hub, 1)
    status, lines = hub_check(monkeypatch, capsys, "pawsx", "ner")
    assert status == 0 and lines[-1] == "All is there."
    assert [line.split(":")[0] for line in lines[:-1]] == ["ok   pawsx", "FAIL pawsx", "FAIL ner", "ok   ner"]
    assert re.search(r"test has \d+ examples \(commit [0-9a-f]{40}\)$", lines[0])
    shutil.rmtree(hub.root / "datasets" / "google-research-datasets")
    status, lines = hub_check(monkeypatch, capsys, "pawsx")
    assert status == 1 and lines[-2:] == [
        "not to be had: PAWS-X: no place gives train, validation and test", "1 things are not to be had.",
    ]  # fmt: skip


def test_a_file_of_another_split_that_is_gone_is_noticed(hub, monkeypatch, capsys):  # noqa: F811
    put_ner(hub)
    for path in (hub.root / "datasets").rglob("train-*.parquet"):
        path.unlink()
    status, lines = hub_check(monkeypatch, capsys, "ner")
    assert status == 1 and "there is no parquet file for train" in lines[0]


def test_a_model_is_there_or_named(hub):  # noqa: F811
    tool = load_tool("hub_check")
    folder = hub.folder("models", "dccuchile/albert-base-2-spanish-finetuned-ner")
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    found = tool.try_published("dccuchile/albert-base-2-spanish", "distillation", "ner")
    assert found.sound and "spanish-finetuned-ner" in found.what
    lost = tool.try_published("dccuchile/albert-base-2-spanish", "distillation", "pos")
    assert not lost.sound and "spanish-distilled-pos: " in lost.words and "spanish-finetuned-pos: " in lost.words
    bare = hub.folder("models", "dccuchile/albert-base-spanish")
    for name in ("config.json", "model.safetensors"):
        (bare / name).write_text("{}", encoding="utf-8")
    assert "tokenizer" in tool.try_encoder("dccuchile/albert-base-spanish").words
    (bare / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert tool.try_encoder("dccuchile/albert-base-spanish").sound
    assert not tool.try_encoder("dccuchile/nobody").sound


def test_a_task_that_is_not_on_the_hub_gets_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["hub_check.py", "mldoc"])
    with pytest.raises(SystemExit, match="Unknown task on the hub 'mldoc'"):
        load_tool("hub_check").main()
