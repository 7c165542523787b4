"""The measured table: whole, with its origin, and the same when cells are run again."""

import json
import random
from dataclasses import replace

import pytest
from repository import load_tool

import speedy_utils as su
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
from speedy_utils.results import MEASURED, SEEDS, summarise

results = load_tool("results")


FINE_TUNED, STUDY = results.TABLES
READ = {"mini_results": su.measured_results, "mini_study": su.measured_study}
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


@each_table
def test_a_table_is_whole(table):
    found = READ[table.name]()
    assert list(found.columns) == table.columns()
    assert not found.drop(columns=["low", "high"]).isna().any().any()
    names = table.columns()[: len(table.cells()[0])]
    assert set(found[names].itertuples(index=False, name=None)) == set(table.cells())
    assert not found.duplicated([*names, "metric"]).any()
    assert found["value"].between(0, 100).all()
    own = found["metric"] == found["task"].map({task.name: task.score_metric for task in su.TASKS})
    assert (found[own]["low"] <= found[own]["value"]).all()
    assert (found[own]["value"] <= found[own]["high"]).all()
    assert found[~own][["low", "high"]].isna().all().all()


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
    same = record["versions"] == results.conditions()["versions"] and record["machine"]["processor"] == (
        results._processor()
    )
    quick = [cell for cell in table.cells() if cell[0] in ("ALBETO tiny", "ALBETO base-2") and cell[1] == "ner"]
    for cell in random.Random(7).sample([cell for cell in quick if "longer" not in cell[-1:]], 2):
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
    for call in (su.measured_results, su.measured_study, su.measured_record):
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
    assert len({table.store for table in (*results.TABLES, other)}) == 3


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
