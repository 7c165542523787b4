"""The measured table: whole, with its origin, the same when cells are run again; and the paper's table of any runs."""

import json
import random
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from repository import load_tool

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.distillation.study import (
    GOLD,
    STUDENTS,
    STUDY_TASKS,
    TAUGHT,
    WAYS,
    measure_way,
    share,
    study_differences,
    study_scores,
)
from speedy_utils.results import (
    MEASURED,
    SEEDS,
    best_runs,
    collect_runs,
    measured_frontier,
    paper_table,
    summarise,
    table_in_words,
)
from speedy_utils.speed.int8 import int8_differences
from speedy_utils.speed.latency import processor

results = load_tool("results")


FINE_TUNED, STUDY, INT8 = results.TABLES
READ = {"mini_results": su.measured_results, "mini_study": su.measured_study, "mini_int8": su.measured_int8}
each_table = pytest.mark.parametrize("table", results.TABLES, ids=lambda table: table.name)


def test_the_fine_tuned_cells():
    expected = {(system, task.name, seed) for system in MEASURED for task in su.TASKS for seed in SEEDS}
    assert set(FINE_TUNED.cells()) == expected


def test_the_cells_of_the_study():
    """Every student on every task with every seed, and each way on one task of each kind."""
    cells = STUDY.cells()
    assert len(set(cells)) == len(cells)
    taught = {(student, task.name, seed, TAUGHT) for student in STUDENTS for task in su.TASKS for seed in SEEDS}
    assert taught <= set(cells)
    assert {way for *_, way in cells} == set(WAYS)
    assert {su.get_task(task).kind for _, task, _, way in cells if way != TAUGHT} == {task.kind for task in su.TASKS}


def test_the_cells_of_int8():
    """Three seeds of three systems on a task of each kind, in both runtimes and all precisions."""
    cells = INT8.cells()
    assert len(set(cells)) == len(cells) == len(SEEDS) * 3 * 4 * 6
    assert {su.get_task(task).kind for _, task, *_ in cells} == {task.kind for task in su.TASKS}
    assert {variant for *_, variant in cells} == {
        "PyTorch fp32",
        *(f"{runtime} {precision}" for runtime in ("ONNX Runtime", "OpenVINO") for precision in ("fp32", "int8")),
        "OpenVINO int8+bf16",
    }


@each_table
def test_a_table_is_whole(table):
    found = READ[table.name]()
    assert list(found.columns) == table.columns()
    bounds = [name for name in found.columns if name.startswith(("low", "high", "difference"))]
    assert not found.drop(columns=bounds).isna().any().any()
    names = table.columns()[: len(table.cells()[0])]
    assert set(found[names].itertuples(index=False, name=None)) == set(table.cells())
    assert not found.duplicated([*names, "metric"]).any()
    assert found["value"].between(0, 100).all()
    own = found["metric"] == found["task"].map({task.name: task.score_metric for task in su.TASKS})
    assert (found[own]["low"] <= found[own]["value"]).all()
    assert (found[own]["value"] <= found[own]["high"]).all()
    assert found[~own][bounds].isna().all().all() and not found[own][bounds].isna().any().any()


def test_differences_of_int8_are_those_of_the_scores():
    found = su.measured_int8()
    found = found[found["difference"].notna()]
    fp32 = found[found["variant"] == "PyTorch fp32"].set_index(["system", "task", "seed"])
    for row in found.itertuples():
        of = fp32.loc[(row.system, row.task, row.seed)]
        assert row.difference == pytest.approx(row.value - of["value"], abs=2e-4)
        assert row.difference_low <= row.difference <= row.difference_high
    exact = found[found["variant"].str.endswith("fp32")]
    assert exact["difference"].abs().max() < 0.15  # a tie in an argmax, at most
    trained = su.measured_results().set_index(["system", "task", "seed", "metric"])["value"]
    known = fp32.reset_index().set_index(["system", "task", "seed", "metric"])["value"]
    assert known.to_dict() == pytest.approx(trained[known.index].to_dict(), abs=1e-4)


