"""Figures: nothing overlaps, pages can take them in, colours follow the page, the words say what the table says."""

import hashlib
import inspect
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from functools import cache
from io import StringIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

import speedy_utils as su
from speedy_utils import plots
from speedy_utils.figures import COLOURS, NARROW, WIDE
from speedy_utils.labels import overlap, place_labels

HERE = Path(__file__).parent
WIDTHS = {"wide": WIDE, "narrow": NARROW}
TEACHERS_SCORE = 82.06
LIGHT = {light for _, light, _ in COLOURS.values()}
DARK = {dark for _, _, dark in COLOURS.values()}
SENTENCE = r"^[^\n]+\.$"


def parameter_table():
    """Close enough to `parameter_parts` for a drawing, without torch."""
    rows = []
    for system, millions in zip(su.SYSTEMS, su.published_summary()["parameters_millions"], strict=True):
        a = system.architecture
        words, other, head = a.vocabulary * a.embedding, a.positions * a.embedding, 3 * a.hidden
        rows.append((system.label, words, other, millions * 1_000_000 - words - other - head, head))
    return pd.DataFrame(rows, columns=["system", "word embeddings", "other embeddings", "layers", "head"])


def timings():
    speed = su.authors_speed()
    systems = ["ALBETO tiny", "ALBETO base", "BETO cased", "DistilBETO"]
    return speed[(speed["machine"] == "RTX 2080") & (speed["batch_size"] == 1) & speed["system"].isin(systems)]


def shares():
    results = su.published_results()
    systems = ["ALBETO xxlarge", "BETO cased", "BERTIN"]
    rows = results[(results["metric"] == "exact_match") & results["system"].isin(systems)]
    return rows.assign(share=rows["value"] / 100, chapter=rows["task"].map({"mlqa": 1, "sqac": 2, "tar": 3}))


def f1_values():
    results = su.published_results()
    systems = ["ALBETO xxlarge", "BETO cased", "BERTIN"]
    return results[(results["metric"] == "f1") & results["system"].isin(systems)]


def speedups():
    """Counted and timed, of the authors' timings, with two panels."""
    speed = su.authors_speed().query("batch_size == 1 and sequence_length == 512")
    frames = []
    for machine, origin in (("cpu A", "a CPU, published"), ("RTX 3090", "a GPU, published")):
        own = speed[speed["machine"] == machine].set_index("system")
        beto = own.loc["BETO uncased"]
        frame = pd.DataFrame({"system": own.index, "origin": origin})
        frame["counted"] = (beto["macs_without_attention_products"] / own["macs_without_attention_products"]).to_numpy()
        frame["timed"] = (beto["latency_ms_mean"] / own["latency_ms_mean"]).to_numpy()
        systems = ["ALBETO tiny", "DistilBETO", "ALBETO base", "ALBETO large", "ALBETO xlarge", "ALBETO xxlarge"]
        frames.append(frame[frame["system"].isin(systems)])
    return pd.concat(frames, ignore_index=True)


def score_intervals():
    frame = su.published_results()
    frame = frame[(frame["task"] == "pawsx") & (frame["route"] == "fine-tuning")]
    return frame.rename(columns={"value": "score"}).assign(
        low=lambda f: f["score"] - 1.3, high=lambda f: f["score"] + 1
    )


def confusions(labels):
    counts = np.random.default_rng(0).integers(0, 3, (len(labels), len(labels)))
    return pd.DataFrame(counts + np.diag(range(5, 5 + len(labels))), index=labels, columns=labels)


def seed_runs():
    frame = su.published_results().query("route == 'fine-tuning' and metric != 'exact_match'")
    shift = np.random.default_rng(0).normal(size=len(frame) * 3)
    return pd.concat([frame.assign(seed=seed) for seed in (1, 2, 3)]).assign(value=lambda f: f["value"] + shift)


