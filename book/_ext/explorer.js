// The frontier explorer: reads its form, filters the page's data, draws figure and table, keeps the state in the link.
// The figure is Vega's (vega.js); everything else works without it.

"use strict";

{
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("explorer-data").textContent);
  const whole = find("explorer");
  const form = document.querySelector("form.explorer-form");
  const fields = form.elements;
  const taskNames = data.tasks.map((task) => task.name);
  const routeNames = Object.keys(data.routes);
  const STEPS = Number(fields.slider.max);
  const LIMITS = ["parameters", "macs", "ms"];
  const COSTS = { macs: "MACs", ms: "milliseconds", parameters: "parameters" };

  // ------------------------------------------------------------------ numbers and words

  const grouped = (text) => text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  // Three figures, so that 0.0123 and 1234 can stand in one sentence.
  const short = (value) => {
    if (value >= 100) return grouped(value.toFixed(0));
    return String(Number(value.toPrecision(3)));
  };
  const figures = (value, digits) => Number(value.toPrecision(digits));
  // The next number of two figures, below ("floor") or above ("ceil").
  const outward = (value, way) => {
    const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
    return figures(Math[way](value / unit) * unit, 2);
  };
  const listing = (words) =>
    words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const called = (row) => `${row.name} (${data.routes[row.route]})`;

  // ------------------------------------------------------------------ the state

  // What a page without a link shows. A budget of null is the default one: about half of what BETO costs.
  const start = () => ({
    figures: "published",
    tasks: [...taskNames],
    qa: "f1",
    cost: "macs",
    paper: false,
    tokens: 128,
    machine: "RTX 3090",
    batch: 1,
    route: [...routeNames],
    limits: { parameters: null, macs: null, ms: null },
    budget: null,
  });
  let state = start();

  const optionsOf = (name) => [...fields[name].options].map((option) => option.value);
  const positive = (text) =>
    /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) && Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : null;

  const toLink = () => {
    const base = start();
    const parts = new URLSearchParams();
    for (const name of ["figures", "qa", "cost", "tokens", "machine", "batch"])
      if (state[name] !== base[name]) parts.set(name, state[name]);
    for (const name of ["tasks", "route"])
      if (state[name].length !== base[name].length) parts.set(name, state[name].join(" "));
    if (state.paper) parts.set("paper", "yes");
    for (const name of LIMITS) if (state.limits[name] !== null) parts.set(`max-${name}`, state.limits[name]);
    if (state.budget !== null) parts.set("budget", state.budget);
    return parts.toString();
  };

  // The state that a link asks for, and a sentence for each part of it that makes no sense.
  const fromLink = (text) => {
    const wanted = start();
    const wrong = [];
    const left = (name, value) => wrong.push(`${name} “${value}”`);
    const choices = {
      figures: Object.keys(data.sets),
      qa: optionsOf("qa"),
      cost: Object.keys(COSTS),
      machine: Object.keys(data.machines),
      tokens: optionsOf("tokens"),
      batch: optionsOf("batch"),
    };
    for (const [name, value] of new URLSearchParams(text)) {
      const limit = name.replace(/^max-/, "");
      if (Object.hasOwn(choices, name)) {
        if (!choices[name].includes(value)) left(name, value);
        else wanted[name] = ["tokens", "batch"].includes(name) ? Number(value) : value;
      } else if (name === "tasks" || name === "route") {
        const known = name === "tasks" ? taskNames : routeNames;
        const asked = value.split(/[ ,+]+/).filter(Boolean);
        asked.filter((one) => !known.includes(one)).forEach((one) => left(name, one));
        const kept = known.filter((one) => asked.includes(one));
        if (kept.length || !asked.length) wanted[name] = kept;
      } else if (name === "paper") {
        if (value === "yes") wanted.paper = true;
        else left(name, value);
      } else if (name === "budget" || (name.startsWith("max-") && LIMITS.includes(limit))) {
        const number = positive(value);
        if (number === null) left(name, value);
        else if (name === "budget") wanted.budget = number;
        else wanted.limits[limit] = number;
      } else left(name, value);
    }
    const set = data.sets[wanted.figures];
    if (!set.timed && wanted.cost === "ms") {
      left("cost", "ms");
      wanted.cost = "macs";
    }
    if (!set.timed && wanted.limits.ms !== null) {
      left("max-ms", wanted.limits.ms);
      wanted.limits.ms = null;
    }
    if (!set.lengths.includes(wanted.tokens)) {
      left("tokens", wanted.tokens);
      wanted.tokens = start().tokens;
    }
    return { wanted, wrong };
  };

  // ------------------------------------------------------------------ from state to rows

  // [how many make one of the unit, the unit in words for "6 … MACs"]
  const unitOf = (cost) => (cost === "ms" ? [1, "milliseconds"] : data.sets[state.figures].units[cost]);
  const unitWords = (cost) => (cost === "ms" ? "milliseconds" : `${unitOf(cost)[1]} ${COSTS[cost]}`);

  // What one system costs in the unit; undefined where it was not timed.
  const costOf = (system, cost) => {
    if (cost === "ms") return data.times[state.machine]?.[state.batch]?.[state.tokens]?.[system.name];
    const raw = cost === "macs" ? system.macs[state.tokens][state.paper ? 1 : 0] : system.parameters;
    return raw / unitOf(cost)[0];
  };

  const metricOf = (task) => (task.metrics.length > 1 ? state.qa : task.metrics[0]);
  const chosenTasks = () => data.tasks.filter((task) => state.tasks.includes(task.name));
  // Whole numbers until the end, and cut after two decimals as in the paper's Score.
  const cutMean = (sum, count) => Math.floor(sum / (count * (data.parts / 100))) / 100;

  const scoresOf = (system, tasks) => {
    const { seeds } = data.sets[state.figures];
    const sums = Array.from({ length: seeds }, (_, seed) =>
      tasks.reduce((sum, task) => sum + system.values[task.name][metricOf(task)][seed], 0),
    );
    return {
      score: cutMean(
        sums.reduce((a, b) => a + b, 0),
        tasks.length * seeds,
      ),
      low: cutMean(Math.min(...sums), tasks.length),
      high: cutMean(Math.max(...sums), tasks.length),
    };
  };

  const beats = (a, b) => a.cost <= b.cost && a.score >= b.score && (a.cost < b.cost || a.score > b.score);
  // As `su.pareto_frontier`, with cost better the lower it is.
  const paretoFrontier = (rows) =>
    rows.filter((row) => !rows.some((other) => beats(other, row))).sort((a, b) => a.cost - b.cost || a.place - b.place);

  // Everything that is shown: rows that pass the filters, the frontier within the budget, the best of them.
  const compute = () => {
    const set = data.sets[state.figures];
    const tasks = chosenTasks();
    const all = set.systems.map((system) => costOf(system, state.cost)).filter((cost) => cost !== undefined);
    const range = [outward(Math.min(...all), "floor"), outward(Math.max(...all), "ceil")];
    const beto = set.systems.find((system) => system.name === "BETO uncased");
    const ofBeto = costOf(beto, state.cost);
    const middle = ofBeto === undefined ? Math.sqrt(range[0] * range[1]) : 0.55 * ofBeto;
    const budget = state.budget ?? figures(middle, 1);
    const untimed = [];
    const rows = [];
    set.systems.forEach((system, place) => {
      if (!state.route.includes(system.route)) return;
      const costs = Object.fromEntries(
        LIMITS.map((name) => [name, name === "ms" && !set.timed ? undefined : costOf(system, name)]),
      );
      for (const name of ["parameters", "macs"])
        if (state.limits[name] !== null && costs[name] > state.limits[name]) return;
      const needsTime = state.cost === "ms" || state.limits.ms !== null;
      if (needsTime && costs.ms === undefined) {
        untimed.push(system);
        return;
      }
      if (state.limits.ms !== null && costs.ms > state.limits.ms) return;
      const cost = costs[state.cost];
      if (tasks.length) rows.push({ ...system, place, costs, cost, ...scoresOf(system, tasks), fits: cost <= budget });
    });
    rows.sort((a, b) => a.cost - b.cost || b.score - a.score || a.place - b.place);
    const fitting = rows.filter((row) => row.fits);
    const front = paretoFrontier(fitting);
    const beyond = paretoFrontier(rows); // what a larger budget would add to it
    // The highest score, and of equals the cheapest, as `su.choose` has it.
    const best = [...fitting].sort((a, b) => b.score - a.score || a.cost - b.cost || a.place - b.place)[0];
    for (const row of rows) {
      row.best = row === best;
      row.front = front.includes(row);
      row.beyond = beyond.includes(row);
      const winner = row.front || !row.fits ? null : front.filter((one) => beats(one, row)).pop();
      row.standing = row.best
        ? "best choice"
        : row.front
          ? "on the frontier"
          : row.fits
            ? `beaten by ${called(winner)}`
            : "over the budget";
    }
    return { set, tasks, range, budget, rows, front, best, untimed };
  };

  // ------------------------------------------------------------------ the words

  const scoreWords = (tasks) => {
    if (tasks.length === 1) return `${tasks[0].title}, ${data.metrics[metricOf(tasks[0])]}`;
    return tasks.length === data.tasks.length
      ? `mean of all ${tasks.length} tasks`
      : `mean of ${listing(tasks.map((task) => task.title))}`;
  };
  const qaWords = (tasks) =>
    tasks.length > 1 && tasks.some((task) => task.metrics.length > 1)
      ? `, question answering by ${data.metrics[state.qa]}`
      : "";
  const textWords = () =>
    state.batch === 1 ? `one text of ${state.tokens} tokens` : `${state.batch} texts of ${state.tokens} tokens at once`;
  const costWords = () => {
    if (state.cost === "ms")
      return `milliseconds for ${textWords()} on ${data.machines[state.machine]}, the authors’ own timing`;
    if (state.cost === "parameters") return "parameters, counted";
    return `MACs for one text of ${state.tokens} tokens, counted${state.paper ? " as the paper does" : ""}`;
  };
  const filterWords = () => {
    const words = state.route.length === 1 ? [`only ${data.routes[state.route[0]]} systems`] : [];
    for (const name of LIMITS)
      if (state.limits[name] !== null)
        words.push(
          `at most ${short(state.limits[name])} ${unitWords(name)}${name === "ms" && state.cost !== "ms" ? ` on ${data.machines[state.machine]} (${textWords()})` : ""}`,
        );
    return words.length ? `; ${listing(words)}` : "";
  };
  const said = (value) => `${short(value)} ${unitWords(state.cost)}`;

  const answerWords = ({ set, tasks, budget, rows, front, best, untimed }) => {
    if (!tasks.length) return "Choose at least one task: a score is a mean over tasks.";
    if (!rows.length)
      return untimed.length && state.route.length
        ? "No system passes the filters that was also timed in this setting: choose another machine, or loosen a filter."
        : "No system passes the filters: loosen one of them.";
    if (!best) {
      const cheapest = rows[0];
      return `Nothing fits ${said(budget)}: the cheapest system that passes the filters is ${called(cheapest)} with ${said(cheapest.cost)}.`;
    }
    const others = front.filter((row) => row.cost === best.cost && row.score === best.score && row !== best);
    const twin = others.length
      ? ` ${listing(others.map(called))} ${others.length > 1 ? "are" : "is"} equal in both.`
      : "";
    const cheaper = front.filter((row) => row.cost < best.cost).pop();
    const step = cheaper
      ? ` One step down the frontier, ${called(cheaper)} scores ${(best.score - cheaper.score).toFixed(2)} less for ${((1 - cheaper.cost / best.cost) * 100).toFixed(0)}% ${state.cost === "ms" ? "less time" : `fewer ${COSTS[state.cost]}`}.`
      : " Nothing cheaper is left.";
    return `Best choice within ${said(budget)}: ${called(best)}, score ${best.score.toFixed(2)} (${set.origin}) for ${said(best.cost)}.${twin}${step}`;
  };

  const altWords = ({ set, tasks, budget, rows, front, best }) => {
    if (!rows.length) return "An empty figure: no system passes the filters.";
    const over = rows.filter((row) => !row.fits).length;
    const end = (row) => `${called(row)} (${short(row.cost)}, ${row.score.toFixed(2)})`;
    const between = front.length > 2 ? ` through ${listing(front.slice(1, -1).map(called))}` : "";
    const line = !best
      ? "No system fits the budget, so there is no frontier"
      : front.length === 1
        ? `The frontier is ${end(front[0])} alone`
        : `The frontier runs from ${end(front[0])} to ${end(front[front.length - 1])}${between}`;
    return (
      `${plural(rows.length, "system")}: ${costWords()}, on a logarithmic axis in ${unitWords(state.cost)}, against the score, ${scoreWords(tasks)}` +
      `${qaWords(tasks)} (${set.origin}). ${line}. The budget of ${said(budget)} leaves out ${plural(over, "system")}.`
    );
  };

  // ------------------------------------------------------------------ the table

  const cell = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };

  // The cost first, then what else is limited.
  const columns = () => [state.cost, ...LIMITS.filter((name) => name !== state.cost && state.limits[name] !== null)];
  const originOf = (set) => {
    const counted = columns().filter((name) => name !== "ms");
    const words = counted.length ? [`${listing(counted.map((name) => COSTS[name]))} counted`] : [];
    if (columns().includes("ms")) words.push("authors’ time");
    return `${set.origin_row}; ${listing(words)}`;
  };

  const showTable = (view) => {
    const { set, tasks, rows } = view;
    const table = find("explorer-table");
    const seeds = set.seeds > 1;
    const unit = (cost) =>
      cost === "ms" ? "Milliseconds" : `${cost === "macs" ? "MACs" : "Parameters"}, ${unitOf(cost)[1]}s`;
    const heads = ["System", "Route", "Score"];
    if (seeds) heads.push("Over the seeds");
    heads.push(unit(state.cost), "Standing", ...columns().slice(1).map(unit), "Origin");
    table.caption.firstElementChild.textContent = tasks.length
      ? `${plural(rows.length, "system")} of ${set.systems.length}, the cheapest first. Score: ${scoreWords(tasks)}${qaWords(tasks)} (${set.origin}). Cost: ${costWords()}${filterWords()}. Budget: ${said(view.budget)}.`
      : "No task is chosen.";
    const head = document.createElement("tr");
    const numbers = new Set(heads.slice(2).filter((text) => !["Standing", "Origin"].includes(text)));
    heads.forEach((text) =>
      head.append(cell("th", text, { scope: "col", ...(numbers.has(text) ? { class: "number" } : {}) })),
    );
    table.tHead.replaceChildren(head);
    const origin = originOf(set);
    table.tBodies[0].replaceChildren(
      ...rows.map((row) => {
        const line = document.createElement("tr");
        line.className = row.best ? "best" : row.front ? "front" : row.fits ? "" : "over";
        line.append(cell("th", row.name, { scope: "row" }), cell("td", data.routes[row.route]));
        line.append(cell("td", row.score.toFixed(2), { class: "number" }));
        if (seeds) line.append(cell("td", `${row.low.toFixed(2)}–${row.high.toFixed(2)}`, { class: "number" }));
        line.append(cell("td", short(row.cost), { class: "number" }), cell("td", row.standing, { class: "standing" }));
        for (const name of columns().slice(1)) line.append(cell("td", short(row.costs[name]), { class: "number" }));
        line.append(cell("td", origin));
        return line;
      }),
    );
  };

  // ------------------------------------------------------------------ the figure

  const stairs = ({ front, budget, range }, low) => {
    const points = [];
    front.forEach((row, place) => {
      if (place) points.push({ x: row.cost, y: front[place - 1].score });
      points.push({ x: row.cost, y: row.score });
    });
    // Labels keep away from the line, so Vega wants one even where nothing is drawn.
    const end = front.length ? front[front.length - 1].score : low;
    return [...points, { x: Math.min(Math.max(budget, range[0]), range[1] * 1.3), y: end }];
  };

  // 1, 2, 5, 10 … or, where that is too many, 1, 10, 100 …
  const ticks = ([low, high], most) => {
    for (const steps of [[1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
        for (const step of steps) found.push(Number(`${step}e${power}`));
      const inside = found.filter((value) => value >= low && value <= high);
      if (inside.length <= most || steps.length === 1) return inside;
    }
    return [];
  };

  const ink = "var(--fig-ink)";
  const muted = "var(--fig-muted)";
  const colour = {
    signal: "!datum.fits ? 'var(--fig-muted)' : datum.route === 'distillation' ? 'var(--fig-b)' : 'var(--fig-a)'",
  };
  const axis = {
    grid: true,
    gridColor: "var(--fig-grid)",
    domainColor: muted,
    tickColor: muted,
    labelColor: ink,
    labelFontSize: 12,
    titleColor: ink,
    titleFontSize: 13,
    titleFontWeight: "normal",
    titlePadding: 8,
  };
  const plot = find("explorer-plot");
  let vegaView = null;
  const plotHeight = () => (plot.clientWidth < 480 ? 340 : 420);

  const specification = (font) => ({
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: plot.clientWidth,
    height: plotHeight(),
    autosize: { type: "fit", contains: "padding" },
    padding: { left: 2, right: 8, top: 8, bottom: 2 },
    config: { aria: false, text: { font }, axis: { labelFont: font, titleFont: font } },
    signals: [
      { name: "budget", value: 1 },
      { name: "xs", value: [1, 10] },
      { name: "ys", value: [0, 100] },
      { name: "xTicks", value: [] },
      { name: "xTitle", value: "" },
      { name: "yTitle", value: "" },
    ],
    data: [
      { name: "systems" },
      { name: "stairs" },
      { name: "best", source: "systems", transform: [{ type: "filter", expr: "datum.best" }] },
    ],
    scales: [
      { name: "x", type: "log", domain: { signal: "xs" }, range: "width" },
      { name: "y", type: "linear", zero: false, domain: { signal: "ys" }, range: "height" },
    ],
    axes: [
      {
        ...axis,
        scale: "x",
        orient: "bottom",
        values: { signal: "xTicks" },
        title: { signal: "xTitle" },
        encode: { labels: { update: { text: { signal: "format(datum.value, ',~r')" } } } },
      },
      { ...axis, scale: "y", orient: "left", tickCount: 6, title: { signal: "yTitle" } },
    ],
    marks: [
      {
        type: "rect",
        encode: {
          enter: { fill: { value: "var(--speedy-soft)" } },
          update: {
            x: { signal: "clamp(scale('x', budget), 0, width)" },
            x2: { signal: "width" },
            y: { value: 0 },
            y2: { signal: "height" },
          },
        },
      },
      {
        type: "rule",
        name: "budget-line",
        encode: {
          enter: { stroke: { value: ink }, strokeWidth: { value: 1.5 }, strokeDash: { value: [2, 3] } },
          update: {
            x: { signal: "clamp(scale('x', budget), 0, width)" },
            y: { value: 0 },
            y2: { signal: "height" },
          },
        },
      },
      {
        type: "text",
        name: "budget-word",
        encode: {
          enter: {
            text: { value: "budget" },
            fill: { value: ink },
            fontSize: { value: 12 },
            baseline: { value: "top" },
          },
          update: {
            x: { signal: "clamp(scale('x', budget), 0, width)" },
            dx: { signal: "clamp(scale('x', budget), 0, width) > width / 2 ? -5 : 5" },
            align: { signal: "clamp(scale('x', budget), 0, width) > width / 2 ? 'right' : 'left'" },
            y: { value: 3 },
          },
        },
      },
      {
        type: "line",
        name: "frontier",
        from: { data: "stairs" },
        encode: {
          enter: { stroke: { value: ink }, strokeWidth: { value: 1.3 }, strokeDash: { value: [6, 3] } },
          update: { x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" } },
        },
      },
      {
        type: "symbol",
        from: { data: "best" },
        encode: {
          enter: { size: { value: 330 }, stroke: { value: ink }, strokeWidth: { value: 1.6 } },
          update: { x: { scale: "x", field: "cost" }, y: { scale: "y", field: "score" } },
        },
      },
      {
        type: "symbol",
        name: "points",
        from: { data: "systems" },
        encode: {
          enter: { strokeWidth: { value: 1.7 } },
          update: {
            x: { scale: "x", field: "cost" },
            y: { scale: "y", field: "score" },
            shape: { signal: "datum.route === 'distillation' ? 'diamond' : 'circle'" },
            size: { signal: "datum.route === 'distillation' ? 95 : 80" },
            stroke: colour,
            fill: {
              signal:
                "datum.route !== 'distillation' ? 'transparent' : datum.fits ? 'var(--fig-b)' : 'var(--fig-muted)'",
            },
            tooltip: { signal: "datum.tooltip" },
          },
        },
      },
      {
        type: "text",
        name: "labels",
        from: { data: "points" },
        interactive: false,
        encode: {
          update: {
            text: { field: "datum.label" },
            fill: { signal: "datum.datum.fits ? 'var(--fig-ink)' : 'var(--fig-muted)'" },
            fontSize: { signal: "width < 420 ? 11 : 12" },
            fontWeight: { signal: "datum.datum.best ? 'bold' : 'normal'" },
          },
        },
        transform: [
          {
            type: "label",
            size: { signal: "[max(width, 1), max(height, 1)]" },
            anchor: ["right", "left", "top", "bottom", "top-right", "top-left", "bottom-right", "bottom-left"],
            offset: [6],
            sort: { field: "datum.rank", order: "descending" },
            avoidMarks: ["frontier", "budget-word"],
          },
        ],
      },
    ],
  });

  const showFigure = async (view) => {
    const { set, tasks, rows, range, budget } = view;
    plot.setAttribute("aria-label", altWords(view));
    find("explorer-origin").textContent =
      `Figures: score ${set.origin}; ${state.cost === "ms" ? `milliseconds timed by the paper’s authors, ${data.machines[state.machine]}` : "cost counted from the architectures"}. Left is cheaper, up is better.`;
    if (!vegaView) return; // still loading, or not to be had
    const scores = rows.map((row) => row.score);
    const [low, high] = rows.length ? [Math.min(...scores), Math.max(...scores)] : [0, 100];
    const spread = high - low || 1;
    const xs = [range[0] * 0.8, range[1] * 1.3];
    const narrow = plot.clientWidth < 480;
    vegaView
      .signal("budget", Math.min(Math.max(budget, xs[0]), xs[1]))
      .signal("xs", xs)
      .signal("ys", [low - 0.07 * spread, high + 0.1 * spread])
      .signal("xTicks", ticks(xs, narrow ? 6 : 12))
      .signal(
        "xTitle",
        state.cost === "ms" ? "milliseconds (log scale)" : `${unitOf(state.cost)[1]} ${COSTS[state.cost]} (log scale)`,
      )
      .signal("yTitle", tasks.length === 1 ? `${scoreWords(tasks)} (${state.figures})` : `score (${state.figures})`)
      .width(plot.clientWidth)
      .height(plotHeight());
    // Of two names in one place the more important stays; the table has all of them.
    const values = rows.map((row) => ({
      ...{ cost: row.cost, score: row.score, route: row.route, fits: row.fits, best: row.best },
      label: narrow ? row.name.replace("ALBETO ", "").replace("RoBERTa BNE", "R-BNE") : row.name,
      rank: row.best ? 3 : row.beyond ? 2 : row.fits ? 1 : 0,
      tooltip: { title: called(row), Score: row.score.toFixed(2), Cost: said(row.cost), Standing: row.standing },
    }));
    vegaView.data("systems", values).data("stairs", stairs(view, low));
    await vegaView.runAsync();
  };

  const startFigure = async () => {
    if (typeof vegaEmbed === "undefined") throw new Error("vega.js was not loaded");
    const font = getComputedStyle(document.body).fontFamily;
    const how = {
      mode: "vega",
      renderer: "svg",
      actions: false,
      defaultStyle: false,
      tooltip: { disableDefaultStyle: true },
      logLevel: 2,
    };
    const embedded = await vegaEmbed(plot.firstElementChild, specification(font), how);
    vegaView = embedded.view;
  };

  // ------------------------------------------------------------------ form and state

  const sliderToBudget = (step, [low, high]) =>
    step >= STEPS ? high : step <= 0 ? low : figures(low * (high / low) ** (step / STEPS), 3);
  const budgetToSlider = (budget, [low, high]) =>
    Math.min(STEPS, Math.max(0, Math.round((STEPS * Math.log(budget / low)) / Math.log(high / low))));

  const fillForm = (view, active) => {
    const { set, range, budget } = view;
    const check = (name, wanted) =>
      form.querySelectorAll(`[name="${name}"]`).forEach((box) => (box.checked = wanted.includes(box.value)));
    check("figures", [state.figures]);
    check("tasks", state.tasks);
    check("cost", [state.cost]);
    check("route", state.route);
    fields.paper.checked = state.paper;
    for (const name of ["qa", "tokens", "machine", "batch"]) fields[name].value = state[name];
    for (const option of fields.tokens.options) option.disabled = !set.lengths.includes(Number(option.value));
    fields.machine.disabled = fields.batch.disabled = fields["max-ms"].disabled = !set.timed;
    form.querySelector('[name="cost"][value="ms"]').disabled = !set.timed;
    for (const name of LIMITS) {
      const field = fields[`max-${name}`];
      if (field !== active) field.value = state.limits[name] ?? "";
    }
    form.querySelectorAll("[data-unit]").forEach((place) => {
      const name = place.dataset.unit;
      place.textContent = name === "cost" ? unitWords(state.cost) : `${unitOf(name)[1]}s`;
    });
    if (fields.budget !== active) fields.budget.value = budget;
    if (fields.slider !== active) fields.slider.value = budgetToSlider(budget, range);
    fields.slider.setAttribute("aria-valuetext", said(budget));
  };

  const notice = (text) => (find("explorer-notice").textContent = text);
  // A reader who drags the slider hears the answer once it rests; the eye has figure and table at once.
  let speaking;
  const speak = (text) =>
    new Promise((said) => {
      clearTimeout(speaking);
      speaking = setTimeout(() => said((find("explorer-answer").textContent = text)), 150);
    });

  let asked = 0;
  const show = (active = null) => {
    const view = compute();
    fillForm(view, active);
    showTable(view);
    // Says when everything is shown, to whoever waits for it.
    const mine = (asked += 1);
    delete whole.dataset.shown;
    Promise.all([showFigure(view), speak(answerWords(view))]).then(() => {
      if (mine === asked) whole.dataset.shown = "all";
    });
    const { untimed } = view;
    find("explorer-notes").textContent = untimed.length
      ? `Not timed in this setting (${data.machines[state.machine]}, ${textWords()}), so not shown: ${listing([...new Set(untimed.map((one) => one.name))])}.`
      : "";
    const link = toLink();
    const address = location.href.split("#")[0] + (link ? `#${link}` : "");
    find("explorer-link").value = address;
    if (address !== location.href) history.replaceState(history.state, "", address);
    find("explorer-copied").textContent = "";
  };

  const checkedOf = (name) => [...form.querySelectorAll(`[name="${name}"]:checked`)].map((box) => box.value);

  const changed = (event) => {
    const field = event.target;
    notice("");
    if (field === fields.slider) {
      state.budget = sliderToBudget(Number(field.value), compute().range);
    } else if (field === fields.budget || LIMITS.some((name) => field === fields[`max-${name}`])) {
      const name = field.name.replace("max-", "");
      const value = positive(field.value);
      const empty = field.value === "" && !field.validity.badInput;
      if (value === null && !(empty && field !== fields.budget)) {
        const kept = field === fields.budget ? `the budget stays ${said(compute().budget)}` : "it is not used";
        if (field !== fields.budget) state.limits[name] = null;
        notice(`${field === fields.budget ? "A budget" : "A limit"} is a number above 0; ${kept}.`);
      } else if (field === fields.budget) state.budget = value;
      else state.limits[name] = value;
    } else {
      const before = { figures: state.figures, cost: state.cost };
      [state.figures] = checkedOf("figures");
      [state.cost] = checkedOf("cost");
      state.tasks = checkedOf("tasks");
      state.route = checkedOf("route");
      state.paper = fields.paper.checked;
      state.qa = fields.qa.value;
      state.machine = fields.machine.value;
      state.tokens = Number(fields.tokens.value);
      state.batch = Number(fields.batch.value);
      const set = data.sets[state.figures];
      if (state.figures !== before.figures) {
        // Units and sizes are others now: what was set for the one says nothing about the other.
        const undone = [];
        if (state.budget !== null) undone.push("the budget");
        if (LIMITS.some((name) => state.limits[name] !== null)) undone.push("the limits");
        state.limits = start().limits;
        state.budget = null;
        if (!set.timed && state.cost === "ms") {
          state.cost = start().cost;
          undone.push("milliseconds as the cost");
        }
        if (!set.lengths.includes(state.tokens)) {
          undone.push(`${state.tokens} tokens`);
          state.tokens = start().tokens;
        }
        if (undone.length) notice(`Other systems, with other sizes; this was put back: ${listing(undone)}.`);
      } else if (state.cost !== before.cost) state.budget = null;
    }
    show(event.type === "input" ? field : null);
  };

  // Typing comes as "input"; once it is done, "change" puts into a field of numbers what holds.
  form.addEventListener("input", changed);
  form.addEventListener("change", (event) => {
    if (event.target.type === "number") show();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelectorAll("[data-tasks]").forEach((button) =>
    button.addEventListener("click", () => {
      state.tasks = button.dataset.tasks === "all" ? [...taskNames] : [];
      show();
    }),
  );

  const readLink = () => {
    const { wanted, wrong } = fromLink(location.hash.slice(1));
    state = wanted;
    notice(wrong.length ? `This link asks for what is not here, and that was left out: ${listing(wrong)}.` : "");
    show();
  };
  // A link to a heading of this page has no "=" in it.
  const isState = () => location.hash === "" || location.hash.includes("=");

  find("explorer-reset").addEventListener("click", () => {
    state = start();
    notice("");
    show();
  });
  find("explorer-copy").addEventListener("click", async () => {
    const field = find("explorer-link");
    let done = true;
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.focus();
      field.select();
      done = document.execCommand("copy");
    }
    find("explorer-copied").textContent = done ? "The link is copied." : "The link is selected: copy it with Ctrl+C.";
  });

  document.querySelector(".explorer-whole").open = false;
  whole.classList.add("explorer-ready");
  window.addEventListener("hashchange", () => {
    if (isState()) readLink();
  });
  if (isState()) readLink();
  else show();
  startFigure().then(
    () => {
      show(document.activeElement);
      new ResizeObserver(() => showFigure(compute())).observe(plot);
    },
    (problem) => {
      plot.replaceWith(
        cell("p", `The figure could not be drawn (${problem.message}). The table has all that it would show.`),
      );
    },
  );
}
