"""An encoder written out once more for inference: fewer operations, the same numbers.

What a model's own code does for training and for every kind of input is left out or joined where the result stays:

- one matrix product makes queries, keys and values, and the scale 1/√d stands in the weights of the queries;
- the table of positions and the first token type are added up beforehand;
- a batch holds inputs of one length, so that there is nothing to mask;
- a classifier looks at the first token alone, so the last layer makes only keys and values of the others;
- weights stand as (inputs, outputs), as a matrix product wants them: quantisers overlook what is transposed first.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Product(nn.Module):
    """x·W + b for x of shape (…, inputs), from one linear layer or from several side by side."""

    def __init__(self, *layers: nn.Linear) -> None:
        super().__init__()
        weight = torch.cat([layer.weight for layer in layers]).detach()
        self.weight = nn.Parameter(weight.T.contiguous())
        self.bias = nn.Parameter(torch.cat([layer.bias for layer in layers]).detach())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight + self.bias


class LeanLayer(nn.Module):
    """Attention and feed-forward network with their residual connections, each normalised afterwards."""

    def __init__(
        self,
        attention: tuple[nn.Linear, nn.Linear, nn.Linear, nn.Linear],
        norms: tuple[nn.Module, nn.Module],
        feed_forward: tuple[nn.Linear, nn.Linear],
        activation: nn.Module,
        heads: int,
    ) -> None:
        super().__init__()
        *projections, output = attention
        self.heads, self.activation = heads, activation
        self.projections, self.output = Product(*projections), Product(output)
        self.attention_norm, self.output_norm = norms
        self.widen, self.narrow = map(Product, feed_forward)
        hidden = output.in_features
        with torch.no_grad():
            self.projections.weight[:, :hidden] /= math.sqrt(hidden // heads)
            self.projections.bias[:hidden] /= math.sqrt(hidden // heads)

    def forward(self, hidden: torch.Tensor, first_only: bool) -> torch.Tensor:
        """(batch, length, width) to the same shape, or to (batch, 1, width) for the first token only."""
        batch, length, width = hidden.shape
        parts = self.projections(hidden).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        if first_only:
            queries, hidden = queries[:, :, :1], hidden[:, :1]
        shares = (queries @ keys.transpose(-1, -2)).softmax(-1)
        read = (shares @ values).transpose(1, 2).reshape(batch, -1, width)
        hidden = self.attention_norm(self.output(read) + hidden)
        return self.output_norm(self.narrow(self.activation(self.widen(hidden))) + hidden)


class LeanEncoder(nn.Module):
    """A BERT, RoBERTa, DistilBERT or ALBERT with its head, for inputs without padding.

    Takes `input_ids` of shape (batch, length) and, if `reads_token_types`, `token_type_ids` of the same shape. Gives
    what the head of the task gives: (batch, labels), (batch, length, labels), or (batch, length, 2) for the starts and
    ends of answers. Raises ValueError for a model of another family.
    """

    def __init__(self, model: PreTrainedModel, kind: str, pairs: bool) -> None:
        super().__init__()
        family, base = model.config.model_type, model.base_model
        if family not in _LAYERS:
            raise ValueError(f"A model of the family {family!r} cannot be exported: {', '.join(_LAYERS)} can.")
        embeddings = base.embeddings
        self.kind = kind
        self.words, self.norm = embeddings.word_embeddings, embeddings.LayerNorm
        # RoBERTa's first position is pad_token_id + 1.
        positions = embeddings.position_embeddings.weight[model.config.pad_token_id + 1 if family == "roberta" else 0 :]
        types = getattr(embeddings, "token_type_embeddings", None)
        self.reads_token_types = pairs and types is not None and types.num_embeddings > 1
        with torch.no_grad():
            self.positions = nn.Parameter(positions + (0 if types is None else types.weight[0]))
            if self.reads_token_types:
                self.second_type = nn.Parameter(types.weight[1] - types.weight[0])
        self.widen = Product(base.encoder.embedding_hidden_mapping_in) if family == "albert" else nn.Identity()
        self.layers = nn.ModuleList(_LAYERS[family](model))
        self.depth = model.config.num_hidden_layers
        self.head = nn.Sequential(
            *[Product(part) if isinstance(part, nn.Linear) else part for part in _head(model, kind)]
        )

    def forward(self, input_ids: torch.Tensor, token_type_ids: torch.Tensor | None = None) -> torch.Tensor:
        hidden = self.words(input_ids) + self.positions[: input_ids.shape[1]]
        if self.reads_token_types:
            hidden = hidden + token_type_ids[..., None].to(hidden.dtype) * self.second_type
        hidden = self.widen(self.norm(hidden))
        for number in range(self.depth):  # ALBERT has one layer for all depths
            layer = self.layers[number % len(self.layers)]
            hidden = layer(hidden, self.kind == "classification" and number == self.depth - 1)
        return self.head(hidden[:, 0] if self.kind == "classification" else hidden)


def _activation(name: str) -> nn.Module:
    from transformers.activations import ACT2FN

    # The same function in one operation, which runtimes know.
    tanh = nn.GELU(approximate="tanh")
    return {"gelu_new": tanh, "gelu_pytorch_tanh": tanh, "gelu": nn.GELU()}.get(name) or ACT2FN[name]


def _albert(model: PreTrainedModel) -> list[LeanLayer]:
    config = model.config
    if config.num_hidden_groups != 1 or config.inner_group_num != 1:
        raise ValueError("An ALBERT with several groups of layers cannot be exported: ALBETO has one layer for all.")
    layer = model.base_model.encoder.albert_layer_groups[0].albert_layers[0]
    own = layer.attention
    return [
        LeanLayer(
            (own.query, own.key, own.value, own.dense),
            (own.LayerNorm, layer.full_layer_layer_norm),
            (layer.ffn, layer.ffn_output),
            _activation(config.hidden_act),
            config.num_attention_heads,
        )
    ]


def _bert(model: PreTrainedModel) -> list[LeanLayer]:
    return [
        LeanLayer(
            (
                *(getattr(layer.attention.self, name) for name in ("query", "key", "value")),
                layer.attention.output.dense,
            ),
            (layer.attention.output.LayerNorm, layer.output.LayerNorm),
            (layer.intermediate.dense, layer.output.dense),
            _activation(model.config.hidden_act),
            model.config.num_attention_heads,
        )
        for layer in model.base_model.encoder.layer
    ]


def _distilbert(model: PreTrainedModel) -> list[LeanLayer]:
    return [
        LeanLayer(
            (layer.attention.q_lin, layer.attention.k_lin, layer.attention.v_lin, layer.attention.out_lin),
            (layer.sa_layer_norm, layer.output_layer_norm),
            (layer.ffn.lin1, layer.ffn.lin2),
            _activation(model.config.activation),
            model.config.n_heads,
        )
        for layer in model.base_model.transformer.layer
    ]


_LAYERS = {"albert": _albert, "bert": _bert, "roberta": _bert, "distilbert": _distilbert}


def _head(model: PreTrainedModel, kind: str) -> list[nn.Module]:
    """What follows the encoder, in order; what a classifier pools is its first token."""
    if kind == "question_answering":
        return [model.qa_outputs]
    if kind == "tagging":
        return [model.classifier]
    family = model.config.model_type
    if family == "roberta":
        return [model.classifier.dense, nn.Tanh(), model.classifier.out_proj]
    if family == "distilbert":
        return [model.pre_classifier, nn.ReLU(), model.classifier]
    pooler = model.base_model.pooler
    return [pooler if family == "albert" else pooler.dense, nn.Tanh(), model.classifier]