def candidates():
    """Made up, and as crowded as real ones: four systems in four variants, a row of marks for each system."""
    systems = {"BETO cased": (300, 437), "ALBETO base-8": (200, 45), "DistilBETO": (150, 267), "ALBETO tiny": (22, 21)}
    variants = {"PyTorch fp32": 1, "ONNX Runtime fp32": 1.6, "ONNX Runtime int8": 5.2, "OpenVINO fp32": 1.7}
    scores = su.published_results().query("task == 'ner'").drop_duplicates("system").set_index("system")["value"]
    rows = [
        (system, variant, time / faster, size / (4 if "int8" in variant else 1), scores[system])
        for system, (time, size) in systems.items()
        for variant, faster in variants.items()
    ]
    return pd.DataFrame(rows, columns=["system", "variant", "p50_ms", "size_mb", "score"]).round(2)


FIGURES = {
    "frontier": lambda: plots.frontier(su.published_summary(), teacher=TEACHERS_SCORE),
    "frontier without teachers": lambda: plots.frontier(su.published_summary()),
    "frontier_by_task": lambda: plots.frontier_by_task(
        su.published_results(), su.published_summary(), su.published_teachers()
    ),
    "lines": lambda: plots.lines(
        timings(), "sequence_length", "latency_ms_mean", "system", "Time of one forward pass", log_x=True
    ),
    "lines in per cent": lambda: plots.lines(shares(), "chapter", "share", "system", "Exact answers", percent=True),
    "deploy": lambda: plots.deploy(
        su.choose(candidates(), max_ms=70, max_mb=300, min_score=76), "times measured, scores published"
    ),
    "deploy without budgets": lambda: plots.deploy(su.choose(candidates()), "times measured, scores published"),
    "deploy without an answer": lambda: plots.deploy(su.choose(candidates(), max_ms=2), "times measured"),
    "dots": lambda: plots.dots(f1_values(), "task", "value", "system", "F1"),
    "parameters": lambda: plots.parameters(parameter_table()),
    "intervals": lambda: plots.intervals(score_intervals(), "system", "PAWS-X"),
    "counted_and_timed": lambda: plots.counted_and_timed(speedups()),
    "confusion": lambda: plots.confusion(confusions(su.get_task("xnli").labels), "XNLI"),
    "confusion in words": lambda: plots.confusion(confusions(su.get_task("pos").labels), "POS"),
    "seeds": lambda: plots.seeds(seed_runs(), "measured at scale mini"),
}
# A frontier takes longest to draw; without teachers it differs in nothing but a line.
PAGES = [name for name in FIGURES if name != "frontier without teachers"]


@cache
def made(name):
    return FIGURES[name]()


@cache
def drawn(name, width):
    return made(name).figure(WIDTHS[width])


@cache
def page(name):
    return made(name)._repr_html_()


@cache
def tree(name):
    return ET.fromstring(f"<root>{page(name)}</root>")


def drawings(name):
    """The SVG elements of a figure's HTML, by class."""
    return {svg.get("class"): svg for svg in tree(name).iter("svg")}


def described(name):
    return tree(name).find("figure/div").get("aria-label")


def test_every_figure_function_is_tested():
    functions = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__ == plots.__name__ and not name.startswith("_")
    }
    assert functions == {re.split(r" in | without ", name)[0] for name in FIGURES}


# ------------------------------------------------------------------------------------------------ nothing overlaps


def boxes(texts, figure, kind="screen"):
    """Where texts stand, in pixels. An SVG measures letters as they are, a picture of pixels on whole pixels."""
    figure.set_dpi({"svg": 72, "screen": 100, "png": 200}[kind])
    figure.canvas.draw()  # markers take their size when they are drawn
    if kind == "svg":
        renderer = RendererSVG(*figure.bbox.size, StringIO(), image_dpi=72)
    else:
        renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in texts]


def depth(one, other):
    """How deep two boxes lie in each other, in pixels: the shorter side of what they share."""
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    return max(0, min(across, min(one.y1, other.y1) - max(one.y0, other.y0)))


def shown_texts(figure):
    """The texts that are drawn, tick labels outside the axes' limits left out."""
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks() + axis.get_minor_ticks():
                if not low <= tick.get_loc() <= high or not ax.axison:
                    hidden |= {tick.label1, tick.label2}
    texts = figure.findobj(Text)
    return [text for text in texts if text.get_visible() and text.get_text().strip() and text not in hidden]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FIGURES)
