"""Counting multiply–accumulate operations (MACs) from a system's sizes, part by part.

One MAC is one multiplication and the addition that collects its result; a matrix product of an m×k by a k×n matrix
takes m·k·n of them. The paper's Speedup column divides such counts, but its counter saw only the layers that are
modules: linear layers (inputs × outputs for each position) and layer normalisations (4 for each number that is
normalised). The two products inside attention, QKᵀ and AV, are plain function calls and went uncounted.
"""

from __future__ import annotations

from speedy_utils.systems import System, check_counts, check_kind, check_length, get_system

ATTENTION_PRODUCTS = "attention products"


def mac_parts(
    system: System | str,
    batch_size: int = 1,
    sequence_length: int = 512,
    kind: str = "classification",
    num_labels: int = 3,
) -> dict[str, int]:
    """The MACs of one forward pass, part by part: {part: MACs}, for inputs of shape (batch_size, sequence_length).

    Written with n = sequence_length, H = hidden size, I = intermediate size, E = embedding size, over all L layers:

    - "embedding projection": n·E·H, where the embedding is narrower than the hidden state (ALBERT), else 0;
    - "attention projections": L·4·n·H², for queries, keys, values and output;
    - "attention products": L·2·n²·H, for QKᵀ and AV (all heads together; their number does not matter);
    - "feed-forward": L·2·n·H·I;
    - "normalisation": 4 for each normalised number, n·E once after the embeddings and 2·n·H in each layer;
    - "head": what the task adds. For classification H² + H·labels on one position; for tagging n·H·labels; for question
      answering n·H·2.

    Sharing weights between layers saves none of them: each layer is run. Raises ValueError for an unknown system or
    kind, a count below 1, or a sequence longer than the system's positions.
    """
    check_kind(kind)
    check_counts(batch_size=batch_size, sequence_length=sequence_length, num_labels=num_labels)
    system = get_system(system)
    check_length(system, sequence_length)
    a, n = system.architecture, sequence_length
    head = {
        "classification": a.hidden**2 + a.hidden * num_labels,
        "tagging": n * a.hidden * num_labels,
        "question_answering": n * a.hidden * 2,
    }
    one_example = {
        "embedding projection": n * a.embedding * a.hidden if a.embedding != a.hidden else 0,
        "attention projections": a.layers * 4 * n * a.hidden**2,
        ATTENTION_PRODUCTS: a.layers * 2 * n**2 * a.hidden,
        "feed-forward": a.layers * 2 * n * a.hidden * a.intermediate,
        "normalisation": 4 * (n * a.embedding + a.layers * 2 * n * a.hidden),
        "head": head[kind],
    }
    return {part: batch_size * macs for part, macs in one_example.items()}


def count_macs(
    system: System | str,
    batch_size: int = 1,
    sequence_length: int = 512,
    attention_products: bool = True,
    kind: str = "classification",
    num_labels: int = 3,
) -> int:
    """The MACs of one forward pass on inputs of shape (batch_size, sequence_length).

    With `attention_products=False` it is the paper's way of counting (see the module). The parts and the errors are
    those of `mac_parts`.
    """
    parts = mac_parts(system, batch_size, sequence_length, kind, num_labels)
    return sum(macs for part, macs in parts.items() if attention_products or part != ATTENTION_PRODUCTS)