def test_int8_loses_little():
    """At most half a point on each kind of task, mean over systems and seeds."""
    found = int8_differences()
    assert len(found) == 3 * 4 * 5 and (found["seeds"] == len(SEEDS)).all()
    small = found[found["variant"].str.contains("int8")]
    assert ((small["low"] < small["points"]) & (small["points"] < small["high"])).all()
    means = small.groupby(["task", "variant"])["points"].mean()
    assert (means > -0.5).all(), means
    rows = su.measured_int8().query("system == 'ALBETO tiny' and task == 'mlqa' and variant == 'OpenVINO int8'")
    own = small.query("system == 'ALBETO tiny' and task == 'mlqa' and variant == 'OpenVINO int8'")["points"].item()
    assert own == pytest.approx(rows.loc[rows["metric"] == "f1", "difference"].mean())


@each_table
def test_a_table_says_where_it_comes_from_and_is_of_this_code(table):
    """Data, weights, settings and ways are those in the repository; versions and machine are what they were."""
    record = su.measured_record(table.name.removeprefix("mini_"))
    now = json.loads(json.dumps(table.conditions()))
    assert {"scale", "date", "machine", "versions", "threads"} <= set(record)
    assert {name: record[name] for name in now if name != "versions"} == {
        name: now[name] for name in now if name != "versions"
    }


@each_table
def test_cells_drawn_at_random_come_out_the_same(table, tmp_path):
    """To the last digit where versions and processor are the same; elsewhere as near as another seed comes."""
    record = su.measured_record(table.name.removeprefix("mini_"))
    found = READ[table.name]()
    same = record["versions"] == table.conditions()["versions"] and record["machine"]["processor"] == processor()
    quick = [cell for cell in table.cells() if cell[0] in ("ALBETO tiny", "ALBETO base-2") and cell[1] == "ner"]
    slow = "longer", "PyTorch fp32"
    for cell in random.Random(7).sample([cell for cell in quick if cell[-1] not in slow], 2):
        scored = table.measure(cell, tmp_path)
        metric = su.get_task(cell[1]).score_metric
        rows = found[found["metric"] == metric]
        shipped = next(row for row in rows.to_dict("records") if tuple(row.values())[: len(cell)] == cell)
        if same:
            assert scored.metrics[metric] == pytest.approx(shipped["value"], abs=1e-4)
        else:
            assert shipped["low"] - 3 < scored.metrics[metric] < shipped["high"] + 3


def test_a_share_of_the_examples():
    """The same part each time; with the others it is all of them, and what is held out stays."""
    whole = su.load_task("ner", report=None)
    few, others = share("ner", 1 / 4)
    assert len(few["train"]) == 500 and len(others) == 1500
    assert few["train"].to_list() == share("ner", 1 / 4)[0]["train"].to_list()
    both = [str(row) for part in (few["train"], others) for row in part]
    assert sorted(both) == sorted(str(row) for row in whole["train"])
    assert [len(few[split]) for split in ("validation", "test")] == [250, 500]
    everything, nothing = share("ner", 1.0)
    assert everything["train"].to_list() == whole["train"].to_list() and len(nothing) == 0