def test_no_text_overlaps_another(name, width):
    figure = drawn(name, width)
    figure.canvas.draw()
    texts = shown_texts(figure)
    assert len(texts) > 8
    found = list(zip(texts, boxes(texts, figure), strict=True))
    clashes = [
        (one.get_text(), other.get_text())
        for place, (one, box) in enumerate(found)
        for other, second in found[:place]
        if depth(box, second) > 0.01
    ]
    assert not clashes


def markers(ax):
    """Each point's marker as a path in pixels, by the point's place in data coordinates."""
    for collection in ax.collections:
        if isinstance(collection, PathCollection):
            shape = collection.get_paths()[0].transformed(Affine2D(collection.get_transforms()[0]))
            half_line = collection.get_linewidths()[0] / 2 * ax.figure.dpi / 72
            for point in collection.get_offsets():
                yield tuple(point), shape.transformed(Affine2D().translate(*ax.transData.transform(point))), half_line


@pytest.mark.parametrize("kind", ["svg", "screen", "png"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["frontier", "frontier without teachers"])
def test_labels_of_the_frontier_stand_free(name, width, kind):
    figure = drawn(name, width)
    (ax,) = figure.axes
    labels = ax.texts
    assert len(labels) == 17
    found = boxes(labels, figure, kind)
    # Placed for the screen; elsewhere letters are a fraction of a pixel wider or higher.
    slack = 0.01 if kind == "screen" else 0.5
    clashes = [
        (labels[i].get_text(), labels[j].get_text())
        for i in range(len(labels))
        for j in range(i)
        if depth(found[i], found[j]) > slack
    ]
    assert not clashes
    inside = ax.get_window_extent().padded(slack)
    assert all(inside.containsx(x) and inside.containsy(y) for box in found for x, y in box.corners())
    marks = list(markers(ax))
    assert len(marks) == 17
    hits = [
        (label.get_text(), point)
        for label, box in zip(labels, found, strict=True)
        for point, path, half_line in marks
        if path.intersects_bbox(box.padded(half_line), filled=True)
    ]
    assert not hits


def test_each_label_names_its_own_point():
    summary = su.published_summary()
    wide, narrow = ([text.get_text() for text in drawn("frontier", width).axes[0].texts] for width in WIDTHS)
    for row, long, short in zip(summary.itertuples(), wide, narrow, strict=True):
        gap = f" (−{TEACHERS_SCORE - row.score:.1f})" if row.route == "distillation" else ""
        gap = gap.replace("−-", "")
        assert long == row.system + gap
        assert short == row.system.replace("ALBETO ", "").replace("RoBERTa BNE", "R-BNE") + gap
    # A label without a line to its point stands right beside it; the others are near enough for a short line.
    figure = drawn("frontier", "wide")
    ax = figure.axes[0]
    em = 8.5 * 100 / 72
    for row, box in zip(summary.itertuples(), boxes(ax.texts, figure), strict=True):
        x, y = ax.transData.transform((row.speedup, row.score))
        across, up = max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1)
        assert (across**2 + up**2) ** 0.5 < 7 * em


near = st.floats(0.45, 0.55)
cloud = st.lists(
    st.tuples(
        st.tuples(near, near) | st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)) | st.just((0.5, 0.5)),
        st.text("abcdefghijklmnñopqrstuvwxyzÁÑ -0123456789", min_size=1, max_size=14).filter(str.strip),
    ),
    min_size=1,
    max_size=10,
)


def heap(*lengths):
    """Names of these lengths, all at one point: the worst crowd there is."""
    return [((0.5, 0.5), "x" * length) for length in lengths]


@given(cloud, st.sampled_from([(7.4, 5.5, 8.5), (3.7, 5.9, 7.2)]))
@example(heap(5, 11, 9, 10, 12, 1, 7, 13), (7.4, 5.5, 8.5))
@example(heap(14, 5, 8, 3, 8, 9, 1, 5, 9, 2), (7.4, 5.5, 8.5))
@example(heap(10, 12, 11, 9, 1, 11, 7, 8, 13, 11), (3.7, 5.9, 7.2))
@settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_labels_of_any_ten_points_stand_free(points, sizes):
    *size, letters = sizes
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0.05, 0.05, 0.9, 0.9))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_axis_off()
    texts = place_labels(ax, [point for point, _ in points], [name for _, name in points], letters)
    assert [text.get_text() for text in texts] == [name for _, name in points]
    found = boxes(texts, figure)
    clashes = [
        (texts[i].get_text(), texts[j].get_text(), overlap(found[i].extents, found[j].extents))
        for i in range(len(found))
        for j in range(i)
        if overlap(found[i].extents, found[j].extents) > 0.01
    ]
    assert not clashes
    inside = ax.get_window_extent()
    assert all(inside.containsx(x) and inside.containsy(y) for box in found for x, y in box.corners())


