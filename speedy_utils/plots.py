"""The figures of the book. Each function takes a table and returns a `BookFigure`."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from speedy_utils.errors import listing
from speedy_utils.figures import INK, MUTED, PAPER, A, B, BookFigure, C, D
from speedy_utils.frontier import need_columns, pareto_frontier
from speedy_utils.labels import place_labels
from speedy_utils.systems import PARTS, SYSTEMS
from speedy_utils.tasks import TASKS, get_task

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from speedy_utils.speed.choice import Choice

# Route -> marker, filled or open, colour: three cues, so that none has to be seen alone.
ROUTES = {"fine-tuning": ("o", "none", A), "distillation": ("D", B, B)}


def _scatter_routes(ax: Axes, frame: pd.DataFrame, x: str, y: str, size: float) -> None:
    for route, rows in frame.groupby("route", sort=False):
        marker, face, edge = ROUTES.get(route, ("s", "none", C))
        label = {"fine-tuning": "fine-tuned", "distillation": "distilled"}.get(route, route)
        ax.scatter(
            rows[x],
            rows[y],
            s=size,
            marker=marker,
            facecolors=face,
            edgecolors=edge,
            linewidths=1.4,
            label=label,
            zorder=3,
        )


def _draw_frontier(ax: Axes, frame: pd.DataFrame, x: str, y: str) -> None:
    """The staircase under which every system is beaten by one on the line."""
    corners = _stairs(pareto_frontier(frame, x, y), x, y)
    ax.plot(
        *zip(*corners, strict=True), color=INK, linewidth=1.1, linestyle=(0, (4, 2)), label="Pareto frontier", zorder=2
    )


def _log_speedups(ax: Axes, direction: str = "x") -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    ax.set(**{f"{direction}scale": "log"})
    axis = ax.xaxis if direction == "x" else ax.yaxis
    axis.set_major_locator(FixedLocator([0.03, 0.1, 0.3, 1, 3, 10, 30, 100]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))


def _stairs(best: pd.DataFrame, x: str, y: str) -> list[tuple[float, float]]:
    """The corners of the frontier's staircase."""
    corners = [(best[x].iloc[0], best[y].iloc[0])]
    for across, up in zip(best[x].iloc[1:], best[y].iloc[1:], strict=True):
        corners += [(corners[-1][0], up), (across, up)]
    return corners


def frontier(
    frame: pd.DataFrame,
    x: str = "speedup",
    y: str = "score",
    teacher: float | None = None,
    origin: str = "published",
) -> BookFigure:
    """Speedup against score, one point for each system, with the Pareto frontier.

    `frame` has the columns system, route, `x` (times as fast as BETO, on a logarithmic axis) and `y` (per cent).
    `teacher` is a score to measure gaps against (a dotted line; each distilled system's gap is drawn). `origin` says in
    the picture where the figures come from: "published", or how and when they were measured.
    """
    need_columns(frame, ["system", "route", x, y], "A frontier figure")
    frame = frame.reset_index(drop=True)
    best = pareto_frontier(frame, x, y)

    def draw(width: float) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        wide = width > 5
        figure = Figure(figsize=(width, width * (0.74 if wide else 1.6)), layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.subplots()
        _log_speedups(ax)
        _scatter_routes(ax, frame, x, y, 42 if wide else 24)
        _draw_frontier(ax, frame, x, y)
        pupils = frame[frame["route"] == "distillation"]
        if teacher is not None:
            ax.axhline(teacher, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label="teachers", zorder=1)
            ax.vlines(
                pupils[x], pupils[y], teacher, color=B, linewidth=0.7, alpha=0.4, label="gap to teachers", zorder=1
            )
        low, high = frame[y].min(), max(frame[y].max(), teacher or 0)
        spread = high - low or 1
        ax.set_ylim(low - 0.06 * spread, high + 0.12 * spread)
        ax.set_xlim(frame[x].min() / 1.6, frame[x].max() * (2.6 if wide else 2.2))
        ax.yaxis.set_major_locator(MaxNLocator(integer=spread > 3))
        ax.set_xlabel("speedup over BETO (operations, log scale)")
        ax.set_ylabel("score")
        said = fill(f"Figures: {origin}", 110 if wide else 50)
        ax.set_title(said, loc="right", fontsize="small", color=MUTED)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=5 if wide else 2)
        figure.canvas.draw()  # the layout is settled now, and the labels are placed on it
        figure.set_layout_engine("none")
        gap = frame[y] - teacher if teacher is not None else None
        names = []
        for place, row in frame.iterrows():
            name = row["system"] if wide else row["system"].replace("ALBETO ", "").replace("RoBERTa BNE", "R-BNE")
            if gap is not None and place in pupils.index:
                name += f" ({gap[place]:+.1f})".replace("-", "−").replace("+", "")
            names.append(name)
        lines = [_stairs(best, x, y)]
        lines += [] if teacher is None else [[(low, teacher), (high, teacher)] for low, high in [ax.get_xlim()]]
        lines += [] if teacher is None else [[(row[x], row[y]), (row[x], teacher)] for _, row in pupils.iterrows()]
        weights = [1.0, 0.7, *[0.15] * (len(lines) - 2)][: len(lines)]
        place_labels(ax, list(zip(frame[x], frame[y], strict=True)), names, 8.5 if wide else 7.2, lines, weights)
        return figure

    ends = [f"{row['system']} ({row[x]:g}×, {row[y]:g})" for _, row in best.iterrows()]
    between = listing(best["system"].iloc[1:-1]) if len(best) > 2 else "no other system"
    path = f"runs from {ends[0]} to {ends[-1]} through {between}" if len(best) > 1 else f"is {ends[0]} alone"
    gaps = "" if teacher is None else f" A dotted line marks the teachers' score of {teacher:.2f}."
    alt = (
        f"Speedup over BETO on a logarithmic axis against score for {len(frame)} systems ({origin}); open circles are "
        f"fine-tuned, filled diamonds distilled. The Pareto frontier {path}.{gaps}"
    )
    columns = ["system", "route", x, y]
    table = frame[columns].assign(frontier=["yes" if place in best.index else "" for place in frame.index])
    if teacher is not None:
        table["gap to teachers"] = frame[y] - teacher
    return BookFigure(draw, alt, table)


