"""Checks of the exercises of *What is a MAC?*"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import speedy_utils as su
from speedy_utils.exercises.answers import NotYet, brief, expect, mapping, number, whole_number

HEADS, DEPTHS, LENGTHS = (1, 12, 64), (1, 2, 4, 8, 16), (128, 256, 512)
WIDTHS = range(12, 1201, 12)


def exercise_1(my_macs: object, my_exponentials: object, my_intensity: object) -> str:
    """MACs and exponentials of attention in one layer of BETO, and the intensity of QKᵀ, by the number of heads."""
    n, hidden = 512, su.get_system("BETO cased").architecture.hidden
    macs, exponentials, intensity = (
        mapping(answer, HEADS, name)
        for answer, name in (
            (my_macs, "my_macs"),
            (my_exponentials, "my_exponentials"),
            (my_intensity, "my_intensity"),
        )
    )
    for heads in HEADS:
        what, right = f"my_macs[{heads}]", 2 * n**2 * hidden
        mistakes = {
            f"{what} is one of the two products: QKᵀ and AV take n²H each.": right / 2,
            f"{what} gives each head all of H. A head has H/h numbers of each token.": heads * right,
            f"{what} is what one head takes: add up all {heads}.": right / heads,
            f"{what} is of all layers, where one was asked for.": 12 * right,
            f"{what} is in FLOPs: a MAC is two of them.": 2 * right,
        }
        expect(number(macs[heads], what, low=0), right, what, mistakes)
    for heads in HEADS:
        what, right = f"my_exponentials[{heads}]", heads * n**2
        mistakes = {
            f"{what} is of one matrix. Each head has an n × n matrix of its own.": n**2,
            f"{what} is of all layers, where one was asked for.": 12 * right,
            f"{what} counts a matrix for each number of a head. A head has one, however wide it is.": n**2 * hidden,
        }
        expect(number(exponentials[heads], what, low=0), right, what, mistakes, hint="One for each number of QKᵀ.")
    for heads in HEADS:
        what, width = f"my_intensity[{heads}]", hidden // heads
        right = n * width * n / (4 * (2 * n * width + n**2))
        mistakes = {
            f"{what} is for each number moved. A number has four bytes.": 4 * right,
            f"{what} is upside down: MACs go above, bytes below.": 1 / right,
            f"{what} is that of a single head: with {heads}, each has H/h numbers of a token.": n
            * hidden
            / (4 * (2 * hidden + n)),
        }
        hint = "Three matrices are moved: two of n × H/h, one of n × n."
        expect(number(intensity[heads], what, low=0), right, what, mistakes, hint=hint)
    return "Heads are free by the count. By what has to be computed and moved besides, they are not."


def exercise_2(my_together: object, my_apart: object) -> str:
    """The share of BETO's MACs that goes into padding, for one batch of four texts and for batches of three and one."""
    together = number(my_together, "my_together", low=0, high=1)
    apart = number(my_apart, "my_apart", low=0, high=1)
    short, long_ = (20, 30, 45), 500

    def count(length: int, texts: int = 1) -> int:
        return su.count_macs("BETO cased", batch_size=texts, sequence_length=length)

    of_short, of_long = sum(map(count, short)), count(long_)
    needed, done = of_short + of_long, count(long_, 4)
    mistakes = {
        "my_together is the share that is not padding.": needed / done,
        "my_together is padding's share of the tokens. Of the MACs it is another: some grow with n².": 1
        - (sum(short) + long_) / (4 * long_),
    }
    expect(together, 1 - needed / done, "my_together", mistakes, hint="Divide by what is worked out, padding included.")
    done = count(max(short), 3) + of_long
    mistakes = {
        "my_apart is the share that is not padding.": needed / done,
        "my_apart is padding's share of the tokens. Of the MACs it is another: some grow with n².": 1
        - (sum(short) + long_) / (3 * max(short) + long_),
        "my_apart is that of the three short texts alone. The long one is worked out too, with no padding.": 1
        - of_short / count(max(short), 3),
    }
    expect(apart, 1 - needed / done, "my_apart", mistakes, hint="All four texts count, in two batches.")
    return "The mask hides padding from the other tokens; it is worked out all the same, unless it is not there."


def exercise_3(my_beto: object, my_tiny: object) -> str:
    """The share that the head of pretraining has of a forward pass over 512 tokens."""
    values = [number(my_beto, "my_beto", high=1), number(my_tiny, "my_tiny", high=1)]
    for value, what, name in zip(values, ("my_beto", "my_tiny"), ("BETO cased", "ALBETO tiny"), strict=True):
        a = su.get_system(name).architecture
        parts = su.mac_parts(name)
        encoder = sum(parts.values()) - parts["head"]
        words = 512 * a.embedding * a.vocabulary
        head = words + 512 * a.hidden * a.embedding
        wide = 512 * (a.hidden**2 + a.hidden * a.vocabulary)
        mistakes = {
            f"{what} lacks the dense layer before the words.": words / (words + encoder),
            f"{what} is head over encoder. The whole pass is both together.": head / encoder,
            f"{what} is for a head at one token, not at all 512.": head / (head + 512 * encoder),
            f"{what} lacks the attention products in the encoder.": head
            / (head + encoder - parts["attention products"]),
        }
        if a.embedding != a.hidden:
            mistakes[f"{what} multiplies by V × H. ALBETO goes down to E = {a.embedding} first: H × E, then E × V."] = (
                wide / (wide + encoder)
            )
        expect(value, head / (head + encoder), what, mistakes, tolerance=0.003, hint="head / (head + encoder).")
    return "A table costs nothing to look up, and a MAC for each weight and token to multiply by."