def test_a_label_avoids_the_neighbouring_point():
    figure = Figure(figsize=(7.4, 5.5))
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0.05, 0.05, 0.9, 0.9))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    points = [(0.5, 0.5), (0.55, 0.5), (0.45, 0.5)]
    texts = place_labels(ax, points, ["a long name", "b", "another one"], 8.5)
    for box in boxes(texts, figure):
        assert not any(box.contains(*pixel) for pixel in ax.transData.transform(points))


def test_overlap():
    assert overlap((0, 0, 2, 3), (1, 1, 5, 2)) == 1
    assert overlap((0, 0, 2, 3), (2, 0, 4, 3)) == 0
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0


# ------------------------------------------------------------------------------------------------ the page


@pytest.mark.parametrize("name", PAGES)
def test_html_is_well_formed_and_stands_alone(name):
    assert [svg.get("class") for svg in tree(name).iter("svg")] == ["wide", "narrow"]
    widths = [float(svg.get("viewBox").split()[2]) for svg in tree(name).iter("svg")]
    assert widths == pytest.approx([72 * WIDE, 72 * NARROW], rel=0.12)
    assert all(svg.get("aria-hidden") == "true" for svg in tree(name).iter("svg"))
    assert not re.search(r"https?:|//|xlink|@import|<script|<\?xml|<!DOCTYPE|<metadata", page(name))
    assert len(tree(name).findall("figure/details//table")) == 1


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique_and_every_reference_finds_its_own(name):
    ids = [element.get("id") for element in tree(name).iter() if element.get("id")]
    assert len(ids) == len(set(ids)) > 20
    for svg in drawings(name).values():
        own = {element.get("id") for element in svg.iter()}
        text = ET.tostring(svg, encoding="unicode")
        references = set(re.findall(r'href="([^"]*)"', text)) | set(re.findall(r"url\(([^)]*)\)", text))
        assert len(references) > 5
        assert references <= {f"#{name}" for name in own if name}


def test_two_figures_on_a_page_share_no_id():
    ids = [{element.get("id") for element in tree(name).iter() if element.get("id")} for name in PAGES]
    assert len(set().union(*ids)) == sum(map(len, ids))


@pytest.mark.parametrize("name", PAGES)
def test_every_colour_is_a_variable(name):
    known = {f"var({variable}, {light})" for variable, light, _ in COLOURS.values()}
    used = set(re.findall(r"var\([^)]*\)", page(name)))
    assert used <= known
    assert len(used) >= 5
    rest = re.sub(r"var\([^)]*\)|&#x?\w+;", "", page(name))
    assert not re.search(r"#[0-9a-f]{3,8}\b(?!-)", rest, re.IGNORECASE)
    assert not re.search(r"rgba?\(|hsla?\(", rest)
    for svg in drawings(name).values():
        for element in svg.iter():
            for _, value in paints(element):
                assert value in known or value == "none" or value.startswith("url(#")  # a hatch


def paints(element):
    """The element's own fill and stroke."""
    style = [part.split(":", 1) for part in element.get("style", "").split(";") if ":" in part]
    given = [(key.strip(), value.strip()) for key, value in style] + list(element.attrib.items())
    return [(key, value) for key, value in given if key in ("fill", "stroke")]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_left_to_the_browsers_black(name):
    """What names no fill is drawn in black, which a dark page would hide."""

    def check(element, filled):
        if element.tag in ("defs", "clipPath", "style"):
            return
        filled = filled or any(key == "fill" for key, _ in paints(element))
        if element.tag in ("path", "use", "rect", "circle", "text"):
            assert filled, ET.tostring(element, encoding="unicode")[:200]
        for child in element:
            check(child, filled)

    for svg in drawings(name).values():
        assert len(list(svg.iter("path"))) > 5
        check(svg, False)