def frontier_by_task(results: pd.DataFrame, speedups: pd.DataFrame, teachers: pd.DataFrame | None = None) -> BookFigure:
    """One small frontier for each task, all on the same speedup axis.

    `results` as `published_results()`, `speedups` with system, route, speedup, `teachers` as `published_teachers()` (a
    dotted line at the task's teacher).
    """
    metrics = {task.name: task.score_metric for task in TASKS}
    frame = results[results["metric"] == results["task"].map(metrics)].merge(
        speedups[["system", "route", "speedup"]], on=["system", "route"], validate="many_to_one"
    )
    tasks = [task for task in TASKS if task.name in set(frame["task"])]
    levels = {} if teachers is None else teachers.set_index("task")["value"].to_dict()
    # One system collapsed on three tasks and would flatten their panels: they show the others, and say so.
    floor = {name: rows.median() - 25 for name, rows in frame.groupby("task")["value"]}
    below = frame[frame["value"] < frame["task"].map(floor)]

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure

        columns = 4 if width > 5 else 2
        rows = -(-len(tasks) // columns)
        figure = Figure(figsize=(width, rows * (2.15 if width > 5 else 1.75) + 0.5), layout="constrained")
        axes = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
        for ax, task in zip(axes, tasks, strict=False):
            own = frame[(frame["task"] == task.name) & (frame["value"] >= floor[task.name])]
            _log_speedups(ax)
            ax.set_xticks([0.1, 1, 10])
            _scatter_routes(ax, own, "speedup", "value", 16)
            _draw_frontier(ax, own, "speedup", "value")
            if task.name in levels:
                ax.axhline(
                    levels[task.name], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), label="teacher", zorder=1
                )
            hidden = below[below["task"] == task.name]
            if len(hidden):
                note = "\n".join(f"{row.system}:\n{row.value:g} ↓" for row in hidden.itertuples())
                ax.text(0.03, 0.03, note, transform=ax.transAxes, fontsize=6.5, color=MUTED, va="bottom")
            ax.set_title(
                f"{task.title} ({task.score_metric.upper() if task.score_metric == 'f1' else task.score_metric})",
                fontsize="medium",
            )
        for ax in axes[len(tasks) :]:
            ax.set_axis_off()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4 if width > 5 else 2)
        figure.supxlabel("speedup over BETO (operations, log scale)", fontsize="medium")
        return figure

    best = {task.title: pareto_frontier(frame[frame["task"] == task.name], "speedup", "value") for task in tasks}
    top = {title: rows.loc[rows["value"].idxmax()] for title, rows in best.items()}
    wins = [f"{title} {row['system']} ({row['value']:g})" for title, row in top.items()]
    notes = [f"{row.system} on {get_task(row.task).title} ({row.value:g})" for row in below.itertuples()]
    alt = (
        f"{len(tasks)} small panels, one a task: speedup over BETO on a logarithmic axis against the score on it, with "
        f"its Pareto frontier{' and its teacher as a dotted line' if levels else ''}. The highest in each panel: "
        f"{listing(wins)}."
    )
    alt += f" Below the panels' edge, written as a note: {listing(notes)}." if notes else ""
    systems = ["system", "route", "speedup"]
    table = frame.pivot(index=systems, columns="task", values="value")[[task.name for task in tasks]].reset_index()
    order = frame[systems].drop_duplicates()  # as they come, where pivot sorts by name
    return BookFigure(draw, alt, order.merge(table, on=systems))


