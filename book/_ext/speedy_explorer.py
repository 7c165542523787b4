"""The frontier explorer: a form, a figure and a table on the page that asks for them with `{frontier-explorer}`.

All figures come from the package and are written into the page; explorer.js filters them and draws. Without scripts the
page shows the whole tables. The plotting library is Vega, as vl-convert bundles it; it and the explorer's own files are
loaded on that page only.
"""

import json
import shutil
import subprocess
import sys
from decimal import Decimal
from html import escape
from pathlib import Path
from typing import Any

import speedy_utils as su
from docutils import nodes
from docutils.parsers.rst import Directive
from speedy_utils.distillation.study import TAUGHT
from speedy_utils.mini.systems import MINI, POSITIONS, mini_system
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
FOLDER = "explorer"  # below _static
FILES = {"explorer.js": "explorer.js", "explorer.css": "explorer.css", "explorer-licences.txt": "LICENCES.txt"}
ROUTES = {"fine-tuning": "fine-tuned", "distillation": "distilled"}
# The two settings behind the authors' device "cpu" say nothing about each other (see `su.authors_speed`).
MACHINES = {
    "RTX 3090": "RTX 3090 (GPU)",
    "RTX 2080": "RTX 2080 (GPU)",
    "cpu A": "CPU, first setting",
    "cpu B": "CPU, second setting",
}
METRICS = {"accuracy": "accuracy", "f1": "F1", "exact_match": "exact match"}
BUNDLE = "import sys, vl_convert; sys.stdout.write(vl_convert.javascript_bundle('window.vegaEmbed = vegaEmbed;'))"
# A value in per cent is kept as a whole number of these, so that means are exact in the browser too.
PARTS = 10_000


# The data


def _whole(value: float) -> int:
    """A value in ten-thousandths of a per cent. Raises ValueError for one with more decimals: it would be bent."""
    parts = round(value * PARTS)
    if abs(parts / PARTS - value) > 1e-9:
        raise ValueError(f"The explorer keeps four decimals of a figure, and {value!r} has more.")
    return parts


def parameters(system: su.System, labels: int = 3) -> int:
    """What `su.count_parameters` counts, from the sizes alone: building the models takes longer than the whole page.

    Embeddings with their normalisation, ALBERT's projection, the layers (one where it is shared), pooler and head.
    """
    a = system.architecture
    positions = a.positions + (2 if system.family == "roberta" else 0)
    embeddings = a.embedding * (a.vocabulary + positions + a.token_types + 2)
    projection = (a.embedding + 1) * a.hidden if a.embedding != a.hidden else 0
    layer = 4 * (a.hidden**2 + a.hidden) + 2 * a.hidden * a.intermediate + a.intermediate + a.hidden + 4 * a.hidden
    head = a.hidden**2 + a.hidden + (a.hidden + 1) * labels
    return embeddings + projection + layer * (1 if a.shared else a.layers) + head


def _rows(results: Any, system: su.System) -> dict[str, dict[str, list[int]]]:  # noqa: ANN401 -- a data frame
    """{task: {metric: the values of the seeds}} of one system, only the metrics that the paper reports."""
    found: dict[str, dict[str, list[int]]] = {}
    for task in su.TASKS:
        own = results[(results["system"] == system.name) & (results["task"] == task.name)]
        for metric in task.metrics:
            values = own[own["metric"] == metric]["value"]
            found.setdefault(task.name, {})[metric] = [_whole(value) for value in values]
    return found


def _entry(system: su.System, route: str, counted: su.System, results: Any, lengths: list[int]) -> dict[str, Any]:  # noqa: ANN401
    """One system for the page; `counted` is the System whose parameters and operations it has."""
    macs = {
        n: [su.count_macs(counted, sequence_length=n, attention_products=which) for which in (True, False)]
        for n in lengths
    }
    return {
        "name": system.name,
        "route": route,
        "parameters": parameters(counted),
        "macs": macs,
        "values": _rows(results, system),
    }