@pytest.mark.parametrize("name", PAGES)
def test_style_reaches_no_further_than_the_figure(name):
    """A style sheet inside an inline SVG holds for the whole page."""
    for sheet in tree(name).iter("style"):
        rules = re.sub(r"@media[^{]*", "", sheet.text)
        for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", rules):
            assert all(selector.strip().startswith(".speedy-figure") for selector in selectors.split(","))


def test_the_page_and_the_package_have_the_same_colours():
    css = (Path(__file__).parents[1] / "book" / "_assets" / "speedy.css").read_text(encoding="utf-8")
    light, dark, *_ = re.findall(r"^ *html[^{]*\{([^}]*)\}", css, re.MULTILINE)
    for variable, on_light, on_dark in COLOURS.values():
        assert f"{variable}: {on_light};" in light
        assert f"{variable}: {on_dark};" in dark


# ------------------------------------------------------------------------------------------------ the words


def stated(name):
    """The numbers in the text alternative, those in names left out."""
    text = described(name)
    for system in sorted({*su.authors_systems(), *(s.label for s in su.SYSTEMS)}, key=len, reverse=True):
        text = text.replace(system, "")
    return re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"F1|XQuAD|int8|fp32", "", text))


def entries(name):
    """The ways in which the table's numbers may be stated."""
    table = made(name).table
    numbers = table.select_dtypes("number")
    values = [value for column in numbers for value in numbers[column].dropna()]
    if name == "parameters":
        words = table["word embeddings"] / table["total"]
        return {f"{value / 1e6:.1f}" for value in table["total"]} | {f"{100 * share:.0f}" for share in words}
    if name == "lines in per cent":  # the table may hold its shares as numbers or as written
        return {f"{value:.0%}".rstrip("%") for value in shares()["share"]} | {f"{x:g}" for x in table["chapter"]}
    said = {f"{value:g}" for value in values} | {f"{value:.2f}" for value in values}
    if name == "frontier":
        teachers = set((table["score"] - table["gap to teachers"]).round(2))
        said |= {str(len(table))} | {f"{value:.2f}" for value in teachers}
    if name.startswith("confusion"):
        said |= {f"{numbers.sum().sum():,}", f"{np.diag(numbers).sum():,}"}
    if name == "seeds":
        said |= {str(len(numbers.columns)), str(len(table)), "3"}
    if name.startswith("deploy"):
        said |= {str(len(table)), "70", "300", "76", "2"}
    if name == "frontier_by_task":
        said |= {str(len(numbers.columns) - 1)}
    return said


@pytest.mark.parametrize("name", PAGES)
def test_every_number_in_the_words_is_in_the_table(name):
    assert described(name) == made(name).alt.strip() != ""
    assert described(name).endswith(".")
    assert repr(made(name)) == f"Figure: {made(name).alt}"
    assert len(stated(name)) > 3
    assert set(stated(name)) <= entries(name)


def test_the_words_of_the_frontier():
    table = made("frontier").table
    best = table[table["frontier"] == "yes"].sort_values("speedup")
    assert list(best["system"]) == list(su.pareto_frontier(su.published_summary())["system"])
    alt = described("frontier")
    assert "from ALBETO xxlarge (0.03×, 85.17) to ALBETO tiny (18.05×, 76.49)" in alt
    path = alt.split("The Pareto frontier runs ")[1]
    places = [path.index(f"{name}") for name in best["system"].iloc[1:-1]]
    assert places == sorted(places)
    assert "82.06" in alt
    assert "82.06" not in made("frontier without teachers").alt
    assert "published" in alt
    distilled = plots.frontier(su.published_summary(), origin="measured at mini, seed 1")
    assert "measured at mini, seed 1" in distilled.alt


