"""The shell command: what it prints, what it leaves, and one sentence for what goes wrong."""

import json
import subprocess
import sys

import pandas as pd
import pytest

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.results import collect_runs, summarise

TINY = ["fine-tune", "ALBETO tiny", "ner", "--source", "mini", "--epochs", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two finished and scored runs that differ in their seed."""
    runs = tmp_path_factory.mktemp("runs")
    for seed in ("1", "2"):
        assert main([*TINY, "--seed", seed, "--output", str(runs / seed)]) == 0
        assert main(["evaluate", str(runs / seed)]) == 0
    return runs


def said(capsys, *arguments):
    """(exit status, stdout, stderr) of a call."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return status, out, err


def test_help_names_every_command_and_option():
    shown = subprocess.run([sys.executable, "-m", "speedy_utils.cli", "--help"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert all(
        command in shown.stdout
        for command in ("fine-tune", "distill", "evaluate", "grid", "report", "benchmark", "export", "predict")
    )
    assert "torch" not in shown.stderr


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys; from speedy_utils.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "datasets", "pandas", "numpy"} & set(done.stderr.split())


def test_a_student_is_distilled_from_a_run(folder, tmp_path, capsys):
    call = ["distill", "ALBETO tiny", "ner", "--teacher", folder / "1", "--source", "mini", "--epochs", "1"]
    call += ["--temperature", "2", "--gold-weight", "0.5", "--cache", tmp_path / "cache", "--output"]
    status, out, err = said(capsys, *call, tmp_path / "student")
    assert status == 0, err
    assert "Taught by ALBETO tiny (mini); 0 of 2," in out and "rows could not be aligned" in out
    record = json.loads((tmp_path / "student" / "run.json").read_text())
    assert record["settings"]["distillation"] == {"loss": "kl", "temperature": 2.0, "gold_weight": 0.5}
    status, out, err = said(capsys, *call, tmp_path / "again", "--seed", "2", "--json")
    assert status == 0, err
    cache = json.loads(out)["cache"]
    assert cache["reused"] == cache["examples"] > 2000
    status, _, err = said(capsys, *call, tmp_path / "wrong", "--loss", "mse")
    assert status == 1 and "has no temperature" in err


def test_a_run_leaves_a_folder_with_everything(folder):
    run = folder / "1"
    record = json.loads((run / "run.json").read_text())
    assert record["settings"]["seed"] == 1
    assert record["settings"]["epochs"] == 1
    assert {"torch", "transformers", "speedy_utils"} <= set(record["versions"])
    assert (run / "model.safetensors").exists()
    sizes = {split: len(data) for split, data in su.load_task("ner", report=None).items()}
    for split in ("validation", "test"):
        lines = (run / f"predictions-{split}.jsonl").read_text().splitlines()
        assert len(lines) == sizes[split]
    assert not list(folder.glob("*.unfinished"))


def test_json_is_one_object_and_says_the_same_as_the_folder(folder, capsys):
    status, out, _ = said(capsys, "evaluate", folder / "1", "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer == json.loads((folder / "1" / "evaluation-test.json").read_text())
    assert answer["interval"]["low"] <= answer["metrics"]["f1"] <= answer["interval"]["high"]


def test_the_same_command_again_loads_the_run(folder, capsys):
    before = (folder / "1" / "run.json").stat().st_mtime_ns
    status, out, _ = said(capsys, *TINY, "--seed", "1", "--output", folder / "1")
    assert status == 0
    assert "holds this run already" in out
    assert (folder / "1" / "run.json").stat().st_mtime_ns == before


def test_json_stands_alone_whatever_there_is_to_say(folder, capsys):
    status, out, err = said(capsys, *TINY, "--seed", "1", "--output", folder / "1", "--json")
    assert status == 0
    assert json.loads(out)["settings"]["seed"] == 1
    assert "holds this run already" in err


def test_another_configuration_is_refused(folder, capsys):
    status, out, err = said(capsys, *TINY, "--seed", "3", "--output", folder / "1")
    assert (status, out) == (1, "")
    assert err.count("\n") == 1
    assert "its settings.seed is 1, here it is 3" in err


def test_report_averages_over_seeds(folder, capsys):
    status, out, _ = said(capsys, "report", folder, "--json")
    rows = pd.DataFrame(json.loads(out))
    assert status == 0
    table = summarise(rows)
    test = rows.query("split == 'test' and metric == 'f1'")["value"]
    mine = table.query("split == 'test'").iloc[0]
    assert (mine["runs"], mine["mean"]) == (2, pytest.approx(test.mean()))
    assert mine["sd"] == pytest.approx(test.std())
    status, out, _ = said(capsys, "report", folder)
    assert f"{test.mean():.2f}" in out


def test_runs_of_other_settings_are_not_averaged(folder):
    runs = collect_runs([folder])
    other = runs[runs["seed"] == 1].assign(folder="elsewhere")
    with pytest.raises(ValueError, match=r"two runs of .* with seed 1"):
        summarise(pd.concat([runs, other]))


def test_files_of_ones_own(folder, tmp_path, capsys):
    test = tmp_path / "test.conll"
    test.write_text("Ana B-PER\nvive O\nen O\nLima B-LOC\n. O\n\nÉl O\nno O\n. O\n\n")
    kept = (folder / "1" / "evaluation-test.json").read_bytes()
    status, out, err = said(capsys, "evaluate", folder / "1", "--source", "files", "--test", test, "--json")
    assert status == 0, err
    assert json.loads(out)["examples"] == 2
    assert (folder / "1" / "evaluation-test.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["evaluate", "no/such/run"], "Which task?"),
        (["evaluate", "ALBETO tinny", "ner", "--source", "hub"], "did you mean 'ALBETO tiny'"),
        (["report", "{tmp}"], "There is no finished run in"),
        (["fine-tune", "ALBETO tinny", "ner", "--output", "{tmp}/x"], "did you mean 'ALBETO tiny'"),
        (["fine-tune", "ALBETO tiny", "ner", "--output", "{tmp}/x", "--epochs", "0"], "epochs must be"),
        (["fine-tune", "ALBETO tiny", "ner", "--output", "{tmp}/x", "--test", "a"], "add --source files"),
        (["fine-tune", "ALBETO tiny", "ner", "--output", "{tmp}/x", "--source", "files"], "needs a path for each"),
        (
            ["fine-tune", "ALBETO tiny", "ner", "--output", "{tmp}/x", "--source", "files", "--train", "{tmp}/none"],
            "none",
        ),
    ],
)
def test_what_goes_wrong_is_one_sentence(arguments, sentence, tmp_path, capsys):
    status, out, err = said(capsys, *(argument.format(tmp=tmp_path) for argument in arguments))
    assert (status, out) == (1, "")
    assert err.startswith("speedy: ")
    assert err.count("\n") == 1
    assert sentence in err
    assert not list(tmp_path.iterdir())


def test_a_broken_record_names_its_file(folder, tmp_path, capsys):
    (tmp_path / "run.json").write_text('{"system": "x"')
    status, _, err = said(capsys, "report", tmp_path)
    assert status == 1
    assert "run.json cannot be read as part of a run" in err