def explorer_data() -> dict[str, Any]:
    """All that the page knows: tasks, routes, the two sets of systems with their figures, the authors' timings."""
    speed = su.authors_speed()
    lengths = sorted(int(n) for n in speed["sequence_length"].unique())
    published = su.published_results()
    mini, study, record = su.measured_results(), su.measured_study(), su.measured_record()
    study = study[study["way"] == TAUGHT]
    short = [n for n in lengths if n <= POSITIONS]
    seeds = int(mini["seed"].nunique())
    own = [
        _entry(s, s.route, s, published[published["route"] == s.route], lengths) for s in su.SYSTEMS
    ]  # a name may stand for two routes
    known = {s.name: s for s in reversed(su.SYSTEMS)}
    stand_ins = [_entry(known[name], "fine-tuning", mini_system(name), mini, short) for name in MINI]
    taught = list(dict.fromkeys(study["system"]))
    stand_ins += [_entry(known[name], "distillation", mini_system(name), study, short) for name in taught]
    sets = {
        "published": {
            "title": "Published: the paper’s systems",
            "whose": "paper’s systems",
            "origin": "published",
            "origin_row": "published",
            "timed": True,
            "seeds": 1,
            "lengths": lengths,
            "units": {"macs": [1e9, "thousand million"], "parameters": [1e6, "million"]},
            "systems": own,
        },
        "measured": {
            "title": "Measured at mini: stand-ins of these systems",
            "whose": "stand-ins",
            "origin": f"measured at mini with stand-ins, {seeds} seeds, {record['date']}",
            "origin_row": "measured, mini",
            "timed": False,
            "seeds": seeds,
            "lengths": short,
            "units": {"macs": [1e6, "million"], "parameters": [1e3, "thousand"]},
            "systems": stand_ins,
        },
    }
    for one in sets.values():
        for system in one["systems"]:
            for task, metrics in system["values"].items():
                for metric, values in metrics.items():
                    if len(values) != one["seeds"]:
                        raise ValueError(
                            f"{system['name']} has {len(values)} figures of {metric} on {task}, not {one['seeds']}."
                        )
    names = {system["name"] for system in own}
    times: dict[str, Any] = {}
    for row in speed.dropna(subset=["latency_ms_mean"]).itertuples():
        if row.system in names:  # the authors also timed systems without a published score
            machine = times.setdefault(row.machine, {}).setdefault(str(row.batch_size), {})
            machine.setdefault(str(row.sequence_length), {})[row.system] = row.latency_ms_mean
    tasks = [{"name": t.name, "title": t.title, "kind": t.kind, "metrics": t.metrics} for t in su.TASKS]
    return {
        **{"tasks": tasks, "routes": ROUTES, "metrics": METRICS, "machines": MACHINES, "parts": PARTS},
        **{"sets": sets, "times": times},
    }


# The page without scripts