def test_the_words_of_the_other_figures():
    results = su.published_results()
    by_task = described("frontier_by_task")
    for task in su.TASKS:
        own = results[(results["task"] == task.name) & (results["metric"] == task.score_metric)]
        top = own.loc[own["value"].idxmax()]
        assert f"{task.title} {top['system']} ({top['value']:g})" in by_task
    for task, value in [("XNLI", 51.62), ("POS", 61.83), ("NER", 21.47)]:
        assert f"RoBERTa BNE large on {task} ({value})" in by_task.split("Below the panels' edge")[1]
    for system, rows in timings().groupby("system"):
        first, last = rows.sort_values("sequence_length")["latency_ms_mean"].iloc[[0, -1]]
        assert f"{system} from {first:.2f} at 128 to {last:.2f} at 512" in described("lines")
    for row in f1_values().itertuples():
        assert f"{row.value:.2f} ({row.system})" in described("dots")
    for row in speedups().itertuples():
        said = described("counted_and_timed").split(f"{row.origin}: ")[1]
        assert f"{row.system} {row.counted:.2f}× by MACs and {row.timed:.2f}× by the clock" in said
    for row in parameter_table().itertuples(index=False):
        total = sum(row[1:])
        assert f"{row.system} {total / 1e6:.1f} million ({row[1] / total:.0%} of them" in described("parameters")


@pytest.mark.parametrize("name", PAGES)
def test_the_table_to_unfold_holds_every_row(name):
    table = made(name).table
    body = tree(name).find("figure/details//tbody")
    assert [row.find("th").text for row in body] == [
        str(value) if isinstance(value, str) else f"{value:,}" for value in table.iloc[:, 0]
    ]
    heads = [cell.text for cell in tree(name).find("figure/details//thead/tr")]
    assert heads == [str(column) for column in table.columns]
    caption = tree(name).find("figure/details//caption").text
    assert 20 <= len(caption) < 200 and made(name).alt.startswith(caption)


# ------------------------------------------------------------------------------------------------ files


def digests(name):
    figure = made(name)
    if name == "frontier":  # takes longest: once is enough to see that its labels are where they were
        kinds = {"svg": figure.svg(NARROW).encode()}
    else:
        kinds = {"html": page(name).encode()} | {kind: figure._saved(kind, NARROW) for kind in ("png", "pdf")}
    return [f"{name} {kind} {hashlib.sha256(content).hexdigest()}" for kind, content in kinds.items()]


TWICE = ["frontier", "lines"]


@pytest.fixture(scope="module", autouse=True)
def other_process():
    """Draws the same figures in a process of its own, beside the other tests."""
    code = f"import test_figures as t; print(*(d for name in {TWICE} for d in t.digests(name)), sep='\\n')"
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "7"}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True) as child:
        yield child
        child.kill()


def test_the_same_call_gives_the_same_bytes_in_another_process(other_process):
    said, _ = other_process.communicate(timeout=120)
    assert other_process.returncode == 0
    assert said.splitlines() == [digest for name in TWICE for digest in digests(name)]


def test_a_readers_own_settings_change_nothing():
    expected = made("dots").svg()
    own = {
        "axes.linewidth": 5,
        "savefig.transparent": True,
        "figure.dpi": 300,
        "lines.linewidth": 7,
        "svg.fonttype": "none",
        "text.color": "red",
        "axes.spines.left": False,
    }
    with mpl.rc_context(own):
        assert made("dots").svg() == expected


def test_matplotlibs_settings_are_left_as_they_were(tmp_path):
    with mpl.rc_context({"font.size": 17, "text.color": "red"}):
        before = dict(mpl.rcParams)
        figure = FIGURES["dots"]()
        figure.figure()
        figure._repr_html_()
        figure.save(tmp_path / "figure.png")
        assert dict(mpl.rcParams) == before

        def fails(width):
            raise RuntimeError("no drawing")

        with pytest.raises(RuntimeError):
            su.BookFigure(fails, "", figure.table).figure()
        assert dict(mpl.rcParams) == before


def test_a_dark_svg_is_the_light_one_in_other_colours():
    light, dark = made("parameters").svg(), made("parameters").svg(dark=True)
    colours = re.compile(r"(?<=[: \"])#[0-9a-f]{6}\b")
    assert set(colours.findall(light)) <= LIGHT
    assert set(colours.findall(dark)) <= DARK
    assert len(set(colours.findall(dark))) == len(set(colours.findall(light))) >= 6
    assert not any(colour in dark for colour in LIGHT)
    assert colours.sub("", light) == colours.sub("", dark)


