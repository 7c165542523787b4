"""The frontier explorer as a reader meets it: in a browser, from the file system, by mouse and by keyboard."""

import functools
import gzip
import json
import random
import re
import sys
from decimal import Decimal
from urllib.parse import unquote, urlencode, urlsplit

import pandas as pd
import pytest
from conftest import ROOT, SITE, Visit, site_pages

import speedy_utils as su
from speedy_utils.mini.systems import MINI, POSITIONS, mini_system

PAGE = "book/frontier-explorer.html"
COSTS = {"macs": "MACs", "ms": "milliseconds", "parameters": "parameters"}
ROUTES = {"fine-tuned": "fine-tuning", "distilled": "distillation"}
MACHINES = ["RTX 3090", "RTX 2080", "cpu A", "cpu B"]
READ_TABLE = """() => [...document.querySelectorAll("#explorer-table tbody tr")].map(
    row => [...row.cells].map(cell => cell.textContent))"""
# Gives the hash to the page as an edited link does, and reads the table when the page has answered.
FOLLOW = """async (links) => {
    const found = [];
    for (const link of links) {
        const heard = new Promise(done => addEventListener("hashchange", done, {once: true}));
        location.hash = link;
        await heard;
        const form = document.querySelector("form.explorer-form");
        found.push({
            heads: [...document.querySelectorAll("#explorer-table thead th")].map(one => one.textContent),
            rows: [...document.querySelectorAll("#explorer-table tbody tr")].map(
                row => [...row.cells].map(cell => cell.textContent)),
            budget: Number(form.elements.budget.value),
            notice: document.getElementById("explorer-notice").textContent,
        });
    }
    return found;
}"""


PATIENCE = 90_000  # milliseconds: a busy machine is no flaw of the page


@pytest.fixture(scope="module")
def reader(browser, site):
    """One visit for most tests: the page is opened once."""
    one = Visit(browser)
    open_explorer(one)
    yield one
    one.close()


@pytest.fixture
def page(reader):
    """The page in its first state; whatever went wrong on it fails the test that used it."""
    reader.page.get_by_role("button", name="Start again").click()
    reader.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    yield reader.page
    flaws, reader.flaws[:] = list(reader.flaws), []
    assert flaws == []


def open_explorer(reader, state=""):
    page = reader.page
    page.set_default_timeout(PATIENCE)
    page.goto((SITE / PAGE).as_uri() + (f"#{state}" if state else ""), wait_until="load")
    page.locator("#explorer-plot svg .labels text").first.wait_for(state="attached")
    return settled(page)


def settled(page):
    """The page, once sentence and figure have followed."""
    page.locator("#explorer[data-shown=all]").wait_for()
    return page


def answer(page):
    return settled(page).locator("#explorer-answer").inner_text()


def table(page):
    return page.evaluate(READ_TABLE)


def points(page):
    return settled(page).locator("#explorer-plot svg .points path").count()


# ------------------------------------------------------------------ the same answers as the package gives


timings = functools.cache(su.authors_speed)
parameters = functools.cache(su.count_parameters)


@functools.cache
def published_systems(tokens, paper):
    return pd.DataFrame(
        [
            {
                "system": s.name,
                "route": s.route,
                "parameters": parameters(s) / 1e6,
                "macs": su.count_macs(s, sequence_length=tokens, attention_products=not paper) / 1e9,
            }
            for s in su.SYSTEMS
        ]
    )


@functools.cache
def measured_systems(tokens, paper):
    study = su.measured_study()
    pairs = [(name, "fine-tuning") for name in MINI]
    pairs += [(name, "distillation") for name in study[study["way"] == "taught"]["system"].unique()]
    return pd.DataFrame(
        [
            {
                "system": name,
                "route": route,
                "parameters": parameters(mini_system(name)) / 1e3,
                "macs": su.count_macs(mini_system(name), sequence_length=tokens, attention_products=not paper) / 1e6,
            }
            for name, route in pairs
        ]
    )


@pytest.fixture(scope="module")
def figures():
    """{published or measured: {(system, route, task, metric): values of the seeds}}."""
    study = su.measured_study()
    tables = {
        "published": su.published_results(),
        "measured": pd.concat(
            [
                su.measured_results().assign(route="fine-tuning"),
                study[study["way"] == "taught"].assign(route="distillation"),
            ]
        ),
    }
    return {
        name: rows.groupby(["system", "route", "task", "metric"])["value"].apply(list).to_dict()
        for name, rows in tables.items()
    }