def _full_table(one: dict[str, Any], caption: str) -> str:
    """All figures of a set as a table in HTML, a row for each system."""
    seeds, lengths = one["seeds"], one["lengths"]
    macs_unit, macs_word = one["units"]["macs"]
    size_unit, size_word = one["units"]["parameters"]
    columns = [(task, metric) for task in su.TASKS for metric in task.metrics]
    heads = ["System", "Route", "Score", *(f"{task.title}, {METRICS[metric]}" for task, metric in columns)]
    heads += [f"Parameters, {size_word}s", *(f"MACs, {n} tokens, {macs_word}s" for n in lengths), "Origin"]
    rows = []
    for system in one["systems"]:
        means = [sum(system["values"][task.name][metric]) / seeds / PARTS for task, metric in columns]
        own = [sum(system["values"][task.name][task.score_metric]) for task in su.TASKS]
        score = su.cut(Decimal(sum(own)) / (len(own) * seeds * PARTS))
        cells = [f"<td>{ROUTES[system['route']]}</td>"]
        cells += [f'<td class="number">{value:.2f}</td>' for value in (score, *means)]
        cells.append(f'<td class="number">{system["parameters"] / size_unit:.1f}</td>')
        cells += [f'<td class="number">{system["macs"][n][0] / macs_unit:.2f}</td>' for n in lengths]
        cells.append(f"<td>{escape(one['origin_row'])}; parameters and MACs counted</td>")
        rows.append(f'<tr><th scope="row">{escape(system["name"])}</th>{"".join(cells)}</tr>')
    words = ("System", "Route", "Origin")
    head = "".join(f'<th scope="col"{" class=number" * (text not in words)}>{escape(text)}</th>' for text in heads)
    return (
        f'<div class="explorer-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="table"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _options(choices: dict[Any, str], chosen: Any) -> str:  # noqa: ANN401 -- names or numbers
    return "".join(
        f'<option value="{escape(str(value))}"{" selected" * (value == chosen)}>{escape(text)}</option>'
        for value, text in choices.items()
    )


def _boxes(kind: str, name: str, choices: dict[str, str], chosen: list[str]) -> str:
    """Radio buttons or check boxes of one name, each inside its label."""
    return "".join(
        f'<label class="explorer-box"><input type="{kind}" name="{name}" value="{escape(value)}"'
        f"{' checked' * (value in chosen)}> <span>{escape(text)}</span></label>"
        for value, text in choices.items()
    )


def explorer_html(static: str) -> str:
    """The explorer as HTML: form, places for figure and table, the whole tables, the data.

    `static` is the way from the page to the folder with the explorer's files.
    """
    data = explorer_data()
    sets, tasks = data["sets"], {task["name"]: task["title"] for task in data["tasks"]}
    batches = sorted(int(b) for b in data["times"]["RTX 3090"])
    whole = "".join(
        _full_table(one, f"All figures of the {one['whose']}, in per cent: {one['origin']}") for one in sets.values()
    )
    template = (HERE / "explorer.html").read_text(encoding="utf-8")
    parts = {
        "FIGURES": _boxes("radio", "figures", {name: one["title"] for name, one in sets.items()}, ["published"]),
        "TASKS": _boxes("checkbox", "tasks", tasks, list(tasks)),
        "ROUTES": _boxes("checkbox", "route", ROUTES, list(ROUTES)),
        "TOKENS": _options({n: f"{n} tokens" for n in sets["published"]["lengths"]}, 128),
        "MACHINES": _options(MACHINES, "RTX 3090"),
        "BATCHES": _options({b: "1 text at a time" if b == 1 else f"{b} texts at once" for b in batches}, 1),
        "STATIC": static,
        "WHOLE": whole,
        "DATA": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/"),
    }
    for name, text in parts.items():
        template = template.replace(f"[[{name}]]", text)
    return template


# Sphinx


class FrontierExplorer(Directive):
    """`{frontier-explorer}`: the explorer, where it stands."""

    def run(self) -> list[nodes.Node]:
        env = self.state.document.settings.env
        env.metadata[env.docname]["frontier_explorer"] = "yes"
        static = "../" * env.docname.count("/") + f"_static/{FOLDER}"
        return [nodes.raw("", explorer_html(static), format="html")]


def _has_explorer(env: BuildEnvironment, page: str) -> bool:
    return "frontier_explorer" in (env.metadata.get(page) or {})


def start_bundling(app: Sphinx) -> None:
    """Let the plotting library be put together, which takes two seconds, while pages are read."""
    app.bundling = subprocess.Popen([sys.executable, "-c", BUNDLE], stdout=subprocess.PIPE, encoding="utf-8")


def write_files(app: Sphinx, env: BuildEnvironment) -> None:
    """Put the plotting library and the explorer's files into _static, before pages ask for checksums."""
    wanted = app.builder.format == "html" and any(_has_explorer(env, page) for page in env.found_docs)
    if not wanted:
        app.bundling.kill()
    library, _ = app.bundling.communicate()
    if not wanted:
        return
    if app.bundling.returncode:
        raise ExtensionError("vl-convert could not put Vega together for the frontier explorer; its error is above.")
    target = Path(app.outdir, "_static", FOLDER)
    target.mkdir(parents=True, exist_ok=True)
    # The bundle declares names of one letter; in a function they meet nobody else's.
    (target / "vega.js").write_text(f"(() => {{{library}}})();\n", encoding="utf-8", newline="\n")
    for name, place in FILES.items():
        shutil.copyfile(HERE / name, target / place)


def load_on_its_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:  # noqa: ANN401
    """A file that is added here is added to this page alone."""
    if not _has_explorer(app.env, pagename):
        return
    app.add_css_file(f"{FOLDER}/explorer.css")
    app.add_js_file(f"{FOLDER}/vega.js", loading_method="defer")
    app.add_js_file(f"{FOLDER}/explorer.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("frontier-explorer", FrontierExplorer)
    app.connect("builder-inited", start_bundling)
    app.connect("env-check-consistency", write_files)  # all pages are read, none is written
    app.connect("html-page-context", load_on_its_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
