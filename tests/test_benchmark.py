"""Systems in their real sizes, in every variant: what is compared, and with what."""

import json

import pytest

import speedy_utils as su
from speedy_utils.cli import main
from speedy_utils.speed.benchmark import VARIANTS, benchmark, random_encoder


@pytest.mark.parametrize("system", ["BETO cased", "DistilBETO", "ALBETO base-4", "RoBERTa BNE base"])
def test_real_sizes_with_random_weights(system):
    encoder = random_encoder(system, "ner", layers=1)
    assert encoder.model.config.hidden_size == su.get_system(system).architecture.hidden
    assert encoder.model.config.num_labels == 9
    again = random_encoder(system, "ner", layers=1).model.state_dict()
    assert all((value == again[name]).all() for name, value in encoder.model.state_dict().items())


def test_every_variant_of_a_system():
    found = benchmark(["ALBETO tiny"], "ner", lengths=(8, 12), batch_sizes=(1, 2), rounds=2, seconds=0)
    assert found[["variant", "batch_size", "length"]].drop_duplicates().shape[0] == len(VARIANTS) * 4 == len(found)
    first = found[found["variant"] == "PyTorch fp32"]
    assert (first["times_as_fast"] == 1).all()
    assert (found["rounds"] >= 2).all() and (found["p50_ms"] > 0).all()
    assert found.attrs["threads"] == 1 and found.attrs["weights"] == "random"
    size = found.drop_duplicates("variant").set_index("variant")["size_mb"]
    assert size["PyTorch fp32"] == pytest.approx(
        4 * su.count_parameters("ALBETO tiny") / 1e6, rel=0.03
    )  # no pooler here
    for runtime in ("ONNX Runtime", "OpenVINO"):  # the weights, and some description of the network
        assert 1 < size[f"{runtime} fp32"] / size["PyTorch fp32"] < 1.1
        assert 0.2 < size[f"{runtime} int8"] / size["PyTorch fp32"] < 0.4


def test_the_shell(capsys):
    call = ["benchmark", "ALBETO tiny", "--variants", "PyTorch fp32", "ONNX Runtime fp32", "--lengths", "8"]
    assert main([*call, "--rounds", "2"]) == 0
    shown = capsys.readouterr().out
    assert "ONNX Runtime fp32" in shown and "random weights" in shown
    assert main([*call, "--rounds", "2", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["variant"] for row in answer["rows"]] == ["PyTorch fp32", "ONNX Runtime fp32"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["ALBETO tyni"], "Unknown system 'ALBETO tyni'"),
        (["ALBETO tiny", "--variants", "TensorRT"], "Unknown variant 'TensorRT'"),
        (["ALBETO tiny", "--lengths", "0"], "length must be a whole number of at least 1"),
        (["ALBETO tiny", "--lengths", "513"], "ALBETO tiny"),
    ],
)
def test_what_cannot_be_compared(call, sentence, capsys):
    assert main(["benchmark", *call]) == 1
    assert sentence in capsys.readouterr().err