def expected(state, figures):
    """The rows that pass the filters, with score and cost, computed from the package's tables."""
    systems = {"published": published_systems, "measured": measured_systems}[state["figures"]]
    frame = systems(state["tokens"], state["paper"])
    speed = timings()
    speed = speed[(speed["machine"] == state["machine"]) & (speed["batch_size"] == state["batch"])]
    speed = speed[speed["sequence_length"] == state["tokens"]].set_index("system")["latency_ms_mean"]
    frame = frame.assign(ms=frame["system"].map(speed))
    frame = frame[frame["route"].isin(state["route"])]
    for name, limit in state["limits"].items():
        frame = frame[frame[name] <= limit]  # a system without a timing is out as well
    frame = frame.dropna(subset=[state["cost"]])
    scores = []
    for row in frame.itertuples():
        values = []
        for task in state["tasks"]:
            metrics = su.get_task(task).metrics
            metric = state["qa"] if len(metrics) > 1 else metrics[0]
            values += figures[state["figures"]][row.system, row.route, task, metric]
        exact = sum(Decimal(repr(value)) for value in values) / len(values)
        scores.append(su.cut(exact))
    return frame.assign(score=scores, cost=frame[state["cost"]])


def draw(rng):
    """A random state of the form."""
    measured = rng.random() < 0.35
    tasks = [task.name for task in su.TASKS]
    kept = tasks if rng.random() < 0.3 else rng.sample(tasks, rng.randint(1, len(tasks) - 1))
    cost = rng.choice(["macs", "parameters"] if measured else ["macs", "parameters", "ms", "ms"])
    state = {
        "figures": "measured" if measured else "published",
        "tasks": sorted(kept, key=tasks.index),
        "qa": rng.choice(["f1", "exact_match"]),
        "cost": cost,
        "paper": rng.random() < 0.5,
        "tokens": rng.choice([128, 256] if measured else [128, 256, 512]),
        "machine": rng.choice(MACHINES),
        "batch": rng.choice([1, 1, 8, 64]),
        "route": rng.choice([[*ROUTES.values()], [*ROUTES.values()], ["fine-tuning"], ["distillation"]]),
        "limits": {},
    }
    if rng.random() < 0.3:
        state["limits"]["parameters"] = rng.choice([12, 60, 120] if not measured else [50, 200, 400])
    if rng.random() < 0.2:
        state["limits"]["macs"] = rng.choice([3, 10, 50])
    if rng.random() < 0.2 and not measured:
        state["limits"]["ms"] = rng.choice([3, 20, 300])
    return state


def link(state, budget):
    parts = {name: state[name] for name in ("figures", "qa", "cost", "tokens", "machine", "batch")}
    parts |= {"tasks": " ".join(state["tasks"]), "route": " ".join(state["route"]), "budget": repr(budget)}
    parts |= {f"max-{name}": limit for name, limit in state["limits"].items()}
    return urlencode(parts | ({"paper": "yes"} if state["paper"] else {}))