def test_all_ways_take_the_same_number_of_steps(monkeypatch):
    """Counted in batches of 16 over all epochs; "longer" takes four times as many."""
    steps = {}

    def note(name):
        def train(student, *teacher_and_task, data, epochs, transfer=None, **_):
            read = len(data["train"]) + (0 if transfer is None else len(transfer))
            steps[name] = epochs * -(-read // 16)

        return train

    monkeypatch.setattr("speedy_utils.evaluation.evaluate", lambda run: run)
    for name in WAYS:
        monkeypatch.setattr("speedy_utils.distillation.trainer.distill", note(name))
        monkeypatch.setattr("speedy_utils.training.fine_tune", note(name))
        measure_way("ALBETO tiny", "ner", 1, name, teacher="a folder")
    wanted = 4 * 125
    assert set(steps) == set(WAYS)
    for name, taken in steps.items():
        assert taken == pytest.approx(wanted * WAYS[name].longer, rel=0.03), name


def test_means_over_seeds():
    table = summarise(su.measured_results())
    assert (table["runs"] == len(SEEDS)).all()
    one = su.measured_results().query("system == 'ALBETO tiny' and task == 'ner' and metric == 'f1'")["value"]
    row = table[(table["system"] == "ALBETO tiny") & (table["task"] == "ner")].iloc[0]
    assert row["mean"] == pytest.approx(one.mean())
    assert row["sd"] == pytest.approx(one.std())
    assert table["task"].drop_duplicates().tolist() == [task.name for task in su.TASKS]


def test_without_its_file_the_table_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("speedy_utils.results.files", lambda _: tmp_path)
    for call in (su.measured_results, su.measured_study, su.measured_int8, su.measured_record):
        with pytest.raises(FileNotFoundError, match=r"make it with `make results`\.$"):
            call()


def test_a_finished_cell_is_not_measured_again(monkeypatch, tmp_path, capsys):
    asked = []

    class Pool:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def submit(self, _, table, cell):
            asked.append(cell)
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "STORE", tmp_path)
    monkeypatch.setattr(results, "ProcessPoolExecutor", Pool)
    first, second, *_ = FINE_TUNED.cells()
    with pytest.raises(KeyboardInterrupt):
        results.measure_all(FINE_TUNED, 1)
    FINE_TUNED.store.mkdir()
    results._place(FINE_TUNED.store, first).write_text('{"rows": [], "seconds": 1}')
    with pytest.raises(KeyboardInterrupt):
        results.measure_all(FINE_TUNED, 1)
    assert asked == [first, second]
    assert "1 cells are there" in capsys.readouterr().out


def test_other_conditions_are_kept_apart():
    other = replace(FINE_TUNED, conditions=lambda: {"settings": "others"})
    assert len({table.store for table in (*results.TABLES, other)}) == 4


def test_differences_between_ways():
    scores = study_scores()
    taught, gold = (
        scores[(scores["system"] == "ALBETO base-4") & (scores["task"] == "mlqa") & (scores["way"] == way)]
        for way in (TAUGHT, GOLD)
    )
    assert len(taught) == len(gold) == len(SEEDS)
    found = study_differences(TAUGHT, GOLD)
    assert len(found) == len(STUDENTS) * len(su.TASKS)
    row = found[(found["system"] == "ALBETO base-4") & (found["task"] == "mlqa")].iloc[0]
    assert row["points"] == pytest.approx(taught["value"].mean() - gold["value"].mean())
    assert row["low"] < row["points"] < row["high"]
    back = study_differences(GOLD, TAUGHT)
    assert back["points"].tolist() == pytest.approx((-found["points"]).tolist())
    assert len(study_differences("quarter, text", "quarter, gold")) == len(STUDY_TASKS)
    with pytest.raises(ValueError, match="Unknown way 'gilded'"):
        study_differences("gilded", GOLD)


# The paper's table of one's own runs, from run folders written by hand


