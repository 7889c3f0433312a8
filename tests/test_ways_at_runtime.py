"""What only few scripts do, or only one that was let in, in a real Chromium: ways.js, beside the guard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PATIENCE, Visit, until, visiting
from container import ANALYTICS, NOBODYS, SVG, WHOLE, Shop, Vendor, container
from playwright.sync_api import Page, Playwright, expect, sync_playwright

pytestmark = pytest.mark.browser

WAYS = [
    Vendor("node-value", "const i = new Image(), a = document.createAttribute('src');"
           " i.setAttributeNode(a); a.value = u;"),
    Vendor("node-text", "const i = new Image(); i.src = 'data:,'; i.attributes.src.textContent = u;"),
    Vendor("node-node", "const i = new Image(); i.src = 'data:,'; i.attributes[0].nodeValue = u;"),
    Vendor("named", "const i = new Image(), a = document.createAttribute('src');"
           " a.value = u; i.attributes.setNamedItem(a);"),
    Vendor("named-again", "const i = new Image(5, 5), a = document.createAttributeNS(null, 'src');"
           " a.value = u; i.attributes.setNamedItemNS(a);"),
    Vendor("animated", SVG + "image.href.baseVal = u;"),
    Vendor("command", "const p = document.body.appendChild(document.createElement('p'));"
           " p.contentEditable = true; p.textContent = 'x'; getSelection().selectAllChildren(p);"
           " document.execCommand('insertImage', false, u);"),
    Vendor("caption", "const d = new DOMParser().parseFromString("
           "`<table><caption><img src='${u}'></table>`, 'text/html');"
           " const t = document.body.appendChild(document.createElement('table'));"
           " t.caption = d.querySelector('caption');"),
    Vendor("svg-markup", "const s = document.createElementNS('http://www.w3.org/2000/svg', 'svg');"
           " document.body.append(s); s.innerHTML = `<image width=5 height=5 href='${u}' />`;"),
    Vendor("data-frame", "const f = document.createElement('iframe');"
           " f.src = `data:text/html,<img src='${u}'>`; document.body.append(f);"),
    Vendor("script-frame", "const f = document.createElement('iframe');"
           " f.src = `javascript:\"<img src='${u}'>\"`; document.body.append(f);"),
    Vendor("blob-frame", "const f = document.createElement('iframe'); f.src = URL.createObjectURL("
           "new Blob([`<img src='${u}'>`], { type: 'text/html' })); document.body.append(f);"),
    Vendor("second-frame", "const d = document.body.appendChild(document.createElement('div'));"
           " d.innerHTML = '<iframe></iframe><iframe></iframe>';"
           " window[window.length - 2].fetch(u, { mode: 'no-cors' });"),
    Vendor("fragment-frame", "const f = document.createDocumentFragment();"
           " f.append(document.createElement('iframe'), document.createElement('iframe'));"
           " document.body.append(f); window[window.length - 2].fetch(u, { mode: 'no-cors' });"),
    Vendor("worker", "const w = new Worker(URL.createObjectURL(new Blob(["
           "`try { importScripts('${u}') } catch {} postMessage(1)`])));"
           " w.onmessage = () => done();", again=False),
    Vendor("data-worker", "const w = new Worker(`data:text/javascript,fetch('${u}', { mode: 'no-cors' })"
           ".catch(() => postMessage(1))`); w.onmessage = () => done();", again=False),
]  # fmt: skip
"""Each with a host of its own."""
FICKLE_TEXT = "const fickle = (k) => ({ toString: () => (k-- > 0 ? '/own' : u) }); "
FICKLE = [
    Vendor("fickle", FICKLE_TEXT + "for (const k of [1, 2, 3, 4]) new Image().src = fickle(k);"),
    Vendor("fickle-attribute",
           FICKLE_TEXT + "for (const k of [1, 2, 3, 4]) new Image().setAttribute('src', fickle(k));"),
    Vendor("fickle-fetch",
           FICKLE_TEXT + "for (const k of [1, 2, 3, 4]) fetch(fickle(k), { mode: 'no-cors' });"),
    Vendor("fickle-request", FICKLE_TEXT + "for (const k of [1, 2, 3, 4]) {"
           " const x = new XMLHttpRequest(); x.open('GET', fickle(k)); x.send(); }"),
    Vendor("fickle-beacon", FICKLE_TEXT + "for (const k of [1, 2, 3, 4]) navigator.sendBeacon(fickle(k));"),
]  # fmt: skip
"""What says one address, and then another: a browser asks once."""


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def visit(driver: Playwright) -> Iterator[Visit]:
    with visiting(driver) as visit:
        yield visit


@pytest.fixture
def page(tmp_path: Path, visit: Visit) -> Iterator[Page]:
    """A page whose visitor has not chosen, once all of the guard is there."""
    visit.context.clear_cookies()
    with container(Shop(), tmp_path) as origin:
        page = visit.page()
        page.goto(origin)
        expect(page.get_by_role("dialog")).to_be_visible(timeout=PATIENCE)
        page.evaluate(WHOLE)
        yield page
        page.close()
    visit.calls.clear()
    visit.errors.clear()


def run(page: Page, vendors: list[Vendor]) -> None:
    page.evaluate("".join(vendor.script(ANALYTICS) for vendor in vendors))


def called(visit: Visit) -> set[str]:
    ends = (f".{ANALYTICS}", NOBODYS)
    return {host.partition(".")[0] for host in visit.calls.hosts() if host.endswith(ends)}


def quiet(page: Page) -> None:
    """Wait until a request that is made after all others has been answered, and a bit longer."""
    page.evaluate("fetch('/last').then(() => new Promise((done) => setTimeout(done, 250)))")


def press(page: Page, name: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE)


def test_without_us_every_way_reaches_its_host(driver: Playwright) -> None:
    names = {vendor.name for vendor in WAYS}
    with container(Shop(), None) as origin, visiting(driver) as visit:
        page = visit.page()
        page.goto(origin)
        run(page, WAYS)
        until(page, lambda: called(visit) >= names, "a way leads nowhere", seconds=9)


def test_none_leads_anywhere_before_a_yes_and_each_goes_once_with_it(page: Page, visit: Visit) -> None:
    run(page, [*WAYS, *FICKLE])
    quiet(page)
    assert called(visit) == set()
    assert page.evaluate("threw") == []
    # What a worker asks for is refused to it, and it goes on.
    assert {host.partition(".")[0] for host in page.evaluate("ran")} == {"worker", "data-worker"}
    press(page, "Accept all")
    again = {vendor.name for vendor in WAYS if vendor.again}
    until(page, lambda: called(visit) >= again, "a way stays closed")
    quiet(page)
    assert called(visit) == again
    assert {name: len(visit.calls.requests(f"{name}.{ANALYTICS}")) for name in again} == dict.fromkeys(
        again, 1
    )
    assert visit.errors == []


NEVER = """async (host) => {
  const url = (name) => `http://${host}/${name}`;
  const heard = [];
  const make = (name, set) => {
    const it = document.createElement(name);
    it.onerror = () => heard.push(name);
    it.onload = () => heard.push(`${name} loads`);
    set(it);
    if (name !== "img") document.body.append(it);
  };
  for (const name of ["img", "script"]) make(name, (it) => (it.src = url(name)));
  make("object", (it) => (it.data = url("o")));
  make("link", (it) => Object.assign(it, { rel: "stylesheet", href: url("l") }));
  make("iframe", (it) => (it.src = url("f")));
  make("b", (it) => (it.innerHTML = `<img src="${url("m")}">`));
  document.createElement("script").src = url("s");
  await new Promise((done) => setTimeout(done, 50));
  return heard.sort();
}"""


def test_an_element_that_is_refused_for_good_hears_what_one_that_fails_does(page: Page, visit: Visit) -> None:
    assert page.evaluate(NEVER, NOBODYS) == ["iframe loads", "img", "link", "object", "script"]
    page.evaluate(
        """(url) => {
          const image = new Image();
          window.refused = new Promise((done) => (image.onerror = ({ type }) => done(type)));
          image.src = url;
        }""",
        f"http://a.{ANALYTICS}/x",
    )
    press(page, "Reject all")
    assert page.evaluate("refused") == "error"
    quiet(page)
    assert called(visit) == set()


REQUESTS = """async (url) => {
  const told = (run, ...more) => new Promise((done) => {
    const request = new XMLHttpRequest(), seen = [];
    for (const type of ["readystatechange", "load", "error", "timeout", "abort", "loadend"])
      request.addEventListener(type, ({ type }) => seen.push(type + request.readyState));
    request.onloadend = () => setTimeout(done, 0, seen.splice(1));
    request.open("GET", url);
    run(request);
  });
  return [
    await told((request) => { request.timeout = 60; request.send(); }),
    await told((request) => { request.send(); setTimeout(() => request.abort(), 30); }),
  ];
}"""


def test_a_request_that_waits_ends_by_its_own_limit_or_its_page_s_as_any_other(
    page: Page, visit: Visit
) -> None:
    ends = [["readystatechange4", f"{end}4", "loadend4"] for end in ("timeout", "abort")]
    assert page.evaluate(REQUESTS, f"http://a.{ANALYTICS}/") == ends
    press(page, "Accept all")
    quiet(page)
    assert called(visit) == set()


def test_markup_that_names_something_denied_is_read_as_in_its_place(page: Page) -> None:
    """But for what is held back: the rest is what the browser makes of it."""
    made = page.evaluate(
        """(url) => {
          const made = (name, text, space = "http://www.w3.org/1999/xhtml") => {
            const box = document.body.appendChild(document.createElementNS(space, name));
            box.innerHTML = text;
            const all = [...box.querySelectorAll("*")];
            return all.map((it) => `${it.namespaceURI.slice(-3)} ${it.localName}`);
          };
          const svg = "http://www.w3.org/2000/svg";
          return [url, "data:,"].map((u) => [
            made("tbody", `<tr><td><img src="${u}"></td></tr><tr></tr>`),
            made("div", `<tr><td><img src="${u}"></td></tr>`),
            made("div", `<p><table><td><img src="${u}"></table>`),
            made("svg", `<image href="${u}" /><g><title>a</title></g>`, svg),
            made("foreignObject", `<image src="${u}">`, svg),
          ]);
        }""",
        f"http://a.{ANALYTICS}/x",
    )
    assert made[0] == made[1]
    assert made[0][3] == ["svg image", "svg g", "svg title"]


def test_what_is_held_reads_as_what_it_was_given(page: Page, visit: Visit) -> None:
    told = page.evaluate(
        """(url) => {
          const image = new Image(), gone = new Image(), script = document.createElement("script");
          image.src = url.replace("http:", "");
          gone.src = script.src = url;
          gone.removeAttribute("src");
          return [
            image.src, gone.src, gone.hasAttribute("src"), script.attributes.removeNamedItem.name,
            WebSocket.prototype.constructor === WebSocket,
            new XMLHttpRequest().constructor === XMLHttpRequest, new Blob([]).constructor === Blob,
            new Worker("data:,").constructor === Worker, URL.createObjectURL.name, new File(["a"], "b").size,
          ];
        }""",
        f"http://a.{ANALYTICS}/x",
    )
    read = [f"http://a.{ANALYTICS}/x", "", False, "removeNamedItem"]
    assert told == [*read, True, True, True, True, "createObjectURL", 1]
    press(page, "Accept all")
    until(page, lambda: called(visit), "what is held doesn't come")
    quiet(page)
    # The image and nothing of the one that was given up; the script is in no page.
    assert len(visit.calls.requests(f"a.{ANALYTICS}")) == 1


def test_a_worker_asks_for_what_was_allowed_as_it_began(page: Page, visit: Visit) -> None:
    press(page, "Accept all")
    page.evaluate(
        """(url) => {
          const text = `"use strict"; importScripts("${url}"); postMessage(location.protocol)`;
          const at = URL.createObjectURL(new Blob([text]));
          window.told = new Promise((done) => (new Worker(at).onmessage = ({ data }) => done(data)));
          URL.revokeObjectURL(at);
        }""",
        f"http://w.{ANALYTICS}/x",
    )
    assert page.evaluate("told") == "blob:"
    assert called(visit) == {"w"}


def test_what_a_frame_of_this_page_shows_later_is_guarded_too(page: Page, visit: Visit) -> None:
    page.evaluate(
        """() => new Promise((done) => {
          const frame = document.createElement("iframe");
          frame.name = "late";
          frame.srcdoc = "<p>x";
          frame.onload = done;
          document.body.append(frame);
        })"""
    )
    page.evaluate("u => void window.late.fetch(u, { mode: 'no-cors' })", f"http://a.{ANALYTICS}/x")
    quiet(page)
    assert called(visit) == set()