@pytest.mark.parametrize("name", ["figure.svg", "figure.png", "figure.pdf", "figure.PNG"])
def test_save(tmp_path, name):
    path = made("dots").save(tmp_path / name)
    assert path == tmp_path / name
    content = path.read_bytes()
    starts = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF-"}
    assert content.startswith(starts[path.suffix.lower()])
    assert len(content) > 5000
    if path.suffix == ".svg":
        root = ET.fromstring(content)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert root.get("role") == "img"
        assert root[0].tag.endswith("title")
        assert root[0].text == made("dots").alt
        assert made("dots").save(str(tmp_path / "dark.svg"), dark=True).read_text("utf-8") == made("dots").svg(
            dark=True
        )


@pytest.mark.parametrize(
    ("name", "dark", "sentence"),
    [
        ("figure.jpg", False, "Cannot save a figure as 'figure.jpg': end the name in .svg, .png or .pdf."),
        ("figure", False, "Cannot save a figure as 'figure': end the name in .svg, .png or .pdf."),
        ("figure.png", True, "A dark figure is saved as SVG: end the name in .svg."),
    ],
)
def test_what_cannot_be_saved_gets_one_sentence(tmp_path, name, dark, sentence):
    with pytest.raises(ValueError, match=SENTENCE) as caught:
        made("dots").save(tmp_path / name, dark=dark)
    assert str(caught.value) == sentence
    assert not list(tmp_path.iterdir())


def test_words_with_markup_are_escaped(tmp_path):
    frame = f1_values().replace({"system": {"BERTIN": 'A<b> & "c"'}})
    figure = plots.dots(frame, "task", "value", "system", "F1")
    div = ET.fromstring(f"<root>{figure._repr_html_()}</root>").find("figure/div")
    assert div.get("aria-label") == figure.alt
    assert 'A<b> & "c"' in figure.alt
    assert ET.fromstring(figure.svg())[0].text == figure.alt


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: plots.frontier(pd.DataFrame({"system": ["A"]})), "A frontier figure needs the columns 'route'"),
        (lambda: plots.lines(pd.DataFrame({"a": [1]}), "a", "b", "c", ""), "needs the columns 'b' and 'c'; it has 'a'"),
        (lambda: plots.dots(pd.DataFrame({"a": [1]}), "a", "b", "a", ""), "A dot figure needs the column 'b'"),
        (lambda: plots.parameters(pd.DataFrame({"system": ["A"]})), "A figure of parameters needs the columns 'word"),
        (
            lambda: plots.lines(pd.DataFrame({"x": 0, "y": range(6), "by": list("abcdef")}), "x", "y", "by", ""),
            "A figure tells at most 5 series apart, not 6: draw fewer.",
        ),
    ],
)
def test_a_bad_table_gets_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=SENTENCE) as caught:
        call()
    assert sentence in str(caught.value)


# ------------------------------------------------------------------------------------------------ colours


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_of_contrast():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("role", ["ink", "muted", "a", "b", "c", "d"])
def test_contrast_is_enough_for_text(role):
    _, light, dark = COLOURS[role]
    assert contrast(light, COLOURS["paper"][1]) >= 4.5
    assert contrast(dark, COLOURS["paper"][2]) >= 4.5


def test_contrast_of_the_sites_colours():
    """The site's style sheet sets the same variables, for light, dark and print."""
    sheet = (HERE.parent / "book" / "_assets" / "speedy.css").read_text("utf-8")
    palettes = [dict(re.findall(r"(--fig-\w+):\s*(#[0-9a-f]{6})", block)) for block in re.findall(r"\{[^{}]*\}", sheet)]
    palettes = [palette for palette in palettes if palette]
    assert len(palettes) >= 2
    for palette in palettes:
        assert set(palette) == {variable for variable, _, _ in COLOURS.values()}
        for role in ("ink", "muted", "a", "b", "c", "d"):
            assert contrast(palette[f"--fig-{role}"], palette["--fig-paper"]) >= 4.5
    assert {variable: light for variable, light, _ in COLOURS.values()} in palettes