def write_run(store, system, task, value, seed=1, split="test", loss=0.5, examples=100, **more):
    """The two files of a run that a report reads; `more`: route, layers, source, data, learning_rate."""
    route, layers, source = more.get("route", "fine-tuning"), more.get("layers"), more.get("source", "mini")
    depth = f" with {layers} layer{'s' if layers > 1 else ''}" if layers else ""
    name = f"{system}{depth}{' (mini)' if source == 'mini' else ''}"
    taught = route == "distillation"
    settings = {"seed": seed, "learning_rate": more.get("learning_rate", 1e-3), "distillation": None}
    identity = {"system": system, "source": source, "revision": None, "task": task, "settings": settings}
    identity["data"] = {"train": more.get("data", "a"), "validation": more.get("data", "a")}
    if taught:
        settings["distillation"] = {"loss": "kl", "temperature": 1.0, "gold_weight": 0.0}
        # Each seed may have had a teacher of its own: it counts by its name.
        identity |= {"layers": layers, "teachers": [{"name": "BETO cased (mini)", "weights": f"of seed {seed}"}]}
    metric = su.get_task(task).score_metric
    record = {
        "identity": identity, "system": name, "settings": settings, "examples": {"train": 10, "validation": 5},
        "selected_by": "distillation_loss" if taught else "loss",
        "validation": {"loss": loss, **({"distillation_loss": loss} if taught else {}), metric: 50.0},
    }  # fmt: skip
    folder = store / f"{name}-{task}-{route}-{seed}-{settings['learning_rate']}-{more.get('data', 'a')}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))
    answer = {"split": split, "metrics": {metric: value, "other": 1.0}, "interval": None, "examples": examples}
    (folder / f"evaluation-{split}.json").write_text(json.dumps(answer))


@pytest.fixture
def store(tmp_path):
    """Three systems, one of them by two routes: all tasks of the first, some of the others."""
    store = tmp_path / "store"
    for number, task in enumerate(su.TASKS):
        write_run(store, "ALBETO tiny", task.name, 60.0 + number, seed=1)
        write_run(store, "ALBETO tiny", task.name, 64.013 + number, seed=2)
    for task, value in (("ner", 70.0), ("pos", 90.0)):
        write_run(store, "BETO cased", task, value)
        write_run(store, "ALBETO tiny", task, value - 8, route="distillation")
        write_run(store, "ALBETO base", task, value - 5, route="distillation", layers=3)
        write_run(store, "ALBETO base", task, value - 7, route="distillation", layers=1)
    return store


def test_the_papers_table_of_runs(store):
    table = paper_table(collect_runs([store]))
    named = list(zip(table["system"], table["route"], strict=True))
    assert named == [
        ("BETO cased (mini)", "fine-tuning"),
        ("ALBETO tiny (mini)", "fine-tuning"),
        ("ALBETO tiny (mini)", "distillation"),
        ("ALBETO base with 1 layer (mini)", "distillation"),
        ("ALBETO base with 3 layers (mini)", "distillation"),
    ]
    beto, tiny, taught, shallow, deeper = (row for _, row in table.iterrows())
    # 60 and 64.013 for the first task: mean 62.0065, deviation 4.013 / sqrt(2). The others are 1 to 7 points higher.
    assert tiny["mldoc"] == pytest.approx(62.0065) and tiny["tar"] == pytest.approx(69.0065)
    assert tiny["mldoc_sd"] == pytest.approx(2.837620, abs=1e-6) and tiny["mldoc_seeds"] == 2
    assert tiny["score"] == 65.50  # 62.0065 + 28 / 8, cut
    assert table["score"].notna().tolist() == [False, True, False, False, False]
    assert (taught["ner"], taught["pos"], taught["ner_seeds"], taught["mldoc_seeds"]) == (62.0, 82.0, 1, 0)
    assert taught[["mldoc", "mldoc_sd", "ner_sd"]].isna().all()
    # Operations of the paper's count. A stand-in has half of the depth: its 3 layers stand for ALBETO base-6.
    assert (beto["speedup"], tiny["speedup"], taught["speedup"]) == (
        1.0,
        pytest.approx(18.00, abs=0.005),
        tiny["speedup"],
    )
    six, two = (su.count_macs(f"ALBETO base-{n}", attention_products=False) for n in (6, 2))
    whole = su.count_macs("BETO cased", attention_products=False)
    assert (deeper["speedup"], shallow["speedup"]) == (pytest.approx(whole / six), pytest.approx(whole / two))


