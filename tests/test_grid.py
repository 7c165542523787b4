"""Many runs: planned as the paper's, kept whatever is killed, and never mixed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.grid import FAILED, SCORED, Job, Search, claim_store, plan, run_grid, run_job
from speedy_utils.results import best_runs, collect_runs, summarise

# How often grids are killed here; many more were tried by hand (see the changelog).
KILLS = int(os.environ.get("SPEEDY_KILLS", "3"))
STUDENT, SHORT = "ALBETO tiny", {"epochs": 1, "batch_size": 8}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A few sentences of the bundled NER data, as files."""
    folder = tmp_path_factory.mktemp("files")
    data, labels = su.load_task("ner", report=None), su.get_task("ner").labels
    for split, size in (("train", 40), ("validation", 20), ("test", 20)):
        blocks = [
            "\n".join(f"{word} {labels[tag]}" for word, tag in zip(row["tokens"], row["tags"], strict=True))
            for row in data[split].select(range(size))
        ]
        (folder / split).write_text("\n\n".join(blocks) + "\n\n", encoding="utf-8")
    return {split: str(folder / split) for split in ("train", "validation", "test")}


@pytest.fixture(scope="module")
def teacher(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teachers") / "teacher"
    data = su.load_task("ner", "files", files, report=None)
    su.fine_tune("ALBETO base-2", "ner", data=data, source="mini", output=folder, **SHORT)
    return str(folder)


def jobs_of(files, teacher=None, seeds=(1, 2), rates=(1e-3, 2e-3), **settings):
    teachers = teacher and {"ner": teacher}
    grid = {"learning_rate": rates}
    return plan([STUDENT], ["ner"], teachers=teachers, grid=grid, seeds=seeds, files=files, **SHORT, **settings)


def figures(store):
    """All that a store holds of its runs but dates and times."""
    runs = {}
    for path in sorted(Path(store).glob(f"*/{SCORED}")):
        record = json.loads((path.parent / "run.json").read_text())
        predicted = (path.parent / "predictions-test.jsonl").read_text()
        runs[path.parent.name] = (path.read_text(), record["validation"], record["history"], predicted)
    return runs


def test_the_papers_grids():
    tuned = plan(["BETO cased"], ["pos", "ner"], grid="paper")
    assert len(tuned) == 2 * 3 * 4 * 3 and len({job.name for job in tuned}) == 72
    students = [STUDENT, *(f"ALBETO base-{n}" for n in (2, 4, 6, 8, 10)), "ALBETO base"]
    taught = plan(students, [task.name for task in su.TASKS], grid="paper", teachers={t.name: "x" for t in su.TASKS})
    assert len(taught) == 336  # the authors' runs: 7 students, 8 tasks, 6 settings
    assert {dict(job.settings)["learning_rate"] for job in taught} == {5e-5, 1e-4}
    assert len({job.name for job in taught}) == 336


def test_a_job_has_a_name_of_its_own():
    job = Job(STUDENT, "ner", (("epochs", 1), ("seed", 1)))
    others = [
        replace(job, student="ALBETO base"),
        replace(job, task="pos"),
        replace(job, settings=(("epochs", 1), ("seed", 2))),
        replace(job, teacher="x"),
        replace(job, source="hub"),
        replace(job, files=(("train", "a"),)),
    ]
    assert len({job.name, *(other.name for other in others)}) == 7
    assert replace(job, settings=(("seed", 1), ("epochs", 1))).name == job.name


@pytest.mark.parametrize("route", ["fine-tuning", "distillation"])
def test_a_grid_runs_once_and_reports(route, files, teacher, tmp_path, capsys):
    jobs = jobs_of(files, teacher if route == "distillation" else None)
    lines = []
    progress = run_grid(jobs, tmp_path / "store", report=lines.append)
    assert (progress.asked, progress.done, progress.found, progress.failed) == (4, 4, 0, 0)
    assert len(lines) == 4 and "hours of computing so far" in lines[-1] and " left, " in lines[0]
    first = figures(tmp_path / "store")
    assert sorted(first) == sorted(job.name for job in jobs)
    assert not list((tmp_path / "store").rglob("*.safetensors"))
    again = run_grid(jobs, tmp_path / "store", report=lines.append)
    assert (again.done, again.found) == (4, 4)
    assert figures(tmp_path / "store") == first

    runs = collect_runs([tmp_path / "store"])
    with pytest.raises(ValueError, match="the best of them"):
        summarise(runs)
    best = best_runs(runs)
    rule = {"fine-tuning": "loss", "distillation": "distillation_loss"}[route]
    assert set(best["selected_by"]) == {rule}
    for seed in (1, 2):
        losses = runs[(runs["seed"] == seed) & (runs["metric"] == rule)].set_index("folder")["value"]
        assert set(best[best["seed"] == seed]["folder"]) == {losses.idxmin()}
    assert summarise(best)["runs"].tolist() == [2, 2]
    assert main(["report", str(tmp_path / "store"), "--best"]) == 0
    assert "f1" in capsys.readouterr().out


PROCESS = """
import json, sys
from speedy_utils.grid import Job, run_grid
def main():
    store, ray, jobs = sys.argv[1], sys.argv[2] == "ray", json.loads(sys.argv[3])
    jobs = [Job(*row[:2], tuple(map(tuple, row[2])), row[3], row[4], tuple(map(tuple, row[5]))) for row in jobs]
    print("begun", flush=True)
    run_grid(jobs, store, workers=2, ray=ray)
if __name__ == "__main__":
    main()
"""


def start(script, store, how, jobs):
    rows = [[job.student, job.task, job.settings, job.teacher, job.source, job.files] for job in jobs]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.Popen(
        [sys.executable, str(script), str(store), how, json.dumps(rows)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


@pytest.mark.parametrize("how", ["here", "ray"])
def test_killed_grids_lose_nothing_and_repeat_nothing(how, files, teacher, tmp_path):
    """At random moments, `kill -9` of the grid or of all its processes; afterwards it equals an undisturbed one."""
    script = tmp_path / "script.py"
    script.write_text(PROCESS)
    jobs = jobs_of(files, teacher, seeds=(1, 2, 3))
    run_grid(jobs, tmp_path / "undisturbed", report=None)
    expected, draw = figures(tmp_path / "undisturbed"), random.Random(5)
    kills, stores = 0, [tmp_path / "store-0"]
    finished: dict[Path, float] = {}
    while kills < KILLS:
        process = start(script, stores[-1], how, jobs)
        try:
            printed = process.communicate(timeout=draw.uniform(2, 20))[0]
        except subprocess.TimeoutExpired:
            if kills % 2:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            process.wait()
            process.stdout.close()  # what it started may live a moment longer, beside the next grid
            kills += 1
        else:  # it was faster than the shot: the next one aims at a new grid
            assert process.returncode == 0, printed
            assert figures(stores[-1]) == expected
            stores.append(tmp_path / f"store-{len(stores)}")
        assert {path: path.stat().st_mtime for path in finished} == finished  # what was finished stays as it is
        finished = {path: path.stat().st_mtime for store in stores for path in store.glob(f"*/{SCORED}")}
    last = start(script, stores[-1], how, jobs)
    printed = last.communicate(timeout=300)[0]
    assert last.returncode == 0, printed
    assert figures(stores[-1]) == expected
    assert {path: path.stat().st_mtime for path in finished} == finished
    assert not [path for store in stores for path in store.glob("*.unfinished")]
    print(f"{kills} kills, {len(stores)} grids")


def test_a_killed_worker_is_replaced(files, tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(PROCESS)
    jobs = jobs_of(files)
    process = start(script, tmp_path / "store", "here", jobs)
    workers = []
    deadline = time.monotonic() + 120
    while not workers and time.monotonic() < deadline:
        time.sleep(0.2)
        found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True)
        workers = [int(line) for line in found.stdout.split()]
    os.kill(workers[0], signal.SIGKILL)
    printed = process.communicate(timeout=300)[0]
    assert process.returncode == 0, printed
    assert len(figures(tmp_path / "store")) == 4


def test_stores_are_not_mixed(files, teacher, tmp_path):
    store = tmp_path / "store"
    run_grid(jobs_of(files, rates=(1e-3,), seeds=(1,)), store, report=None)
    for jobs, sentence in (
        (jobs_of(files, teacher), "its route is 'fine-tuning', here it is 'distillation'"),
        (plan([STUDENT], ["ner"]), "its files is"),
        (plan([STUDENT], ["ner"], source="hub", files=files), "its source is 'mini', here it is 'hub'"),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+ holds another grid: [^\n]+$") as caught:
            run_grid(jobs, store)
        assert sentence in str(caught.value)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("Dear Ana")
    with pytest.raises(ValueError, match="is no store of a grid, and not empty"):
        run_grid(jobs_of(files), tmp_path / "full")
    more = run_grid(jobs_of(files, rates=(1e-3,), seeds=(1, 2)), store, report=None)
    assert (more.done, more.found) == (2, 1)


def test_a_store_notices_files_that_changed(files, tmp_path):
    """A run's name knows where its files are, not what they hold."""
    own = {split: str(tmp_path / split) for split in files}
    for split, path in own.items():
        Path(path).write_bytes(Path(files[split]).read_bytes())
    jobs = jobs_of(own, rates=(1e-3,), seeds=(1,))
    claim_store(tmp_path / "store", jobs)
    claim_store(tmp_path / "store", jobs)
    with Path(own["train"]).open("a", encoding="utf-8") as file:
        file.write("Quito B-LOC\n\n")
    with pytest.raises(ValueError, match=r"store holds runs on other data: a file has changed since; [^\n]+$"):
        run_grid(jobs, tmp_path / "store")
    Path(own["train"]).unlink()
    with pytest.raises(FileNotFoundError, match=r"train cannot be read \(No such file or directory\)[^\n]+$"):
        run_grid(jobs, tmp_path / "store")


def test_what_cannot_work_is_kept_as_failed_and_what_may_work_later_is_not(files, tmp_path, monkeypatch):
    (job,) = jobs_of(files, rates=(1e-3,), seeds=(1,), max_words=0)
    found = run_job(job, tmp_path)
    assert found["failed"] and "max_words must be a whole number" in found["text"]
    assert (tmp_path / job.name / FAILED).exists()
    assert run_job(job, tmp_path)["found"]

    from speedy_utils import training

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    (job,) = jobs_of(files, rates=(2e-3,), seeds=(1,))
    with monkeypatch.context() as patch:
        patch.setattr(training, "fine_tune", full)
        with pytest.raises(OSError, match="No space left"):
            run_job(job, tmp_path)
    assert not run_job(job, tmp_path)["failed"]


def test_a_search_goes_on_as_it_would_have_gone(files, teacher, tmp_path):
    (job,) = plan([STUDENT], ["ner"], teachers={"ner": teacher}, seeds=[1], files=files, **SHORT)
    space = (("learning_rate", (5e-4, 5e-3)), ("temperature", (0.5, 4.0)), ("batch_size", [8, 16]))
    run_grid([Search(job, space, 2)], tmp_path / "parts", report=None)
    progress = run_grid([Search(job, space, 4)], tmp_path / "parts", report=None)
    assert (progress.done, progress.found) == (4, 2)
    run_grid([Search(job, space, 4)], tmp_path / "whole", report=None)
    assert figures(tmp_path / "parts") == figures(tmp_path / "whole")
    records = [json.loads(path.read_text()) for path in (tmp_path / "whole").glob("*/run.json")]
    rates = [record["settings"]["learning_rate"] for record in records]
    assert len(set(rates)) == 4 and all(5e-4 <= rate <= 5e-3 for rate in rates)
    assert len({record["settings"]["distillation"]["temperature"] for record in records}) == 4


def test_the_command(tmp_path, capsys, files):
    named = [f"--{split}={path}" for split, path in files.items()]
    call = ["grid", str(tmp_path / "store"), "--students", STUDENT, "--tasks", "ner", "--source", "files", *named]
    call += ["--set", "epochs=1", "batch_size=8", "learning_rate=1e-3,2e-3", "--json"]
    assert main(call) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["asked"], answer["done"], answer["failed"]) == (2, 2, 0)
    rates = {json.loads(path.read_text())["settings"]["learning_rate"] for path in tmp_path.glob("store/*/run.json")}
    assert rates == {1e-3, 2e-3}
    for wrong, sentence in (
        (["--set", "epochs"], "Settings are written as name=value"),
        (["--set", "epochs=1,2", "--grid", "paper"], "Several values are a grid of their own"),
        (["--teacher", "pos=x"], "Who teaches NER?"),
    ):
        assert main([*call[:6], *wrong]) == 1
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"students": ["ALBETO tyni"]}, "Unknown system 'ALBETO tyni'"),
        ({"tasks": ["nre"]}, "Unknown task 'nre'"),
        ({"grid": "papper"}, "Unknown grid 'papper'"),
        ({"tasks": ["ner", "pos"], "teachers": {"ner": "x"}}, "Who teaches POS?"),
    ],
)
def test_a_plan_that_cannot_work_is_one_sentence(options, sentence):
    options = {"students": [STUDENT], "tasks": ["ner"]} | options
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        plan(options.pop("students"), options.pop("tasks"), **options)
    assert sentence in str(caught.value)
    with pytest.raises(ValueError, match="There is nothing to run"):
        run_grid([], "nowhere")


def test_runs_of_different_losses_are_chosen_by_the_metric():
    """The loss at another temperature is another loss: its lowest value says nothing of the better run."""
    jobs = plan(["ALBETO tiny"], ["ner"], teachers={"ner": "BETO cased"}, grid={"temperature": [1.0, 4.0]})
    assert {dict(job.settings)["select"] for job in jobs} == {"metric"}
    plain = plan(["ALBETO tiny"], ["ner"], teachers={"ner": "BETO cased"}, grid={"learning_rate": [1e-3, 2e-3]})
    assert not any("select" in dict(job.settings) for job in plain)
    with pytest.raises(ValueError, match="Runs that differ in temperature have different losses: choose them with"):
        plan(["ALBETO tiny"], ["ner"], teachers={"ner": "BETO cased"}, grid={"temperature": [1.0, 4.0]}, select="loss")
