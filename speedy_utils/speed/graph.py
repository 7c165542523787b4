"""An encoder as an ONNX graph, operation by operation: fewer of them than in its own code, and the same numbers.

What a model's code does for training and for every kind of input is left out or joined where the result stays:

- the scale 1/√d stands in the weights of the queries;
- queries, keys and values are made apart, each in the order of axes in which it is used: one product for all three is
  as fast, but taking it apart again costs OpenVINO a tenth of ALBETO tiny's time;
- the table of positions and the first token type are added up beforehand;
- a batch holds inputs of one length, so that there is nothing to mask;
- a classifier looks at the first token alone, so the last layer makes only keys and values of the others;
- weights stand as (inputs, outputs), as a matrix product wants them: quantisers overlook what is transposed first;
- ALBERT's layer is stored once, and applied as often as it should.

The parts of the network that a quantiser can change have names: "words", the table of word vectors; and the matrix
products "embeddings/projection"; in each layer from "layer0" on "queries", "keys", "values", "scores" (queries with
keys), "reading" (shares with values), "output", "widen" and "narrow"; "head/pooler" and "head/labels".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx
    from torch import nn
    from transformers import PreTrainedModel

OPSET = 20  # the first with Gelu


def encoder_graph(model: PreTrainedModel, kind: str, pairs: bool) -> onnx.ModelProto:
    """A BERT, RoBERTa, DistilBERT or ALBERT with the head for a kind of task, in fp32.

    Inputs: `input_ids` of shape (batch, length) without padding and, where the model tells the texts of a pair apart,
    `token_type_ids` of the same shape. Output: `logits`, (batch, labels) for classification, (batch, length, labels)
    for tagging, (batch, length, 2) for the starts and ends of answers. Raises ValueError for another family.
    """
    from onnx import TensorProto, helper

    config, base = model.config, model.base_model
    family = config.model_type
    if family not in _LAYERS:
        raise ValueError(f"A model of the family {family!r} cannot be exported: {', '.join(_LAYERS)} can.")
    g = _Graph()
    embeddings = base.embeddings
    types = getattr(embeddings, "token_type_embeddings", None)
    typed = pairs and types is not None and types.num_embeddings > 1

    # RoBERTa's first position is pad_token_id + 1.
    positions = _array(embeddings.position_embeddings.weight)[config.pad_token_id + 1 if family == "roberta" else 0 :]
    if types is not None:
        positions = positions + _array(types.weight)[0]
    hidden = g.add(
        "Gather", g.weight("words.weight", _array(embeddings.word_embeddings.weight)), "input_ids", name=WORDS
    )
    length = g.add("Shape", "input_ids", start=1, end=2)
    hidden = g.add("Add", hidden, g.add("Slice", g.weight("positions", positions), g.numbers(0), length))
    if typed:
        second = g.weight("second_type", _array(types.weight)[1] - _array(types.weight)[0])
        here = g.add("Unsqueeze", g.add("Cast", "token_type_ids", to=TensorProto.FLOAT), g.numbers(-1))
        hidden = g.add("Add", hidden, g.add("Mul", here, second))
    hidden = g.normalise("embeddings", embeddings.LayerNorm, hidden)
    if family == "albert":
        hidden = g.product("embeddings/projection", base.encoder.embedding_hidden_mapping_in, hidden)
    layers = _LAYERS[family](model)
    for depth in range(config.num_hidden_layers):
        first_only = kind == "classification" and depth == config.num_hidden_layers - 1
        place = depth % len(layers)
        hidden = _add_layer(g, f"layer{depth}", f"layer{place}", layers[place], hidden, first_only)
    if kind == "classification":
        hidden = g.add("Squeeze", hidden, g.numbers(1))
    *inner, last = _head(model, kind)
    for part in inner:
        hidden = g.add(part, hidden) if isinstance(part, str) else g.product("head/pooler", part, hidden)
    g.product("head/labels", last, hidden)
    g.nodes[-1].output[0] = "logits"

    names = ["input_ids", "token_type_ids"][: 1 + typed]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in names]
    shape = ["batch", *(["length"] if kind != "classification" else []), g.width_of_last]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)]
    made = helper.make_graph(g.nodes, "encoder", inputs, outputs)
    whole = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    whole.graph.initializer.extend(g.weights.values())  # last: make_model copies what it is given
    return whole


WORDS = "words"
# What one part of every layer is called, and what stands before and behind the layers.
PARTS = (WORDS, "embeddings", "queries", "keys", "values", "scores", "reading", "output", "widen", "narrow", "head")


def products(graph: onnx.ModelProto) -> dict[str, bool]:
    """The matrix products of a network by name, in order, and whether one factor is a weight."""
    weights = {weight.name for weight in graph.graph.initializer}
    return {node.name: node.input[1] in weights for node in graph.graph.node if node.op_type == "MatMul"}


def product_macs(graph: onnx.ModelProto, length: int = 128) -> dict[str, int]:
    """The multiplications of each matrix product, by its name, for one text of so many tokens."""
    from onnx import ModelProto, shape_inference

    fixed = ModelProto()
    fixed.CopyFrom(graph)
    for one in fixed.graph.input:
        for place, size in enumerate((1, length)):
            one.type.tensor_type.shape.dim[place].dim_value = size
    known = shape_inference.infer_shapes(fixed, data_prop=True, strict_mode=True).graph
    shapes = {one.name: [size.dim_value for size in one.type.tensor_type.shape.dim] for one in known.value_info}
    return {
        node.name: math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
        for node in known.node
        if node.op_type == "MatMul"
    }


def matching(names: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those of the parts' names that are wanted, by their whole name or by a part of it between strokes.

    "narrow" stands for that product of every layer, "layer0" for all of the first one's, "layer0/narrow" for one.
    Raises ValueError for what matches none.
    """
    found = set()
    for one in wanted:
        parts = [name for name in names if one in (name, *name.split("/"))]
        if not parts:
            own = [part for part in PARTS if any(part in name.split("/") for name in names)]
            depth = len({name.split("/")[0] for name in names if name.startswith("layer")})
            known = ", ".join([*own, f"layer0 to layer{depth - 1}"])
            raise ValueError(f"This network has no part {one!r}: known are {known}, and one of both, as layer0/output.")
        found.update(parts)
    return [name for name in names if name in found]


