"""The HTML report in Chromium: nothing said, nothing loaded, legible in light and dark, on paper and on a phone.

The screenshots are left in pytest's directory, to be looked at.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import need
from tests.test_report_html import PAGES

pytestmark = [pytest.mark.chromium, pytest.mark.slow, pytest.mark.timeout(240)]

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CONTRAST = """
() => {
  const light = text => {
    const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map(Number).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (!color.startsWith("rgba(0, 0, 0, 0")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  for (const node of document.querySelectorAll("body *")) {
    const text = [...node.childNodes].some(each => each.nodeType === 3 && each.data.trim());
    if (!text || node.closest(".skip, details:not([open]) > :not(summary)")) continue;
    const style = getComputedStyle(node);
    const color = node instanceof SVGElement ? style.fill : style.color;
    const pair = [light(color), light(ground(node))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) poor.push(`${node.tagName} ${ratio.toFixed(2)} ${node.textContent.trim().slice(0, 30)}`);
  }
  return poor;
}
"""
"""Texts whose contrast is below the 4.5 of WCAG 2.1 AA."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need("chromium")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


def opened(browser: Browser, path: Path, name: str, scheme: str, width: int) -> tuple[Page, list[str]]:
    """The page from disk, and what the browser had to say or to load."""
    path.write_text(PAGES[name])
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(path.as_uri())
    assert said.pop(0) == path.as_uri()
    return page, said


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_it_is_legible(browser: Browser, tmp_path: Path, name: str, scheme: str) -> None:
    """No message and no request; every text has enough contrast; nothing sticks out of the page."""
    page, said = opened(browser, tmp_path / f"{name}-{scheme}.html", name, scheme, 1280)
    picture = page.screenshot(path=tmp_path / f"{name}-{scheme}.png", full_page=True)
    assert said == []
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert len(picture) > 20_000
    page.close()


@pytest.mark.parametrize("name", ["verify-missed", "check-not-ready"])
def test_it_fits_a_phone(browser: Browser, tmp_path: Path, name: str) -> None:
    """On 400 pixels wide tables and charts scroll within themselves, the page does not."""
    page, said = opened(browser, tmp_path / "page.html", name, "light", 400)
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.close()


def test_lines_have_the_colours_of_the_scheme(browser: Browser, tmp_path: Path) -> None:
    """The line of open connections is drawn, long, and another colour in the dark."""
    colours = set()
    for scheme in ("light", "dark"):
        page, _ = opened(browser, tmp_path / "page.html", "verify-confirmed-sharded", scheme, 1280)
        line = page.locator("svg.chart .lines path").first
        assert line.evaluate("line => line.getTotalLength()") > 100
        colours.add(line.evaluate("line => getComputedStyle(line).stroke"))
        page.close()
    assert len(colours) == 2


def test_it_prints_on_a4(browser: Browser, tmp_path: Path) -> None:
    """On paper it is light whatever the screen is, without navigation, in a few pages."""
    page, _ = opened(browser, tmp_path / "page.html", "verify-missed", "dark", 1280)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert not page.locator("details").is_visible()
    assert page.evaluate(CONTRAST) == []
    paper = page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True)
    assert paper.count(b"/Type /Page\n") <= 8
    assert b"/MediaBox [0 0 594.95996 841.91998]" in paper or b"/MediaBox [0 0 595" in paper or b"841.9" in paper
    page.close()


def test_it_works_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Tab reaches the way past the navigation, the parts, the scrolling tables and the document, which Enter opens."""
    page, _ = opened(browser, tmp_path / "page.html", "verify-missed", "light", 1280)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
            break
    assert {"DIV", "SUMMARY"} <= reached
    assert page.locator("details").get_attribute("open") is not None
    page.close()