def test_layers_of_a_real_model_are_taken_as_they_are(tmp_path):
    write_run(tmp_path, "ALBETO base", "ner", 50.0, route="distillation", layers=4, source="hub")
    write_run(tmp_path, "mi modelo", "ner", 50.0, source=None)
    runs = collect_runs([tmp_path])
    four = su.count_macs("BETO cased", attention_products=False) / su.count_macs(
        "ALBETO base-4", attention_products=False
    )
    assert paper_table(runs[runs["source"] == "hub"])["speedup"].tolist() == [pytest.approx(four)]
    own = paper_table(runs[runs["source"] != "hub"])
    assert own["speedup"].isna().all()
    with pytest.raises(ValueError, match="mi modelo is no system of the paper, so its operations are not known"):
        measured_frontier(own)
    with pytest.raises(ValueError, match="compares figures of the hub's models and encoders of one's own"):
        paper_table(runs)


def test_the_table_as_it_is_read(store, capsys):
    words = table_in_words(paper_table(collect_runs([store])))
    assert words["MLDoc"].tolist() == ["–", "62.01 ± 2.84", "–", "–", "–"]
    assert words["NER"].tolist() == ["70.00", "66.01 ± 2.84", "62.00", "63.00", "65.00"]
    assert words["Score"].tolist() == ["–", "65.50", "–", "–", "–"]
    assert words["Speedup"].tolist()[:2] == ["1.00×", "18.00×"]
    assert main(["report", str(store), "--table"]) == 0
    first, heads, *lines = capsys.readouterr().out.splitlines()
    assert first == "Test figures in per cent, measured, mini, 1 to 2 seeds: mean over the seeds ± standard deviation."
    titles = " ".join(task.title for task in su.TASKS)
    assert " ".join(heads.split()) == f"System Route {titles} Speedup Score"
    assert [line.split()[:2] for line in lines] == [
        ["BETO", "cased"],
        *[["ALBETO", n] for n in ("tiny", "tiny", "base", "base")],
    ]
    assert "distilled" in lines[2] and "62.00" in lines[2] and "±" not in lines[2]
    assert main(["report", str(store), "--table", "--json"]) == 0

    def none(name):
        raise AssertionError(f"JSON has no {name}")

    rows = json.loads(capsys.readouterr().out, parse_constant=none)
    assert len(rows) == 5 and rows[0]["mldoc"] is None and rows[0]["ner"] == 70.0
    assert rows[1]["score"] == 65.5 and rows[1]["ner_seeds"] == 2