def test_frontier_and_choice_are_those_of_the_package(page, figures):
    """A hundred random settings and budgets, some of them exactly what a system costs, and ties."""
    rng = random.Random(6)
    cases = []
    while len(cases) < 100:
        state = draw(rng)
        rows = expected(state, figures)
        if len(rows):
            costs = rows["cost"].tolist()
            budget = rng.choice([rng.choice(costs), rng.uniform(min(costs) * 0.8, max(costs) * 1.1)])
        else:
            budget = 5.0
        cases.append((state, budget, rows))
    # Equal scores at different costs: ALBETO tiny and base-6, distilled, are the best on MLDoc together.
    state = {**draw(rng), "figures": "published", "tasks": ["mldoc"], "cost": "macs", "limits": {}}
    state |= {"route": ["distillation"], "tokens": 128}
    ties = expected(state, figures)
    assert ties["score"].duplicated().any()
    cases += [(state, budget, ties) for budget in sorted(set(ties["cost"]))]
    seen = page.evaluate(FOLLOW, [f"{link(state, budget)}&n={n}" for n, (state, budget, _) in enumerate(cases)])
    empty = 0
    for (state, budget, rows), shown in zip(cases, seen, strict=True):
        where = link(state, budget)
        assert "n “" in shown["notice"], where  # the counter, which only makes each link a new one
        assert shown["budget"] == budget, where
        at = {name: place for place, name in enumerate(shown["heads"])}
        cost_at = at["Standing"] - 1
        page_rows = {(row[0], ROUTES[row[1]]): row for row in shown["rows"]}
        assert len(page_rows) == len(shown["rows"])
        by_name = rows.set_index(["system", "route"])
        assert set(page_rows) == set(by_name.index), where
        fitting = rows[rows["cost"] <= budget]
        front = su.pareto_frontier(fitting.assign(cheapness=-fitting["cost"]), "cheapness") if len(fitting) else fitting
        choice = su.choose(rows, max_ms=budget, ms="cost").answer if len(rows) else None
        empty += choice is None
        best = None if choice is None else (choice["system"], choice["route"])
        on_line = set(zip(front["system"], front["route"], strict=True))
        for key, row in page_rows.items():
            assert float(row[at["Score"]]) == by_name.loc[key, "score"], (where, key)
            assert float(row[cost_at].replace(",", "")) == pytest.approx(by_name.loc[key, "cost"], rel=6e-3)
            standing = row[at["Standing"]]
            assert (standing in ("best choice", "on the frontier")) == (key in on_line), (where, key, standing)
            assert (standing == "best choice") == (key == best), (where, key, standing)
            assert (standing == "over the budget") == (by_name.loc[key, "cost"] > budget), (where, key, standing)
            if standing.startswith("beaten by "):
                name, route = re.fullmatch(r"beaten by (.+) \((.+)\)", standing).groups()
                winner, own = by_name.loc[(name, ROUTES[route])], by_name.loc[key]
                assert winner["cost"] <= own["cost"] and winner["score"] >= own["score"]
                assert (winner["cost"], winner["score"]) != (own["cost"], own["score"])
    assert 0 < empty < 50, "the settings should not all be of one kind"


def test_with_all_tasks_the_score_is_the_papers(page):
    rows = table(page)
    summary = su.published_summary()
    shown = {(row[0], ROUTES[row[1]]): float(row[2]) for row in rows}
    assert shown == {(row.system, row.route): row.score for row in summary.itertuples()}


# ------------------------------------------------------------------ by mouse, by keyboard


def test_by_mouse_the_figure_table_and_sentence_follow(page):
    first, alt = answer(page), page.locator("#explorer-plot").get_attribute("aria-label")
    assert "Best choice within" in first and "(published)" in first
    assert len(alt) > 60 and points(page) == len(table(page)) == 17
    line = page.locator("#explorer-plot .budget-line line")
    before = line.evaluate("l => l.getBoundingClientRect().x")
    stairs = page.locator("#explorer-plot .frontier path").get_attribute("d")
    slider = page.get_by_role("slider", name="Budget")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert answer(page) != first
    assert page.locator("#explorer-plot").get_attribute("aria-label") != alt
    assert page.locator("#explorer-plot .frontier path").get_attribute("d") != stairs
    assert line.evaluate("l => l.getBoundingClientRect().x") > before + 50
    number = float(page.locator("[name=budget]").input_value())
    assert slider.get_attribute("aria-valuetext").startswith(f"{number:g}")
    page.get_by_label("distilled", exact=True).uncheck()
    rows = table(page)
    assert {row[1] for row in rows} == {"fine-tuned"} and points(page) == len(rows)
    page.get_by_role("button", name="No task").click()
    assert answer(page).startswith("Choose at least one task") and table(page) == []
    page.get_by_label("NER", exact=True).check()
    assert "NER, F1" in page.locator("#explorer-table caption").inner_text()
    page.get_by_role("button", name="Start again").click()
    assert answer(page) == first and "#" not in page.url