def exercise_4(my_widths: object, my_quickest: object) -> str:
    """The hidden sizes that give other depths the MACs of ALBETO tiny, and the quickest of these shapes."""
    given = mapping(my_widths, DEPTHS, "my_widths")
    widths = {depth: whole_number(given[depth], f"my_widths[{depth}]", low=1) for depth in DEPTHS}
    quickest = whole_number(my_quickest, "my_quickest")
    tiny = su.get_system("ALBETO tiny")

    def nearest(depth: int, intermediate: int = 0, **counting: int) -> int:
        def macs(hidden: int) -> int:
            sizes = {"layers": depth, "hidden": hidden, "intermediate": intermediate or 4 * hidden}
            return su.count_macs(replace(tiny, architecture=replace(tiny.architecture, **sizes)), **counting)

        target = su.count_macs(tiny, **counting)
        return min(WIDTHS, key=lambda hidden: abs(macs(hidden) - target))

    for depth in DEPTHS:
        what, width, right = f"my_widths[{depth}]", widths[depth], nearest(depth)
        if width == right:
            continue
        if width % 12:
            raise NotYet(f"{what} = {width} is no multiple of 12.")
        if width == tiny.architecture.hidden:
            raise NotYet(f"{what} is tiny's own width: that keeps the parameters, and the MACs go with the depth.")
        if width == nearest(depth, intermediate=tiny.architecture.intermediate):
            raise NotYet(f"{what} keeps tiny's I = {tiny.architecture.intermediate}: it has to be 4 H.")
        if width == nearest(depth, attention_products=False):
            raise NotYet(f"{what} leaves out attention's products; count_macs has them unless told otherwise.")
        if width == nearest(depth, sequence_length=128):
            raise NotYet(f"{what} is right for 128 tokens; the MACs are to agree at 512.")
        if abs(width - right) == 12:
            raise NotYet(f"{what} = {width} is near: one of the two multiples of 12 beside it comes nearer to tiny.")
        raise NotYet(f"{what} = {width} is too {'narrow' if width < right else 'wide'}.")
    if quickest not in DEPTHS:
        raise NotYet(f"my_quickest is a number of layers: {', '.join(map(str, DEPTHS))}.")
    if quickest != 1:
        raise NotYet(
            "my_quickest: see the table of milliseconds a layer again. At 128 tokens a layer took about the same time "
            "there, narrow or wide. What, then, makes a model quick?"
        )
    return "Equal MACs, and at short lengths on a GPU the time goes with the number of layers."


def exercise_5(my_odd: object, my_per_layer: object) -> str:
    """Where ALBETO base-10 takes longer than base on the RTX 3090, and how much longer a layer of it takes."""
    if isinstance(my_odd, str) or not isinstance(my_odd, Iterable):
        raise NotYet(f"my_odd should be a set or list of lengths, such as {{512}}; it is {brief(my_odd)}.")
    odd = {whole_number(one, "A member of my_odd") for one in my_odd}
    given = mapping(my_per_layer, LENGTHS, "my_per_layer")
    ratios = {length: number(given[length], f"my_per_layer[{length}]", low=0) for length in LENGTHS}
    speed = su.authors_speed()
    speed = speed[(speed["machine"] == "RTX 3090") & (speed["batch_size"] == 1)]
    clock = speed.pivot(index="system", columns="sequence_length", values="latency_ms_mean")
    ten, base = clock.loc["ALBETO base-10"], clock.loc["ALBETO base"]
    if strange := sorted(odd - set(LENGTHS)):
        raise NotYet(f"my_odd has {strange[0]}; the lengths here are {', '.join(map(str, LENGTHS))}.")
    longer = {length for length in LENGTHS if ten[length] > base[length]}
    if odd == set(LENGTHS) - longer:
        raise NotYet("my_odd has the lengths at which base-10 is the quicker one, as it should be. Take the others.")
    if odd - longer:
        raise NotYet(f"At {min(odd - longer)} tokens base-10 takes {ten[min(odd - longer)]:.1f} ms, less than base.")
    if longer - odd:
        raise NotYet(f"my_odd lacks a length at which base-10 takes longer than base. You have {brief(odd)}.")
    for length in LENGTHS:
        what, right = f"my_per_layer[{length}]", (ten[length] / 10) / (base[length] / 12)
        mistakes = {
            f"{what} compares whole models: divide each time by its number of layers first.": ten[length]
            / base[length],
            f"{what} is upside down: a layer of base-10 goes above, one of base below.": 1 / right,
            f"{what} is the time of base-10's layer in ms. Divide it by that of a layer of base.": ten[length] / 10,
        }
        expect(ratios[length], right, what, mistakes)
    return "Ten layers cannot take longer than twelve. Compare your conclusions with those in the solution."