# Runtime -> marker; int8 is filled, all else open. A family -> colour.
_RUNTIMES = {"PyTorch": "o", "ONNX Runtime": "D", "OpenVINO": "s"}
_FAMILIES = {"bert": ("BETO", A), "albert": ("ALBETO", B), "distilbert": ("DistilBETO", C), "roberta": ("RoBERTa", D)}


def _family(name: str) -> tuple[str, str]:
    """What a system's family is called, and its colour."""
    found = {system.name: system.family for system in SYSTEMS}.get(name)
    return _FAMILIES[found] if found else ("another", MUTED)


def deploy(choice: Choice, origin: str) -> BookFigure:
    """Milliseconds (logarithmic) against score for every candidate of a `choose`, with its budgets and its answer.

    The shape of a mark is the runtime and a filled one is int8, the colour is the family. The dashed line is the best
    score that each number of milliseconds buys; budgets are dotted lines, and a candidate above the budget of size is
    crossed out. `origin` says in the picture where both figures come from, such as "times measured, mini; scores
    published".
    """
    frame, ms, score = choice.candidates, choice.columns["ms"], choice.columns["score"]
    variants = list(dict.fromkeys(frame["variant"])) if "variant" in frame.columns else [""]
    shapes = {}
    for variant in variants:
        runtime = next((name for name in _RUNTIMES if str(variant).startswith(name)), None)
        shapes[variant] = (_RUNTIMES.get(runtime, "^"), "int8" in str(variant))
    families = dict(_family(name) for name in frame["system"])
    best = frame[frame["frontier"]].sort_values(ms)
    large = frame[frame[choice.columns["mb"]] > choice.budgets["max_mb"]] if "max_mb" in choice.budgets else frame[:0]
    answer = choice.answer

    def draw(width: float) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
        from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

        wide = width > 5
        figure = Figure(figsize=(width, width * (0.72 if wide else 1.6)), layout="constrained")
        FigureCanvasAgg(figure)
        ax = figure.subplots()
        ax.set_xscale("log")
        size = 42 if wide else 26
        for (system, variant), rows in frame.groupby(["system", frame.get("variant", frame["system"])], sort=False):
            marker, filled = shapes.get(variant, ("^", False))
            colour = _family(system)[1]
            ax.scatter(rows[ms], rows[score], s=size, marker=marker, facecolors=colour if filled else "none",
                       edgecolors=colour, linewidths=1.4, zorder=3)  # fmt: skip
        if len(large):
            ax.scatter(large[ms], large[score], s=1.6 * size, marker="x", color=MUTED, linewidths=1.2, zorder=4)
        spans = [frame[ms].min() / 1.5, frame[ms].max() * (2.2 if wide else 3)]
        levels = [frame[score].min(), frame[score].max()]
        if "max_ms" in choice.budgets:
            limit = choice.budgets["max_ms"]
            spans = [min(spans[0], limit / 1.5), max(spans[1], limit * 1.5)]
        if "min_score" in choice.budgets:
            least = choice.budgets["min_score"]
            levels = [min(levels[0], least), max(levels[1], least)]
        spread = levels[1] - levels[0] or 1
        ax.set_xlim(*spans)
        ax.set_ylim(levels[0] - 0.12 * spread, levels[1] + 0.16 * spread)
        stairs = _bought(best, ms, score, spans[1])
        dashes, dots = (0, (4, 2)), (0, (1, 2))
        ax.plot(*zip(*stairs, strict=True), color=INK, linewidth=1.1, linestyle=dashes, zorder=2)
        lines, budget = [stairs], {"color": MUTED, "linewidth": 1.3, "linestyle": dots, "zorder": 1}
        if "max_ms" in choice.budgets:
            ax.axvline(limit, **budget)
            lines.append([(limit, level) for level in ax.get_ylim()])
        if "min_score" in choice.budgets:
            ax.axhline(least, **budget)
            lines.append([(place, least) for place in ax.get_xlim()])
        if answer is not None:
            ax.scatter(answer[ms], answer[score], s=5 * size, marker="o", facecolors="none", edgecolors=INK,
                       linewidths=1.6, zorder=2.5)  # fmt: skip
        ax.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if wide else (1, 3)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        which = "" if ms == "p50_ms" else f"{ms.removesuffix('_ms').replace('_', ' ')}, "
        ax.set_xlabel(f"{which}milliseconds (log scale)")
        ax.set_ylabel(score.replace("_", " "))
        said = fill(f"Figures: {origin}", 100 if wide else 46)
        ax.set_title(said, loc="right", fontsize="small", color=MUTED)
        plain = {"linestyle": "none", "color": MUTED, "markersize": 6}
        entries = [
            Line2D([], [], marker=marker, markerfacecolor=MUTED if filled else PAPER, label=variant, **plain)
            for variant, (marker, filled) in shapes.items()
            if variant
        ]
        entries += [Line2D([], [], color=colour, linewidth=4, label=name) for name, colour in families.items()]
        entries.append(Line2D([], [], color=INK, linewidth=1.1, linestyle=dashes, label="frontier"))
        if len(lines) > 1:
            entries.append(Line2D([], [], color=MUTED, linewidth=1.3, linestyle=dots, label="budget"))
        if len(large):
            entries.append(Line2D([], [], marker="x", label="too large", **plain))
        if answer is not None:
            ring = {"marker": "o", "markerfacecolor": PAPER, "markersize": 11, "linestyle": "none"}
            entries.append(Line2D([], [], color=INK, label="the answer", **ring))
        figure.legend(handles=entries, loc="outside lower center", ncols=4 if wide else 2)
        figure.canvas.draw()  # the layout is settled now, and the labels are placed on it
        figure.set_layout_engine("none")
        # One name for each row of marks, at its slowest; the answer has a name of its own. The other marks keep free.
        rows = frame.loc[frame.groupby(["system", score], sort=False)[ms].idxmax()]
        rows = rows[~rows["answer"]]
        points, names = list(zip(rows[ms], rows[score], strict=True)), list(rows["system"])
        if answer is not None:
            points.append((answer[ms], answer[score]))
            names.append("\n".join(str(answer[name]) for name in ("system", "variant") if name in frame.columns))
            x, y = ax.transData.transform((answer[ms], answer[score]))
            radius = (5 * size) ** 0.5 / 2 * figure.dpi / 72
            corners = [(x + across * radius, y + up * radius) for across, up in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
            lines.append([tuple(corner) for corner in ax.transData.inverted().transform([*corners, corners[0]])])
        if not wide:
            names = [name.replace("ALBETO ", "").replace("RoBERTa BNE", "R-BNE") for name in names]
        for x, y in zip(frame[ms], frame[score], strict=True):  # a mark is avoided like a short line
            lines.append([(x, y), (x * 1.0001, y)])
        place_labels(ax, points, names, 8.5 if wide else 7.2, lines, [1.0] * len(lines))
        return figure

    ends = [f"{row['system']} ({_variant(row)}{row[score]:.2f} in {row[ms]:.2f} ms)" for _, row in best.iterrows()]
    path = f"runs from {ends[0]} to {ends[-1]}" if len(ends) > 1 else f"is {ends[0]} alone"
    noun = "candidates" if len(frame) > 1 else "candidate"
    units = {"max_ms": "at most {:g} ms", "max_mb": "at most {:g} MB", "min_score": "a score of at least {:g}"}
    asked = [units[name].format(value) for name, value in choice.budgets.items()]
    alt = (
        f"Milliseconds on a logarithmic axis against score for {len(frame)} {noun} ({origin}). "
        f"The frontier {path}. "
        f"{f'Asked for: {listing(asked)}. ' if asked else ''}"
    )
    alt += (
        "No candidate fits."
        if answer is None
        else f"The answer is {answer['system']} ({_variant(answer)}{answer[score]:.2f} in {answer[ms]:.2f} ms)."
    )
    names = ["system", *(name for name in ("route", "variant") if name in frame.columns)]
    table = frame[[*names, *(name for name in choice.columns.values() if name)]].copy()
    for name in ("fits", "frontier", "answer"):
        table[name] = frame[name].map({True: "yes", False: ""})
    return BookFigure(draw, alt, table)


def _variant(row: pd.Series) -> str:
    return f"{row['variant']}, " if "variant" in row.index else ""


def _bought(best: pd.DataFrame, ms: str, score: str, until: float) -> list[tuple[float, float]]:
    """The corners of the line of the best score that each number of milliseconds buys."""
    corners = [(best[ms].iloc[0], best[score].iloc[0])]
    for across, up in zip(best[ms].iloc[1:], best[score].iloc[1:], strict=True):
        corners += [(across, corners[-1][1]), (across, up)]
    return [*corners, (until, corners[-1][1])]


# For what has no route: colour, marker, line and hatch change together, so that print and colour-blind readers follow.
_SERIES = (
    (A, "o", "-", ""),
    (B, "D", "--", "////"),
    (C, "s", "-.", "\\\\\\\\"),
    (D, "^", ":", "xxx"),
    (MUTED, "v", "-", "||"),
)


def _series(names: list[str]) -> dict[str, tuple[str, str, str, str]]:
    if len(names) > len(_SERIES):
        raise ValueError(f"A figure tells at most {len(_SERIES)} series apart, not {len(names)}: draw fewer.")
    return dict(zip(names, _SERIES, strict=False))


def _extremes(frame: pd.DataFrame, by: str, x: str, y: str, number: str) -> str:
    """Each series' first and last value in words, and its peak where that lies between, for a text alternative."""
    said = []
    for name, rows in frame.groupby(by, sort=False):
        ordered = rows.sort_values(x)
        first, last, top = ordered.iloc[0], ordered.iloc[-1], ordered.loc[ordered[y].idxmax()]
        peak = f" over {top[y]:{number}} at {top[x]:,g}" if top[y] > max(first[y], last[y]) else ""
        said.append(f"{name} from {first[y]:{number}} at {first[x]:,g}{peak} to {last[y]:{number}} at {last[x]:,g}")
    return listing(said)


def _sign(ax: Axes, origin: str) -> None:
    """Where the figures come from, above the picture on the right."""
    if origin:
        ax.set_title(f"Figures: {origin}", loc="right", fontsize="small", color=MUTED)


def lines(
    frame: pd.DataFrame,
    x: str,
    y: str,
    by: str,
    title: str,
    percent: bool = False,
    log_x: bool = False,
    origin: str = "",
) -> BookFigure:
    """One line for each value of the column `by`; the columns' names label the axes, with spaces for underscores.

    `percent` draws the shares of column `y` (0 to 1) as per cent; `log_x` marks the values of `x` on a log axis.
    `origin` says in the picture where the figures come from.
    """
    need_columns(frame, [x, y, by], "A line figure")
    styles = _series(list(dict.fromkeys(frame[by])))

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, PercentFormatter

        wide = width > 5
        figure = Figure(figsize=(width, width * (0.5 if wide else 0.95)), layout="constrained")
        ax = figure.subplots()
        if log_x:
            ax.set_xscale("log")
            ax.set_xticks(sorted(set(frame[x])))
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        for name, rows in frame.groupby(by, sort=False):
            colour, marker, dash, _ = styles[name]
            marks = {"marker": marker, "markersize": 5} if len(rows) <= 30 else {}  # more would hide the line
            ax.plot(rows[x], rows[y], color=colour, linestyle=dash, label=name, **marks)
        if not log_x and (frame[x] % 1 == 0).all():
            ax.xaxis.set_major_locator(MaxNLocator(9 if wide else 6, integer=True, min_n_ticks=1))
        ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        if percent:
            ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            ax.set_ylim(bottom=0)
        ax.set_xlabel(x.replace("_", " "))
        ax.set_ylabel(y.replace("_", " "))
        _sign(ax, origin)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3 if wide else 2)
        return figure

    number = ".0%" if percent else ".2f"
    said = f" ({origin})" if origin else ""
    alt = f"{title}{said}: {y.replace('_', ' ')} by {x.replace('_', ' ')}. {_extremes(frame, by, x, y, number)}."
    table = frame.pivot(index=x, columns=by, values=y)[list(styles)]
    table = table.map("{:.1%}".format) if percent else table
    table = table.reset_index().rename(columns={x: x.replace("_", " ")})
    return BookFigure(draw, alt, table)