@dataclass
class _Layer:
    """The parts of one layer, in the order of their use; `activation` is what ONNX calls it, with its attributes."""

    attention: tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear]  # queries, keys, values, output
    attention_norm: nn.LayerNorm
    widen: nn.Linear
    activation: tuple[str, dict[str, str]]
    narrow: nn.Linear
    output_norm: nn.LayerNorm
    heads: int


def _add_layer(g: _Graph, name: str, stored: str, layer: _Layer, hidden: str, first_only: bool) -> str:
    """Attention and feed-forward network, each added to what it read and normalised: (batch, length, width).

    `name` is what its products are called, `stored` its weights, which ALBERT's layers have in common. With
    `first_only` the result is that of the first token, (batch, 1, width).
    """
    *projections, output = layer.attention
    size = output.in_features // layer.heads
    first = hidden
    if first_only:
        first = g.add("Slice", hidden, g.numbers(0), g.numbers(1), g.numbers(1))

    def project(part: str, source: str, linear: nn.Linear, axes: list[int], scale: float = 1.0) -> str:
        weight, bias = (np.float32(scale) * _array(one) for one in (linear.weight, linear.bias))
        made = g.multiply(f"{name}/{part}", f"{stored}/{part}", source, weight.T, bias)
        return g.add("Transpose", g.add("Reshape", made, g.numbers(0, -1, layer.heads, size)), perm=axes)

    queries = project("queries", first, projections[0], [0, 2, 1, 3], 1 / math.sqrt(size))  # (batch, heads, ·, size)
    keys = project("keys", hidden, projections[1], [0, 2, 3, 1])  # (batch, heads, size, length)
    values = project("values", hidden, projections[2], [0, 2, 1, 3])
    shares = g.add("Softmax", g.add("MatMul", queries, keys, name=f"{name}/scores"), axis=-1)
    read = g.add("Transpose", g.add("MatMul", shares, values, name=f"{name}/reading"), perm=[0, 2, 1, 3])
    read = g.add("Reshape", read, g.numbers(0, -1, layer.heads * size))
    hidden = g.add("Add", g.product(f"{name}/output", output, read, stored), first)
    hidden = g.normalise(f"{stored}/attention_norm", layer.attention_norm, hidden)
    wide = g.product(f"{name}/widen", layer.widen, hidden, stored)
    kind, attributes = layer.activation
    narrow = g.product(f"{name}/narrow", layer.narrow, g.add(kind, wide, **attributes), stored)
    hidden = g.normalise(f"{stored}/output_norm", layer.output_norm, g.add("Add", narrow, hidden))
    return hidden


