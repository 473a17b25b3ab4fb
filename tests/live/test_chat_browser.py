"""The page in a real browser, and what it looks like: screenshots are kept under /artefacts of the checkout."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import ROOT, need
from tests.live.chat import Client, Server, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

pytestmark = [pytest.mark.live, pytest.mark.chromium, pytest.mark.slow]

ARTEFACTS = ROOT / "artefacts"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]
XSS = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    need("chromium")
    path = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


class Visitor:
    """A page, and everything that must not happen on it."""

    def __init__(
        self, browser: Browser, url: str, width: int = 1280, height: int = 800, scheme: str = "light", script: str = ""
    ) -> None:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.add_init_script(script)
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("console", lambda line: self.wrong.append(line.text) if "Content Security" in line.text else None)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)
        self.connected()

    def _dialog(self, dialog: Dialog) -> None:
        self.wrong.append(dialog.message)
        dialog.dismiss()

    def connected(self, timeout: float = 20_000) -> None:
        self.page.wait_for_selector('#state[data-state="open"]', timeout=timeout)

    def say(self, name: str, text: str) -> None:
        self.page.fill("#name", name)
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def hears(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).wait_for(timeout=10_000)

    def shot(self, name: str) -> None:
        ARTEFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=str(ARTEFACTS / f"chat-{name}.png"))


def page_url(server: Server, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def test_two_pages_talk_and_markup_is_text(browser: Browser) -> None:
    """What one says the other shows, as text even if it is markup; the policy has nothing to object to."""
    with serve("--workers", "2") as server:
        ada = Visitor(browser, page_url(server))
        grace = Visitor(browser, page_url(server))
        ada.say("Ada", "hello Grace")
        grace.hears("hello Grace")
        grace.say("Grace <b>", XSS)
        ada.hears(XSS)
        grace.hears(XSS)
        with Client(server, "/") as other:
            other.say(XSS + ": as a name")
            other.say("<script>alert(2)</script>")
            ada.hears("<script>alert(2)</script>")
        expect(ada.page.locator("#names li")).to_have_count(2, timeout=10_000)
        assert ada.page.locator("#log img, #log script, #names b").count() == 0
        assert ada.page.locator(".message.mine").count() == 1
        assert ada.wrong + grace.wrong == []
        own = f"http://127.0.0.1:{server.port}/"
        assert all(url.startswith((own, own.replace("http", "ws"))) for url in ada.requests), ada.requests


def test_the_count_rises_and_falls(browser: Browser) -> None:
    """Who is here is counted live, with those that are no page."""
    with serve("--workers", "2") as server:
        page = Visitor(browser, page_url(server, "/rooms/kitchen")).page
        others = [Client(server, "/rooms/kitchen") for _ in range(11)]
        expect(page.locator("#here")).to_have_text("12", timeout=10_000)
        for client in others[:4]:
            client.close()
        expect(page.locator("#here")).to_have_text("8", timeout=10_000)
        assert page.text_content("#room") == "room kitchen"


def test_pages_reconnect_when_the_server_comes_back(browser: Browser) -> None:
    """The server is stopped and started again on its port: both pages say so, come back by themselves, and talk."""
    with serve() as server:
        one, two = Visitor(browser, page_url(server)), Visitor(browser, page_url(server))
        assert server.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        for visitor in (one, two):
            visitor.page.wait_for_selector('#state[data-state="waiting"]', timeout=10_000)
            assert visitor.page.is_disabled("#send")
        again = subprocess.Popen(
            [sys.executable, "-m", "wstune", "serve", "--port", str(server.port)], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        try:
            one.connected(30_000)
            two.connected(30_000)
            one.say("Ada", "back again")
            two.hears("back again")
        finally:
            again.terminate()
            again.wait(10)
        assert one.wrong + two.wrong == []


SLOW = """
const Real = WebSocket;
let made = 0;
window.WebSocket = class extends Real {
  constructor(address) {
    super(address);
    if (!made++) return;
    for (const name of ["open", "message"])
      Object.defineProperty(this, `on${name}`, {
        set: (listener) => this.addEventListener(name, (event) => setTimeout(listener, 1500, event)),
      });
  }
};
"""
"""Every connection but the first is heard 1.5 s late."""


def test_a_new_name_shows_nothing_twice(browser: Browser) -> None:
    """While the connection for a new name takes the old one's place, both bring what is said; it is shown once."""
    with serve("--workers", "1") as server, Client(server, "/") as grace:
        visitor = Visitor(browser, page_url(server), script=SLOW)
        visitor.page.fill("#name", "Ada")
        visitor.page.press("#name", "Tab")
        server.until(lambda total: total["connections"] == 3)
        grace.say("said once")
        visitor.hears("said once")
        server.until(lambda total: total["connections"] == 2)
        grace.say("said later")
        visitor.hears("said later")
        assert visitor.page.get_by_text("said once", exact=True).count() == 1


def test_it_can_be_used_by_keyboard_and_read_aloud(browser: Browser) -> None:
    """Every control has a name and is reached by Tab in the order in which it stands; the log is announced."""
    with serve() as server:
        page = Visitor(browser, page_url(server)).page
        page.focus("a.skip")
        order = []
        for _ in range(6):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        assert order == ["log", "name", "text", "send", "other", "Go"]
        for role, name in (("textbox", "Name"), ("textbox", "Message"), ("button", "Send"), ("log", "Messages")):
            assert page.get_by_role(role, name=name, exact=True).count() == 1  # type: ignore[arg-type]
        assert page.get_by_role("status").text_content() == "connected"
        assert page.get_by_role("img", name="Messages a second in the last minute").count() == 1
        assert page.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("name", "width", "height"), [("wide", 1280, 800), ("narrow", 360, 740)])
def test_it_looks_as_it_should(browser: Browser, name: str, width: int, height: int, scheme: str) -> None:
    """A picture of each form is kept; nothing reaches beyond the window, and text has contrast 4.5 to 1."""
    with serve() as server:
        visitor = Visitor(browser, page_url(server), width, height, scheme)
        visitor.shot(f"{name}-{scheme}-empty")
        with Client(server, "/?name=Grace") as grace:
            visitor.say("Ada", "Hello, is anybody there?")
            visitor.hears("Hello, is anybody there?")
            grace.say("Grace: Yes. I am counting connections, 61,189 so far.")
            grace.say(f"Linus: {XSS}")
            grace.say("Grace: https://example.org/" + "a/very/long/address/without/a/space/" * 4)
            grace.say("a line from a client that is no page, and says no name")
            visitor.hears("a line from a client that is no page, and says no name")
            expect(visitor.page.locator("#names li")).to_have_count(2, timeout=10_000)
            visitor.page.wait_for_timeout(1200)
            visitor.shot(f"{name}-{scheme}")
            assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
            weak = visitor.page.evaluate(CONTRAST)
            assert weak == [], json.dumps(weak)


CONTRAST = """() => {
  const numbers = (color) => color.match(/[0-9.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const part = (value) => value <= 10.3 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const color = numbers(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || node.disabled || !node.checkVisibility() || node.closest(".skip, .hidden, noscript")) continue;
    const [one, two] = [luminance(numbers(getComputedStyle(node).color)), luminance(ground(node))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) weak.push([node.textContent.slice(0, 30), ratio]);
  }
  return weak;
}"""
