"""The measured table: whole, with its origin, and the same when cells are run again."""

import random

import pytest
from repository import load_tool

import speedy_utils as su
from speedy_utils.results import COLUMNS, MEASURED, SEEDS, summarise

results = load_tool("results")


def test_the_table_is_whole():
    table = su.measured_results()
    assert list(table.columns) == COLUMNS
    assert not table[["system", "task", "seed", "metric", "value"]].isna().any().any()
    cells = set(table[["system", "task", "seed"]].itertuples(index=False, name=None))
    assert cells == {(system, task.name, seed) for system in MEASURED for task in su.TASKS for seed in SEEDS}
    assert not table.duplicated(["system", "task", "seed", "metric"]).any()
    assert table["value"].between(0, 100).all()
    own = table["metric"] == table["task"].map({task.name: task.score_metric for task in su.TASKS})
    assert (table[own]["low"] <= table[own]["value"]).all()
    assert (table[own]["value"] <= table[own]["high"]).all()
    assert table[~own][["low", "high"]].isna().all().all()


def test_the_table_says_where_it_comes_from_and_is_of_this_code():
    """Data, weights and settings are those in the repository; versions and machine are what they were."""
    record, now = su.measured_record(), results.conditions()
    assert {"scale", "date", "machine", "versions", "threads"} <= set(record)
    assert record["data_and_weights"] == now["data_and_weights"]
    assert record["settings"] == now["settings"]


def test_cells_drawn_at_random_come_out_the_same():
    """To the last digit where versions and processor are the same; elsewhere as near as another seed comes."""
    record, table = su.measured_record(), su.measured_results()
    same = record["versions"] == results.conditions()["versions"] and record["machine"]["processor"] == (
        results._processor()
    )
    quick = [cell for cell in results.cells() if cell[0] in ("ALBETO tiny", "ALBETO base-2") and cell[1] != "xnli"]
    for system, task, seed in random.Random(7).sample(quick, 2):
        found = su.measure(system, task, seed)
        metric = su.get_task(task).score_metric
        cell = table[(table["system"] == system) & (table["task"] == task) & (table["metric"] == metric)]
        shipped = cell[cell["seed"] == seed].iloc[0]
        if same:
            assert found.metrics[metric] == pytest.approx(shipped["value"], abs=1e-4)
        else:
            assert shipped["low"] - 3 < found.metrics[metric] < shipped["high"] + 3


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
    for call in (su.measured_results, su.measured_record):
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

        def submit(self, _, cell):
            asked.append(cell)
            raise KeyboardInterrupt

    monkeypatch.setattr(results, "STORE", tmp_path)
    monkeypatch.setattr(results, "ProcessPoolExecutor", Pool)
    first, second, *_ = results.cells()
    with pytest.raises(KeyboardInterrupt):
        results.measure_all(1)
    store = tmp_path / results.key()
    store.mkdir(exist_ok=True)
    results._place(store, first).write_text('{"rows": [], "seconds": 1}')
    with pytest.raises(KeyboardInterrupt):
        results.measure_all(1)
    assert asked == [first, second]
    assert "1 cells are there" in capsys.readouterr().out


def test_other_conditions_are_kept_apart(monkeypatch):
    before = results.key()
    monkeypatch.setattr(results, "conditions", lambda: {"settings": "others"})
    assert results.key() != before