@dataclass
class _Graph:
    """Nodes and weights as they are added; each call gives the name of what the node puts out."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, onnx.TensorProto] = field(default_factory=dict)
    width_of_last: int = 0

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:  # noqa: ANN401
        from onnx import helper

        name = name or f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def numbers(self, *values: int) -> str:
        return self.weight(f"numbers{values}", np.array(values, np.int64))

    def multiply(self, name: str, stored: str, hidden: str, weight: np.ndarray, bias: np.ndarray) -> str:
        product = self.add("MatMul", hidden, self.weight(f"{stored}.weight", weight), name=name)
        self.width_of_last = len(bias)
        return self.add("Add", product, self.weight(f"{stored}.bias", bias))

    def product(self, name: str, layer: nn.Linear, hidden: str, stored: str | None = None) -> str:
        """A linear layer; `stored` is the layer that its weights are called after, where it is another than its own."""
        weights = name if stored is None else f"{stored}/{name.rpartition('/')[2]}"
        return self.multiply(name, weights, hidden, _array(layer.weight).T, _array(layer.bias))

    def normalise(self, name: str, layer: nn.LayerNorm, hidden: str) -> str:
        weight, bias = (
            self.weight(f"{name}.weight", _array(layer.weight)),
            self.weight(f"{name}.bias", _array(layer.bias)),
        )
        return self.add("LayerNormalization", hidden, weight, bias, axis=-1, epsilon=layer.eps)


def _array(weight: Any) -> np.ndarray:  # noqa: ANN401 -- a torch.Tensor
    return weight.detach().cpu().float().numpy()


def _activation(name: str) -> tuple[str, dict[str, str]]:
    known = {
        "gelu": ("Gelu", {"approximate": "none"}),
        "gelu_new": ("Gelu", {"approximate": "tanh"}),
        "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
        "relu": ("Relu", {}),
    }
    if name not in known:
        raise ValueError(f"A model with the activation {name!r} cannot be exported: {', '.join(known)} can.")
    return known[name]


def _albert(model: PreTrainedModel) -> list[_Layer]:
    config = model.config
    if config.num_hidden_groups != 1 or config.inner_group_num != 1:
        raise ValueError("An ALBERT with several groups of layers cannot be exported: ALBETO has one layer for all.")
    layer = model.base_model.encoder.albert_layer_groups[0].albert_layers[0]
    own = layer.attention
    return [
        _Layer(
            (own.query, own.key, own.value, own.dense),
            own.LayerNorm,
            layer.ffn,
            _activation(config.hidden_act),
            layer.ffn_output,
            layer.full_layer_layer_norm,
            config.num_attention_heads,
        )
    ]


def _bert(model: PreTrainedModel) -> list[_Layer]:
    return [
        _Layer(
            (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value,
             layer.attention.output.dense),
            layer.attention.output.LayerNorm,
            layer.intermediate.dense,
            _activation(model.config.hidden_act),
            layer.output.dense,
            layer.output.LayerNorm,
            model.config.num_attention_heads,
        )
        for layer in model.base_model.encoder.layer
    ]  # fmt: skip


def _distilbert(model: PreTrainedModel) -> list[_Layer]:
    return [
        _Layer(
            (layer.attention.q_lin, layer.attention.k_lin, layer.attention.v_lin, layer.attention.out_lin),
            layer.sa_layer_norm,
            layer.ffn.lin1,
            _activation(model.config.activation),
            layer.ffn.lin2,
            layer.output_layer_norm,
            model.config.n_heads,
        )
        for layer in model.base_model.transformer.layer
    ]


_LAYERS = {"albert": _albert, "bert": _bert, "roberta": _bert, "distilbert": _distilbert}


def _head(model: PreTrainedModel, kind: str) -> list[Any]:
    """What follows the encoder, in order: linear layers, and names of functions; classifiers pool the first token."""
    if kind == "question_answering":
        return [model.qa_outputs]
    if kind == "tagging":
        return [model.classifier]
    family = model.config.model_type
    if family == "roberta":
        return [model.classifier.dense, "Tanh", model.classifier.out_proj]
    if family == "distilbert":
        return [model.pre_classifier, "Relu", model.classifier]
    pooler = model.base_model.pooler
    return [pooler if family == "albert" else pooler.dense, "Tanh", model.classifier]