def dots(
    frame: pd.DataFrame, row: str, x: str, by: str, title: str, unit: str = "", origin: str = "", zero: bool = True
) -> BookFigure:
    """A line for each value of the column `row`, on it a mark at `x` for each value of the column `by`.

    `origin` says in the picture where the figures come from. The axis starts at 0 unless `zero` says otherwise.
    """
    need_columns(frame, [row, x, by], "A dot figure")
    styles = _series(list(dict.fromkeys(frame[by])))
    rows = list(dict.fromkeys(frame[row]))

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        wide = width > 5
        figure = Figure(figsize=(width, 1.4 + (0.42 if wide else 0.36) * len(rows)), layout="constrained")
        ax = figure.subplots()
        for place, name in enumerate(rows):
            own = frame.loc[frame[row] == name, x]
            ax.plot([own.min(), own.max()], [place, place], color=MUTED, linewidth=0.8, zorder=2)
        for name, own in frame.groupby(by, sort=False):
            colour, marker, _, _ = styles[name]
            heights = [rows.index(value) for value in own[row]]
            ax.plot(
                own[x], heights, linestyle="none", marker=marker, color=colour, markersize=6.5, label=name, zorder=3,
                markerfacecolor=PAPER if marker in "os" else colour, markeredgewidth=1.5,
            )  # fmt: skip
        ax.set_yticks(range(len(rows)), rows)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        if zero:
            ax.set_xlim(left=0)
        ax.xaxis.set_major_locator(MaxNLocator(8 if wide else 5, steps=[1, 2, 5, 10]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}{unit}"))
        ax.set_xlabel(x.replace("_", " "))
        _sign(ax, origin)
        figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3 if wide else 1)
        return figure

    said = []
    for name in rows:
        values = frame[frame[row] == name]
        said.append(
            f"{name} {listing(f'{value:.2f}{unit} ({key})' for key, value in zip(values[by], values[x], strict=True))}"
        )
    table = frame.pivot(index=row, columns=by, values=x).loc[rows, list(styles)].reset_index()
    source = f" ({origin})" if origin else ""
    return BookFigure(draw, f"{title}{source}: {'; '.join(said)}.", table)


