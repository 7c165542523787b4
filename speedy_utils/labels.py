"""Names beside points, placed so that none hides another name, a point or the frontier.

General label placers move texts by simulated forces and leave overlaps in a crowd such as the five systems at 1×; here
each label tries a fixed list of places, nearest first, and takes the cheapest: the same figure every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING

from speedy_utils.figures import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# Directions from the point, the best to read first: right, left, below, above, then the corners.
_DIRECTIONS = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1), (1, -2), (1, 2), (-1, -2), (-1, 2))
_DISTANCES = (0.8, 1.3, 2.0, 3.0, 4.2, 5.5)  # in heights of a line of text
_LEADER_FROM = 1.3  # a label this far away gets a line to its point

Box = tuple[float, float, float, float]  # left, bottom, right, top, in pixels


def overlap(one: Box, other: Box) -> float:
    """The area that two boxes share, in square pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _segment_boxes(line: Sequence[tuple[float, float]], half: float) -> list[Box]:
    """Small boxes along a line of straight pieces, so that lines and points are avoided alike."""
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(line):
        steps = max(1, int(max(abs(x1 - x0), abs(y1 - y0)) / (2 * half)))
        for step in range(steps + 1):
            x, y = x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps
            boxes.append((x - half, y - half, x + half, y + half))
    return boxes


def place_labels(
    ax: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: float,
    lines: Sequence[Sequence[tuple[float, float]]] = (),
    weights: Sequence[float] = (),
) -> list[Text]:
    """Write `names` beside `points` (data coordinates) in `size` points; returns the texts.

    `lines` (data coordinates) are kept free where possible, each with its weight (1: as dear as a point). The axes'
    limits and scales must be set before.
    """
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    to_pixels = ax.transData.transform
    em = size * figure.dpi / 72
    pixels = [tuple(to_pixels(point)) for point in points]
    marks = [(x - 0.45 * em, y - 0.45 * em, x + 0.45 * em, y + 0.45 * em) for x, y in pixels]
    soft = [
        (weight, box)
        for line, weight in zip(lines, weights, strict=True)
        for box in _segment_boxes([tuple(to_pixels(point)) for point in line], 0.12 * em)
    ]
    inside = ax.get_window_extent(renderer)
    texts = [
        ax.text(*point, name, fontsize=size, color=INK, zorder=5) for point, name in zip(points, names, strict=True)
    ]
    sizes = [(extent.width, extent.height) for extent in (text.get_window_extent(renderer) for text in texts)]
    taken: list[Box] = []
    leaders: list[Box] = []

    def crowd(i: int) -> float:
        x, y = pixels[i]
        return -sum(abs(x - u) < 8 * em and abs(y - v) < 3 * em for u, v in pixels)

    for i in sorted(range(len(texts)), key=crowd):
        (x, y), (width, height) = pixels[i], sizes[i]
        best: tuple[float, Box, float] | None = None
        for distance, (dx, dy) in product(_DISTANCES, _DIRECTIONS):
            left = x + dx * distance * em - (width if dx < 0 else width / 2 if dx == 0 else 0)
            bottom = y + 0.8 * dy * distance * em - (height if dy < 0 else height / 2 if dy == 0 else 0)
            box = (left, bottom, left + width, bottom + height)
            cost = 0.35 * distance * em * em
            cost += 1e4 * sum(overlap(box, other) for other in taken)  # never, where there is any other way
            if best is not None and cost >= best[0]:
                continue  # what follows only adds to it
            leader = _leader((x, y), box, 0.12 * em) if distance >= _LEADER_FROM else []
            cost += 20 * sum(overlap(box, other) for other in marks)
            cost += 12 * sum(weight * overlap(box, other) for weight, other in soft)
            cost += 12 * sum(overlap(box, other) for other in leaders)
            cost += 30 * sum(overlap(piece, other) for piece in leader for other in taken)
            cost += 12 * sum(overlap(piece, mark) for piece in leader for j, mark in enumerate(marks) if j != i)
            outside = width * height - overlap(box, (inside.x0, inside.y0, inside.x1, inside.y1))
            cost += 1e4 * outside
            if best is None or cost < best[0]:
                best = (cost, box, distance)
        _, box, distance = best
        taken.append(box)
        inverse = ax.transData.inverted().transform
        texts[i].set_position(inverse((box[0], box[1])))
        texts[i].set_verticalalignment("bottom")
        if distance >= _LEADER_FROM:
            line = _nearest_edge((x, y), box)
            leaders.extend(_leader((x, y), box, 0.12 * em))
            (x0, y0), (x1, y1) = inverse((x, y)), inverse(line)
            ax.plot([x0, x1], [y0, y1], color=MUTED, linewidth=0.6, zorder=2)
    return texts


def _nearest_edge(point: tuple[float, float], box: Box) -> tuple[float, float]:
    return min(max(point[0], box[0]), box[2]), min(max(point[1], box[1]), box[3])


def _leader(point: tuple[float, float], box: Box, half: float) -> list[Box]:
    return _segment_boxes([point, _nearest_edge(point, box)], half)