def test_the_measured_frontier(store, tmp_path, capsys):
    figure = measured_frontier(paper_table(collect_runs([store])))
    assert figure.table["system"].tolist()[-2:] == ["ALBETO base with 1 layer", "ALBETO base with 3 layers"]
    # The mean of NER and POS, the only tasks that all have; ALBETO tiny, fine-tuned: of 66.0065 and 65.0065, rounded.
    assert figure.table["score"].tolist() == [80.0, 65.51, 72.0, 73.0, 75.0]
    assert "measured, mini, 1 to 2 seeds; mean of POS and NER" in figure.alt
    assert not any(word in figure.alt for word in ("published", "82.06"))
    for name, start in (("frontier.svg", b"<?xml"), ("frontier.png", b"\x89PNG")):
        assert main(["report", str(store), "--figure", str(tmp_path / name)]) == 0
        assert capsys.readouterr().out == f"The figure is in {tmp_path / name}.\n"
        assert (tmp_path / name).read_bytes().startswith(start)
    assert "POS and NER" in ET.parse(tmp_path / "frontier.svg").getroot()[0].text
    before = (tmp_path / "frontier.svg").read_bytes()
    assert main(["report", str(store), "--table", "--json", "--figure", str(tmp_path / "frontier.svg")]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 5
    assert (tmp_path / "frontier.svg").read_bytes() == before


def test_a_frontier_of_all_tasks_says_so_and_of_one_system_is_drawn(store, tmp_path):
    runs = collect_runs([store])
    figure = measured_frontier(paper_table(runs[runs["route"].eq("fine-tuning") & runs["system"].str.contains("tiny")]))
    assert "measured, mini, 2 seeds; mean of all 8 tasks" in figure.alt
    assert figure.alt.endswith("The Pareto frontier is ALBETO tiny (18×, 65.5) alone.")
    assert figure.table["score"].tolist() == [65.5]
    assert figure.save(tmp_path / "one.svg").stat().st_size > 5000


def two_seeds_two_settings(store):
    write_run(store, "BETO cased", "ner", 71.0, seed=2, learning_rate=2e-3)


def one_seed_two_settings(store):
    write_run(store, "BETO cased", "ner", 71.0, learning_rate=2e-3)


def other_data(store):
    write_run(store, "BETO cased", "ner", 71.0, seed=2, data="b")


def other_test_set(store):
    write_run(store, "BETO uncased", "ner", 71.0, examples=99)


def another_scale(store):
    write_run(store, "BETO uncased", "ner", 71.0, source="hub")


def nothing_shared(store):
    write_run(store, "BETO uncased", "xnli", 71.0)


def not_scored(store):
    for path in store.glob("*/evaluation-test.json"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (not_scored, "There are no test figures in these runs"),
        (one_seed_two_settings, "There are two runs of BETO cased (mini) on ner with seed 1"),
        (two_seeds_two_settings, "BETO cased (mini) on ner have different settings from seed to seed"),
        (other_data, "BETO cased (mini) on ner have different data from seed to seed"),
        (other_test_set, "The runs on ner were scored on test sets of 99 and 100 examples"),
        (another_scale, "No table compares figures of mini and the hub's models"),
        (nothing_shared, "These systems share no task"),
        (lambda _: None, "end the name in .svg, .png or .pdf"),
    ],
)
def test_what_makes_no_table_is_one_sentence(store, tmp_path, capsys, spoil, sentence):
    spoil(store)
    name = "out.gif" if sentence.startswith("end the name") else "out.svg"
    assert main(["report", str(store), "--table", "--figure", str(tmp_path / name)]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert sentence in err
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_of_several_settings_the_best_by_validation_enters(store, capsys):
    write_run(store, "BETO cased", "ner", 99.0, learning_rate=2e-3, loss=0.6)
    write_run(store, "BETO cased", "ner", 71.0, learning_rate=3e-3, loss=0.4)
    write_run(store, "BETO cased", "ner", 73.0, seed=2, learning_rate=2e-3)
    table = paper_table(best_runs(collect_runs([store])))
    assert table.loc[0, ["ner", "ner_seeds"]].tolist() == [72.0, 2]  # 71 for seed 1, 73 for seed 2
    assert main(["report", str(store), "--table", "--best"]) == 0
    assert "72.00 ± 1.41" in capsys.readouterr().out
    write_run(store, "BETO cased", "ner", 71.0, learning_rate=4e-3, data="b")
    with pytest.raises(ValueError, match=r"with seed 1 have different data: report"):
        best_runs(collect_runs([store]))


def test_what_a_killed_run_left_half_written_is_no_run(store):
    before = collect_runs([store])
    some = next(store.glob("*/run.json")).parent
    some.rename(hidden := store / f".{some.name}.x1y2z3")
    assert len(collect_runs([store])) < len(before)
    hidden.rename(store / f"{some.name}.unfinished")
    assert len(collect_runs([store])) < len(before)


def test_routes_are_summed_up_apart(store):
    rows = summarise(collect_runs([store])).query(
        "split == 'test' and task == 'ner' and system == 'ALBETO tiny (mini)'"
    )
    assert dict(rows[["route", "runs"]].values.tolist()) == {"fine-tuning": 2, "distillation": 1}