def intervals(frame: pd.DataFrame, row: str, title: str, x: str = "score", origin: str = "published") -> BookFigure:
    """A line for each row of `frame`, in its order: the mark at `x`, the bar from the column low to the column high.

    All in one unit, which the name `x` may say. `origin` says in the picture where the figures come from, `title` is
    for the text alternative.
    """
    need_columns(frame, [row, x, "low", "high"], "A figure of intervals")
    frame = frame.reset_index(drop=True)

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        wide = width > 5
        figure = Figure(figsize=(width, 1.1 + 0.3 * len(frame)), layout="constrained")
        ax = figure.subplots()
        places = range(len(frame))
        ax.hlines(places, frame["low"], frame["high"], color=B, linewidth=2.2, zorder=2)
        for edge in ("low", "high"):
            ax.plot(frame[edge], places, linestyle="none", marker="|", color=B, markersize=8, zorder=2)
        ax.plot(
            frame[x], places, linestyle="none", marker="o", color=B, markersize=6, markerfacecolor=PAPER,
            markeredgewidth=1.6, zorder=3,
        )  # fmt: skip
        ax.set_yticks(places, frame[row])
        ax.set_ylim(len(frame) - 0.5, -0.5)
        ax.xaxis.set_major_locator(MaxNLocator(8 if wide else 5, steps=[1, 2, 5, 10]))
        ax.set_xlabel(x.replace("_", " "))
        if frame["low"].min() < 0 < frame["high"].max():
            ax.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        _sign(ax, origin)
        return figure

    said = [
        f"{name} {value:.2f} from {low:.2f} to {high:.2f}"
        for name, value, low, high in zip(frame[row], frame[x], frame["low"], frame["high"], strict=True)
    ]
    table = frame[[row, x, "low", "high"]]
    return BookFigure(draw, f"{title} ({origin}), each with its interval: {listing(said)}.", table)