def test_by_keyboard_alone(page):
    page.locator("input[name=figures]:checked").focus()
    order = []
    for _ in range(40):
        order.append(page.evaluate("document.activeElement.name || document.activeElement.id"))
        if order[-1] == "slider":
            break
        page.keyboard.press("Tab")
    wanted = ["figures", "tasks", "qa", "cost", "paper", "tokens", "machine", "batch", "route", "budget", "slider"]
    assert [name for name in dict.fromkeys(order) if name in wanted] == wanted
    said = set()
    for key in ("Home", "PageUp", "ArrowRight", "End"):
        page.keyboard.press(key)
        said.add(answer(page))
    assert len(said) >= 3
    assert not [row for row in table(page) if "over the budget" in row]
    page.keyboard.press("Shift+Tab")  # the number
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    assert answer(page).startswith("Best choice within 2 thousand million MACs")
    page.locator("input[name=tasks]").first.focus()
    page.keyboard.press("Space")
    assert "MLDoc" not in page.locator("#explorer-table caption").inner_text()
    page.locator("input[name=cost]:checked").focus()
    page.keyboard.press("ArrowDown")
    assert "milliseconds" in answer(page)
    region = page.locator("#explorer-table").locator("xpath=..")
    region.focus()
    assert region.evaluate("one => one === document.activeElement") and region.get_attribute("aria-label")


def test_each_press_of_a_key_moves_the_budget(page):
    """In the setting with the smallest range, where a step could vanish in the rounding."""
    page.evaluate(FOLLOW, ["cost=ms&machine=cpu+B"])
    page.locator("[name=slider]").focus()
    page.keyboard.press("Home")
    numbers = []
    for _ in range(25):
        numbers.append(float(page.locator("[name=budget]").input_value()))
        page.keyboard.press("ArrowRight")
    assert numbers == sorted(set(numbers))


def test_every_control_has_a_name_and_the_table_its_scopes(page):
    controls = page.locator(".explorer :is(input, select, button)")
    assert controls.count() > 25
    nameless = """all => all.filter(one => !(one.labels && [...one.labels].some(l => l.textContent.trim()))
        && !one.getAttribute("aria-label") && !one.textContent.trim()).map(one => one.outerHTML)"""
    assert controls.evaluate_all(nameless) == []
    groups = page.locator("form.explorer-form fieldset")
    assert groups.count() == groups.locator("> legend").count() >= 6
    assert page.locator("#explorer-answer[aria-live=polite]").count() == 1
    for one in page.locator(".explorer table").all():
        assert one.locator("caption").inner_text() or not one.is_visible()
        assert one.locator("thead th:not([scope=col])").count() == 0
        assert one.locator("tbody tr").count() == one.locator("tbody th[scope=row]").count() > 0


# ------------------------------------------------------------------ the link


def test_a_link_carries_the_state(visit):
    reader = visit()
    reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_explorer(reader)
    page.get_by_role("radio", name="milliseconds").check()
    page.get_by_label("Length of a text").select_option("512")
    page.get_by_label("Timed on").select_option("RTX 2080")
    page.get_by_role("button", name="No task").click()
    for task in ("NER", "XNLI"):
        page.get_by_label(task, exact=True).check()
    page.get_by_label("Parameters, at most", exact=False).fill("120")
    page.locator("[name=budget]").fill("20")
    want = answer(page), table(page), page.locator("#explorer-plot").get_attribute("aria-label")
    page.get_by_role("button", name="Copy link").click()
    page.wait_for_function("document.getElementById('explorer-copied').textContent")
    address = page.get_by_label("Link to this view").input_value()
    assert address == page.url and "budget=20" in address
    assert "The link is copied." in page.locator("#explorer-copied").inner_text()
    assert page.evaluate("navigator.clipboard.readText()") == address
    other = visit()
    again = open_explorer(other, urlsplit(address).fragment)
    assert (answer(again), table(again), again.locator("#explorer-plot").get_attribute("aria-label")) == want
    assert again.get_by_label("NER", exact=True).is_checked()
    assert not again.get_by_label("POS", exact=True).is_checked()
    assert again.get_by_label("Timed on").input_value() == "RTX 2080"
    assert again.locator("#explorer-notice").inner_text() == "" and again.url == address
    assert reader.flaws == other.flaws == []


