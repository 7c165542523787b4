"""The paper's tables, and what follows from them."""

import pandas as pd
import pytest

import speedy_utils as su


def test_all_figures_are_there():
    results = su.published_results()
    assert list(results.columns) == ["system", "route", "task", "metric", "value"]
    assert len(results) == 17 * (8 + 3)
    assert not results.duplicated(["system", "route", "task", "metric"]).any()
    for system in su.SYSTEMS:
        own = results[(results["system"] == system.name) & (results["route"] == system.route)]
        expected = [(task.name, metric) for task in su.TASKS for metric in task.metrics]
        assert list(zip(own["task"], own["metric"], strict=True)) == expected


def test_a_few_figures_read_off_the_paper():
    results = su.published_results().set_index(["system", "route", "task", "metric"])["value"]
    assert results["BETO uncased", "fine-tuning", "mldoc", "accuracy"] == 96.38
    assert results["RoBERTa BNE large", "fine-tuning", "ner", "f1"] == 21.47
    assert results["ALBETO tiny", "distillation", "ner", "f1"] == 72.51
    assert results["ALBETO base-10", "distillation", "tar", "exact_match"] == 56.21
    assert results["ALBETO xxlarge", "fine-tuning", "mlqa", "f1"] == 70.17


def test_all_17_scores_follow_to_the_last_digit():
    pd.testing.assert_frame_equal(
        su.score(su.published_results()), su.published_summary()[["system", "route", "score"]]
    )


def test_rounding_would_not_give_them():
    results = su.published_results()
    means = results[results["metric"] != "exact_match"].groupby(["system", "route"], sort=False)["value"].mean()
    assert (means.round(2).to_numpy() != su.published_summary()["score"].to_numpy()).any()


def test_the_speedup_column_is_a_ratio_of_cut_figures():
    giga = {s.label: su.cut(su.count_macs(s, attention_products=False) / 1e9) for s in su.SYSTEMS}
    ratios = [su.cut(giga["BETO cased"] / value) for value in giga.values()]
    assert ratios == su.published_summary()["speedup"].tolist()


def test_published_parameters_are_ours_in_millions():
    millions = [round(su.count_parameters(system) / 1e6) for system in su.SYSTEMS]
    assert millions == su.published_summary()["parameters_millions"].tolist()


def test_the_authors_timings():
    frame = su.authors_speed()
    assert len(frame) == 741
    assert set(frame["system"]) >= {system.name for system in su.SYSTEMS}
    assert frame["system"].notna().all()
    assert set(frame["machine"]) == {"RTX 2080", "RTX 3090", "cpu A", "cpu B"}
    setting_b = set(frame.loc[frame["machine"] == "cpu B", "system"])
    assert setting_b == {f"ALBETO base-{n}" for n in (2, 4, 6, 8, 10)} | {f"ALBETO tiny-{n}" for n in (6, 8, 12)}
    parameters = {name: su.count_parameters(system) for name, system in su.authors_systems().items()}
    assert (frame["parameters"] == frame["system"].map(parameters)).all()


def test_each_task_has_a_test_set():
    sizes = su.published_test_sizes()
    assert sizes["task"].tolist() == [task.name for task in su.TASKS]
    assert sizes.set_index("task")["examples"].to_dict() == {
        **{"mldoc": 4000, "pawsx": 2000, "xnli": 5010, "pos": 1721, "ner": 1517},
        **{"mlqa": 5253, "sqac": 1910, "tar": 1190},
    }


def test_the_authors_study_of_teachers():
    frame = su.authors_teacher_study()
    assert list(frame.columns) == [
        *("student", "teacher", "learning_rate", "loss", "epochs", "validation_loss", "validation_accuracy")
    ]
    assert len(frame) == 180
    assert not frame.isna().any().any()
    assert not frame.duplicated(["student", "teacher", "learning_rate", "loss"]).any()
    deep = {f"ALBETO base-{n}": 24 for n in (2, 4, 6, 8, 10)}
    assert frame["student"].value_counts().to_dict() == {"ALBETO tiny": 30, "ALBETO base": 30, **deep}
    four = dict.fromkeys(["ALBETO base", "ALBETO xxlarge", "BETO cased", "RoBERTa BNE large"], 42)
    assert frame["teacher"].value_counts().to_dict() == {**four, "DistilBETO": 12}
    assert frame["loss"].value_counts().to_dict() == dict.fromkeys(["kl", "soft_cross_entropy", "mse"], 60)
    assert set(frame["learning_rate"]) == {5e-5, 1e-4}
    assert frame["validation_accuracy"].between(57.65, 91.15).all()  # per cent
    collapsed = frame[frame["validation_accuracy"] == 57.65]
    assert len(collapsed) == 13
    assert set(collapsed["learning_rate"]) == {1e-4}
    assert frame["epochs"].between(12, 50).all()


def test_a_run_of_the_study_as_the_authors_file_has_it():
    frame = su.authors_teacher_study().set_index(["student", "teacher", "learning_rate", "loss"])
    run = frame.loc[("ALBETO tiny", "RoBERTa BNE large", 1e-4, "kl")]
    assert run["validation_accuracy"] == 84.55
    assert run["validation_loss"] == 0.3838
    assert run["epochs"] == 36


def test_the_authors_best_runs():
    frame = su.authors_best_runs()
    assert len(frame) == 56
    assert not frame.isna().any().any()
    students = {"ALBETO tiny", "ALBETO base", *(f"ALBETO base-{n}" for n in (2, 4, 6, 8, 10))}
    assert set(zip(frame["student"], frame["task"], strict=True)) == {(s, t.name) for s in students for t in su.TASKS}
    assert (frame["teacher"] == frame["task"].map(su.TEACHERS)).all()
    assert (frame["metric"] == frame["task"].map({task.name: task.score_metric for task in su.TASKS})).all()
    assert frame["value"].between(46, 99).all()  # per cent everywhere
    assert set(frame["loss"]) == {"kl"}
    assert set(frame["gold_weight"]) == {0}
    assert set(frame["temperature"]) == {1}
    cells = frame.set_index(["student", "task"])
    assert cells.loc[("ALBETO tiny", "ner"), "value"] == pytest.approx(72.19)
    assert cells.loc[("ALBETO base", "sqac"), "value"] == pytest.approx(78.9825)
    assert cells.loc[("ALBETO base", "xnli"), "seconds"] == 60464


def test_the_hours_of_the_grids_hold_those_of_the_best_runs():
    assert list(su.DISTILLATION_HOURS) == [task.name for task in su.TASKS]
    assert round(sum(su.DISTILLATION_HOURS.values()), -1) == 1080
    best = su.authors_best_runs().groupby("task")["seconds"].sum() / 3600
    for task, hours in su.DISTILLATION_HOURS.items():
        assert 3 < hours / best[task] < 8  # six runs a grid, each about as long as its best


@pytest.mark.parametrize(
    ("call", "column"),
    [
        *((call, "system") for call in (su.published_results, su.published_summary, su.authors_speed)),
        *((call, "student") for call in (su.authors_teacher_study, su.authors_best_runs)),
    ],
)
def test_a_frame_is_the_callers_own(call, column):
    frame = call()
    frame[column] = "changed"
    assert "changed" not in set(call()[column])