def counted_and_timed(frame: pd.DataFrame) -> BookFigure:
    """Speedups by a count against speedups by a clock, both axes logarithmic, a panel for each value of `origin`.

    `frame` has the columns system, counted, timed (times as fast as the system that both are 1 for) and origin, which
    says where a panel's times come from. On the dashed diagonal the count tells the time.
    """
    need_columns(frame, ["system", "counted", "timed", "origin"], "A figure of counted and timed speedups")
    origins = list(dict.fromkeys(frame["origin"]))
    styles = _series(origins)
    values = frame[["counted", "timed"]].to_numpy(float)
    low, high = values.min() / 1.7, values.max() * 1.7

    def draw(width: float) -> Figure:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        wide = width > 5
        columns = min(2, len(origins)) if wide else 1
        rows = -(-len(origins) // columns)
        side = width / columns
        figure = Figure(figsize=(width, rows * side * 1.02), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for ax, origin in zip(axes, origins, strict=False):
            own = frame[frame["origin"] == origin]
            colour, marker, _, _ = styles[origin]
            _log_speedups(ax)
            _log_speedups(ax, "y")
            ax.set(xlim=(low, high), ylim=(low, high))
            ax.plot([low, high], [low, high], color=INK, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1)
            ax.scatter(
                own["counted"], own["timed"], s=34 if wide else 24, marker=marker, edgecolors=colour, linewidths=1.4,
                facecolors=PAPER, zorder=3,
            )  # fmt: skip
            ax.set_title(fill(origin, 46), fontsize="small")
        for ax in axes[len(origins) :]:
            ax.set_axis_off()
        figure.supxlabel("times as fast by MACs (log scale)", fontsize="medium")
        figure.supylabel("times as fast by the clock (log scale)", fontsize="medium")
        figure.canvas.draw()  # the layout is settled now, and the labels are placed on it
        figure.set_layout_engine("none")
        for ax, origin in zip(axes, origins, strict=False):
            own = frame[frame["origin"] == origin]
            names = [name.replace("ALBETO ", "").replace("RoBERTa BNE", "R-BNE") for name in own["system"]]
            diagonal = [(low, low), (high, high)]
            place_labels(ax, list(zip(own["counted"], own["timed"], strict=True)), names, 7.2, [diagonal], [0.4])
        return figure

    said = []
    for origin in origins:
        own = frame[frame["origin"] == origin].itertuples()
        points = [f"{row.system} {row.counted:.2f}× by MACs and {row.timed:.2f}× by the clock" for row in own]
        said.append(f"{origin}: {listing(points)}")
    alt = f"Times as fast by MACs against times as fast by the clock, with the diagonal. {'; '.join(said)}."
    return BookFigure(draw, alt, frame[["system", "counted", "timed", "origin"]])


def confusion(table: pd.DataFrame, title: str, origin: str = "") -> BookFigure:
    """A confusion matrix as squares: the larger, the larger the share of the gold label (row) they stand for.

    `table` is that of `confusion_matrix`: counts, gold labels down, predicted ones across. Right answers are filled.
    `origin` says in the picture where the figures come from.
    """
    counts = table.to_numpy()
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"A confusion matrix has as many rows as columns, not {counts.shape}: see confusion_matrix().")
    names = [str(name) for name in table.index]
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / totals.clip(min=1)

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
        from matplotlib.patches import Rectangle

        cell = min(0.62, (width - 1.2) / len(names))  # inches
        figure = Figure(figsize=(width, 1.2 + cell * len(names)), layout="constrained")
        ax = figure.subplots()
        ax.set_aspect("equal")
        ax.grid(visible=False)
        for gold, row in enumerate(shares):
            for predicted, share in enumerate(row):
                if not share:
                    continue
                edge, right = 0.9 * share**0.5, gold == predicted
                corner = (predicted - edge / 2, gold - edge / 2)
                ax.add_patch(
                    Rectangle(corner, edge, edge, facecolor=B if right else PAPER, edgecolor=B if right else A,
                              linewidth=1.3, zorder=2)
                )  # fmt: skip
                if cell < 0.4:  # no room for numbers
                    continue
                number = f"{counts[gold, predicted]:,}"
                if edge * cell > 0.085 * len(number) + 0.06:
                    place, align, colour = predicted, "center", PAPER if right else INK
                else:
                    place, align, colour = predicted + edge / 2 + 0.05, "left", INK
                ax.text(place, gold, number, ha=align, va="center", zorder=3, fontsize="small", color=colour)
        ax.set_xlim(-0.6, len(names) - 0.4)
        ax.set_ylim(len(names) - 0.4, -0.6)
        letters = cell / 0.085  # that fit below a column
        ax.set_xticks(range(len(names)), names, rotation=90 if max(map(len, names)) > letters else 0)
        ax.set_yticks(range(len(names)), names)
        ax.set_xlabel("predicted")
        ax.set_ylabel("gold")
        _sign(ax, origin)
        # Saved figures are cropped to what is drawn: a line of no width keeps few cells from being blown up.
        figure.add_artist(Line2D([0, 1], [0.5, 0.5], linewidth=0))
        return figure

    errors = [
        (counts[gold, predicted], f"{names[gold]} taken for {names[predicted]} {counts[gold, predicted]:,} times")
        for gold in range(len(names))
        for predicted in range(len(names))
        if gold != predicted and counts[gold, predicted]
    ]
    errors.sort(key=lambda error: -error[0])
    worst = f" Most often wrong: {listing([said for _, said in errors[:3]])}." if errors else " There is no error."
    right = int(counts.trace())
    said = f" ({origin})" if origin else ""
    alt = (
        f"{title}{said}: gold labels down, predicted labels across; {right:,} of {int(counts.sum()):,} on the diagonal."
    )
    return BookFigure(draw, alt + worst, table.rename_axis("gold").reset_index())


def seeds(frame: pd.DataFrame, origin: str) -> BookFigure:
    """A panel for each task, a line for each system: a small mark for each seed's run, a bar at their mean.

    `frame` has the columns system, task, seed and value (the score's metric, per cent).
    """
    need_columns(frame, ["system", "task", "seed", "value"], "A figure of seeds")
    systems = list(dict.fromkeys(frame["system"]))
    tasks = [task for task in TASKS if task.name in set(frame["task"])]
    means = frame.pivot_table(index="system", columns="task", values="value", sort=False)

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        wide = width > 5
        columns = min(4 if wide else 2, len(tasks))
        rows = -(-len(tasks) // columns)
        figure = Figure(figsize=(width, rows * (0.9 + 0.19 * len(systems)) + 0.3), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
        for ax, task in zip(axes, tasks, strict=False):
            own = frame[frame["task"] == task.name]
            heights = [systems.index(name) for name in own["system"]]
            ax.plot(own["value"], heights, linestyle="none", marker="o", color=B, markersize=3.2, alpha=0.75, zorder=3)
            ax.plot(
                means[task.name].loc[systems], range(len(systems)), linestyle="none", marker="|", color=A,
                markersize=9, markeredgewidth=2, zorder=2,
            )  # fmt: skip
            ax.set_title(task.title, fontsize="medium")
            ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
            ax.tick_params(labelsize="x-small")
        axes[0].set_yticks(range(len(systems)), systems)
        axes[0].set_ylim(len(systems) - 0.4, -0.6)
        for ax in axes[len(tasks) :]:
            ax.set_axis_off()
        figure.supxlabel(f"score (accuracy or F1); figures: {origin}", fontsize="small")
        return figure

    said = []
    for task in tasks:
        column = means[task.name]
        best, worst = (f"{column.loc[name]:.2f} ({name})" for name in (column.idxmax(), column.idxmin()))
        said.append(f"{task.title} from {worst} to {best}")
    runs = frame.groupby(["system", "task"])["seed"].nunique()
    number = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()} to {runs.max()}"
    alt = (
        f"{len(tasks)} panels, one a task, {len(systems)} systems in each, {number} runs with different seeds and "
        f"their mean ({origin}). Means: {'; '.join(said)}."
    )
    table = means[[task.name for task in tasks]].loc[systems].rename_axis(columns=None).reset_index()
    return BookFigure(draw, alt, table)


def parameters(frame: pd.DataFrame) -> BookFigure:
    """Where the parameters sit, in millions and as shares: `frame` has the columns system and those of `PARTS`."""
    need_columns(frame, ["system", *PARTS], "A figure of parameters")
    styles = _series(list(PARTS))

    def draw(width: float) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.ticker import PercentFormatter

        wide = width > 5
        rows = 0.3 * len(frame)
        figure = Figure(figsize=(width, 1.3 + rows if wide else 1.9 + 2 * rows), layout="constrained")
        grid = {"nrows": 1, "ncols": 2, "sharey": True} if wide else {"nrows": 2, "ncols": 1}
        millions, shares = figure.subplots(**grid)
        sizes = frame[list(PARTS)].to_numpy(float)
        for ax, values in ((millions, sizes / 1e6), (shares, sizes / sizes.sum(axis=1, keepdims=True))):
            left = 0 * values[:, 0]
            for column, part in enumerate(PARTS):
                colour, _, _, hatch = styles[part]
                ax.barh(
                    frame["system"], values[:, column], left=left, label=part, facecolor=PAPER if hatch else colour,
                    edgecolor=colour, hatch=hatch, height=0.66, linewidth=0.8, zorder=2,
                )  # fmt: skip
                left = left + values[:, column]
            ax.invert_yaxis()
            ax.grid(visible=False, axis="y")
        if wide:
            shares.invert_yaxis()  # a shared axis was turned twice
        for place, amount in enumerate(sizes.sum(axis=1) / 1e6):
            millions.text(amount, place, f" {amount:.1f}", va="center", fontsize="small")
        millions.set_xlim(0, sizes.sum(axis=1).max() / 1e6 * 1.2)
        millions.set_xlabel("million parameters")
        shares.set_xlim(0, 1)
        shares.set_xlabel("share of the parameters")
        shares.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(*millions.get_legend_handles_labels(), loc="outside lower center", ncols=4 if wide else 2)
        return figure

    total = frame[list(PARTS)].sum(axis=1)
    share = frame["word embeddings"] / total
    said = [
        f"{name} {amount / 1e6:.1f} million ({words:.0%} of them word embeddings)"
        for name, amount, words in zip(frame["system"], total, share, strict=True)
    ]
    return BookFigure(
        draw,
        f"Two sets of stacked bars, parameters by part in millions and as shares: {listing(said)}.",
        frame.assign(total=total),
    )