def test_what_a_link_has_wrong_is_said_and_left_out(page):
    before = table(page)
    for wrong, word in [
        ("tasks=nerr pos", "tasks “nerr”"),
        ("cost=euros", "cost “euros”"),
        ("budget=-3", "budget “-3”"),
        ("budget=many", "budget “many”"),
        ("budget=1e999", "budget “1e999”"),
        ("machine=<b>abacus</b>", "machine “<b>abacus</b>”"),
        ("tokens=513", "tokens “513”"),
        ("figures=invented", "figures “invented”"),
        ("figures=measured&cost=ms", "cost “ms”"),
        ("figures=measured&tokens=512", "tokens “512”"),
        ("constructor=1", "constructor “1”"),
        ("max-speed=3", "max-speed “3”"),
    ]:
        shown = page.evaluate(FOLLOW, [wrong])[0]
        assert word in shown["notice"] and "left out" in shown["notice"], wrong
        assert shown["rows"], wrong
    assert page.evaluate(FOLLOW, ["tasks=nerr&budget=0&route=walking"])[0]["rows"] == before
    assert page.locator("#explorer-notice b").count() == 0
    good = page.evaluate(FOLLOW, ["tasks=nerr ner&budget=x&route=distillation"])[0]
    assert {row[1] for row in good["rows"]} == {"distilled"}
    assert "NER, F1" in page.locator("#explorer-table caption").inner_text()
    assert "nerr" not in unquote(page.url)


def test_a_number_that_is_none_is_said(page):
    budget = page.locator("[name=budget]")
    kept = answer(page)
    for wrong in ("0", "-4", ""):
        budget.fill(wrong)
        assert "above 0" in page.locator("#explorer-notice").inner_text()
        assert answer(page) == kept
    budget.blur()
    assert budget.input_value() == "6"
    page.locator("[name=max-parameters]").fill("-1")
    assert "above 0" in page.locator("#explorer-notice").inner_text() and len(table(page)) == 17
    page.locator("[name=max-parameters]").fill("1")
    assert "No system passes the filters" in answer(page)
    assert page.locator("#explorer-notice").inner_text() == ""


# ------------------------------------------------------------------ where figures come from


def test_published_and_measured_are_told_apart(page):
    def origins():
        caption = page.locator("#explorer-table caption").inner_text()
        alt = page.locator("#explorer-plot").get_attribute("aria-label")
        return [caption, alt, page.locator("#explorer-origin").inner_text(), *(row[-1] for row in table(page))]

    assert all("published" in text and "measured" not in text for text in origins())
    page.locator("[name=budget]").fill("7")
    page.get_by_role("radio", name="Measured at mini").check()
    assert all("measured" in text and "mini" in text and "published" not in text for text in origins())
    assert "measured" in answer(page) and su.measured_record()["date"] in answer(page)
    assert "put back" in page.locator("#explorer-notice").inner_text()
    assert page.get_by_role("radio", name="milliseconds").is_disabled()
    assert page.locator("[name=tokens] option:not(:disabled)").evaluate_all("all => all.map(o => +o.value)") == [
        n for n in (128, 256, 512) if n <= POSITIONS
    ]
    assert len(table(page)) == len(MINI) + 6 and points(page) == len(table(page))
    page.get_by_role("radio", name="Published").check()
    assert all("published" in text and "measured" not in text for text in origins())


def test_the_two_settings_of_the_cpu_never_meet(page):
    speed = su.authors_speed()
    for machine in ("cpu A", "cpu B"):
        page.evaluate(FOLLOW, [f"cost=ms&tokens=512&machine={machine.replace(' ', '+')}"])
        timed = set(speed[(speed["machine"] == machine)]["system"])
        shown = {row[0] for row in table(page)}
        assert shown == timed & {system.name for system in su.SYSTEMS}
        left = page.locator("#explorer-notes").inner_text()
        assert all(system.name in left for system in su.SYSTEMS if system.name not in shown)


# ------------------------------------------------------------------ schemes, paper, no scripts, weight


def test_the_figure_follows_the_switch_and_prints_on_light_paper(visit):
    reader = visit()
    page = open_explorer(reader)
    ink = "[...document.querySelectorAll('#explorer-plot .points path')].map(path => getComputedStyle(path).stroke)"
    light = page.evaluate(ink)
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert set(page.evaluate(ink)).isdisjoint(light)
    page.emulate_media(media="print")
    page.wait_for_function(f"light => String({ink}) === light", arg=",".join(light))
    assert not page.locator("form.explorer-form").is_visible() and page.locator("#explorer-answer").is_visible()
    svg = page.locator("#explorer-plot svg")
    assert svg.is_visible() and len(page.pdf()) > 30_000
    assert reader.flaws == []


