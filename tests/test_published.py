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


@pytest.mark.parametrize("call", [su.published_results, su.published_summary, su.authors_speed])
def test_a_frame_is_the_callers_own(call):
    frame = call()
    frame["system"] = "changed"
    assert "changed" not in set(call()["system"])
