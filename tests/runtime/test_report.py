"""A report tells what the journal holds, needs no web, and works in a real browser."""

import os
import re
import shutil
from pathlib import Path

import attrs
import pytest
from searching import Pretender, digits, new_run, searched

from spacelang.amount import spaced, unit_of
from spacelang_runtime.engine import by_class
from spacelang_runtime.engine.run import RunFolder
from spacelang_runtime.engine.wilson import wilson
from spacelang_runtime.failure import Failure
from spacelang_runtime.report import classes, figures, page
from spacelang_runtime.report.search_summary import summary_of
from spacelang_runtime.search.evolve import Method

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SECTIONS = ("Accuracy against cost", "Generations", "Which options win", "Lineage of the winner", "The space")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = new_run(tmp_path_factory.mktemp("report"))
    searched(run, Pretender(), Method("paper", risk=0.01))
    return run


def test_the_story_is_that_of_the_search(run: RunFolder) -> None:
    story = summary_of(run)
    assert story is not None
    assert story.ended
    best = story.members[story.winner]
    assert best.loss == min(member.loss for member in story.members.values() if not member.left)
    line = story.ancestors(story.winner)
    assert line[story.winner] is best
    assert all(parent in line for member in line.values() for parent in member.parents)
    assert {member.operator for member in line.values() if not member.parents} == {"draw"}


def test_the_page_needs_nothing_from_elsewhere(run: RunFolder) -> None:
    text = page(run, digits())
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=['\"](?!data:)", text)
    assert all(f"<h2>{title}</h2>" in text for title in SECTIONS)


def test_the_page_says_what_networks_were_ranked_by_and_what_a_race_has_spared(run: RunFolder) -> None:
    text = page(run, digits())
    last = summary_of(run).generations[-1]
    assert "paper, for accuracy, ranked by loss" in text
    assert f"networks looked at {spaced(last.spent)} in all, and were spared {spaced(last.saved)} (" in text


def test_a_run_without_a_search_has_a_report_too(tmp_path: Path) -> None:
    text = page(new_run(tmp_path), digits())
    assert "<h2>The space</h2>" in text
    assert "<h2>Generations</h2>" not in text


PATIENCE = 240_000  # ms that the browser may take on a machine that does much else


def browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.mark.skipif(browser() is None, reason="needs a browser: apt install chromium")
def test_in_a_browser_the_page_draws_and_answers_the_pointer(run: RunFolder, tmp_path: Path) -> None:
    """Renders without a word on the console, with no request to the web; a point tells its network when hovered."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    path = tmp_path / "report.html"
    path.write_text(page(run, digits()), encoding="utf-8")
    kept = Path(os.environ.get("SPACELANG_ARTIFACTS", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    asked: list[str] = []
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(viewport={"width": 1200, "height": 900})
        tab.set_default_timeout(PATIENCE)
        tab.on(
            "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
        )
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        tab.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 5")
        tab.wait_for_selector("#accuracy-against-cost .scatterlayer .points path")
        star = tab.locator("#accuracy-against-cost .scatterlayer .trace").last.locator(".points path").first
        star.scroll_into_view_if_needed()
        box = star.bounding_box()
        tab.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        tab.wait_for_selector("#accuracy-against-cost .hoverlayer .hovertext")
        hovered = tab.locator("#accuracy-against-cost .hoverlayer").text_content()
        tab.screenshot(path=kept / "report.png", full_page=True)
        chromium.close()
    story = summary_of(run)
    assert story.members[story.winner].name in hovered
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert (kept / "report.png").stat().st_size > 50_000


_OUTSIDE = """() => {
  const wrong = [];
  for (const figure of document.querySelectorAll('.js-plotly-plot')) {
    for (const text of figure.querySelectorAll('.main-svg text')) {
      const at = text.getBoundingClientRect();
      if (at.width && (at.left < 0 || at.right > 420)) wrong.push(text.textContent);
    }
    const legend = figure.querySelector('.legend');
    const field = figure.querySelector('.cartesianlayer .plot');
    if (legend && field && legend.getBoundingClientRect().top < field.getBoundingClientRect().bottom - 1)
      wrong.push('legend of ' + figure.id);
  }
  return wrong;
}"""


@pytest.mark.skipif(browser() is None, reason="needs a browser: apt install chromium")
def test_figures_are_whole_on_a_narrow_screen(run: RunFolder, tmp_path: Path) -> None:
    """At 420 pixels no word is cut off, and no legend lies over what is drawn."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    path = tmp_path / "report.html"
    path.write_text(page(run, digits()), encoding="utf-8")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser(), args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page(viewport={"width": 420, "height": 900})
        tab.set_default_timeout(PATIENCE)
        tab.goto(path.as_uri())
        tab.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 5")
        wrong = tab.evaluate(_OUTSIDE)
        chromium.close()
    assert wrong == []


def test_the_axis_of_costs_is_written_as_the_text_is_and_keeps_to_the_space() -> None:
    """Thousands are K, as in `--flops 400K`; plotly's own prefix would be k."""
    bounds = [{"measure": "flops", "low": "1/2", "high": 10**12}]
    figure = figures.distribution(digits(), bounds, None)
    whole = digits().range("flops")
    suffix, unit = unit_of(whole.hi)
    assert (suffix, unit) == ("K", 1000)
    assert figure.layout.xaxis.ticksuffix == "K"
    assert list(figure.layout.xaxis.range) == [whole.lo / unit, whole.hi / unit]
    (shown,) = figure.layout.shapes
    assert (shown.x0, shown.x1) == (whole.lo / unit, whole.hi / unit)
    assert all("K MACs: " in text for text in figure.data[0].text)
    assert "s}" not in figure.data[0].hovertemplate


def test_dots_lie_where_their_axis_says(run: RunFolder) -> None:
    story = summary_of(run)
    assert story is not None
    figure = figures.accuracy_and_cost(story)
    costs = sorted(member.costs["flops"] for member in story.members.values() if not member.left)
    suffix, unit = unit_of(costs[-1])
    assert figure.layout.xaxis.ticksuffix == suffix
    assert sorted(figure.data[1].x) == [cost / unit for cost in costs]


def test_classes_that_were_measured_are_shown(run: RunFolder, tmp_path: Path) -> None:
    copy = attrs.evolve(run, folder=Path(shutil.copytree(run.folder, tmp_path / run.name)))
    assert "Classes of" not in page(copy, digits())
    told = [{"class": name, "top1_interval": list(wilson(right, 4))} for name, right in (("ant", 3), ("bee", 4))]
    row = {"what": "best", "name": "ab12", "classes": told, "confusion": [[3, 1], [0, 4]]}
    by_class.keep(copy, "test", [row])
    (found,) = by_class.of(copy)
    assert found.accuracies == [0.75, 1.0]
    assert list(classes.accuracies(found).data[0].y) == ["bee", "ant"]
    heat = classes.matrix(found).data[0]
    assert [list(line) for line in heat.z] == [[0.75, 0.25], [0, 1]]
    text = page(copy, digits())
    assert "Classes of best ab12" in text
    assert "Confusions of best ab12" in text
    (copy.folder / "classes.json").write_text('{"split": "test"}')
    with pytest.raises(Failure, match="damaged") as failure:
        page(copy, digits())
    assert "eval --classes" in failure.value.remedy


def test_the_command_writes_it_beside_the_run(run: RunFolder, spacelang) -> None:
    said = spacelang("report", run.name, "--runs", str(run.folder.parent))
    assert said.code == 0, said.err
    assert Path(said.out.strip()).stat().st_size > 10**6