def test_the_figure_fits_a_phone_and_follows_its_turn(visit):
    reader = visit(width="phone")
    page = open_explorer(reader, "figures=measured")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth + 1")
    box = page.locator("#explorer-plot svg").bounding_box()
    assert box["x"] >= 0 and 250 < box["width"] <= 390
    page.set_viewport_size({"width": 844, "height": 390})
    page.wait_for_function("document.querySelector('#explorer-plot svg').getBoundingClientRect().width > 500")
    assert reader.flaws == []


def test_without_scripts_the_page_has_the_whole_tables(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto((SITE / PAGE).as_uri())
    tables = page.locator(".explorer-whole table:visible")
    assert tables.count() == 2
    assert "published" in tables.first.inner_text() and "measured" not in tables.first.inner_text()
    assert [one.locator("tbody tr").count() for one in tables.all()] == [17, len(MINI) + 6]
    score = su.published_results().query("system == 'BERTIN' and task == 'sqac' and metric == 'f1'")["value"].item()
    assert f"{score:.2f}" in tables.first.locator("tr", has_text="BERTIN").inner_text()
    assert not page.locator("form.explorer-form").is_visible()
    assert page.get_by_text("runs no scripts", exact=False).is_visible()
    context.close()


def test_without_the_library_the_table_still_works(visit):
    reader = visit()
    reader.context.route("**/vega.js*", lambda route: route.abort())
    page = reader.page
    page.set_default_timeout(PATIENCE)
    page.goto((SITE / PAGE).as_uri(), wait_until="load")
    page.get_by_text("The figure could not be drawn").wait_for()
    page.locator("[name=budget]").fill("2")
    assert answer(page).startswith("Best choice within 2")


def test_the_library_is_loaded_on_its_page_only_and_is_light(visit):
    with_it = [path for path in site_pages() if "explorer/vega.js" in path.read_text(encoding="utf-8")]
    assert with_it == [SITE / PAGE]
    reader, loaded = visit(), set()
    reader.page.on("request", lambda request: loaded.add(unquote(urlsplit(request.url).path)))
    open_explorer(reader)
    assert any(name.endswith("explorer.js") for name in loaded)
    total = sum(len(gzip.compress((SITE / name).read_bytes())) for name in loaded if name.startswith("/"))
    assert total < 1_500_000
    for tag in re.findall(r"<script[^>]*explorer/[^>]*>", (SITE / PAGE).read_text(encoding="utf-8")):
        assert "defer" in tag


# ------------------------------------------------------------------ the extension


@pytest.fixture(scope="module")
def extension():
    sys.path.insert(0, str(ROOT / "book" / "_ext"))
    try:
        import speedy_explorer

        return speedy_explorer
    finally:
        sys.path.pop(0)


def test_parameters_are_those_of_the_built_models(extension):
    for system in [*su.SYSTEMS, *map(mini_system, MINI)]:
        assert extension.parameters(system) == parameters(system)
    assert extension.parameters(system, 7) == su.count_parameters(system, num_labels=7)


def test_the_page_holds_the_packages_figures(extension, site):
    text = (SITE / PAGE).read_text(encoding="utf-8")
    held = re.search(r'<script type="application/json" id="explorer-data">(.*?)</script>', text, re.DOTALL).group(1)
    assert json.loads(held) == json.loads(json.dumps(extension.explorer_data()))
    with pytest.raises(ValueError, match="four decimals"):
        extension._whole(1.23456)


def test_the_notice_names_what_is_bundled(site):
    import vl_convert

    notice = (SITE / "_static" / "explorer" / "LICENCES.txt").read_text(encoding="utf-8")
    lite = vl_convert.get_vegalite_versions()[-1]
    for name in (
        f"Vega {vl_convert.get_vega_version()}",
        f"Vega-Lite {lite}",
        f"Vega-Embed {vl_convert.get_vega_embed_version()}",
        f"Vega-Themes {vl_convert.get_vega_themes_version()}",
    ):
        assert name in notice
