"""The renderings that are logged: what visitors see, layer by layer, before anybody sees it (L9, L16, Q2)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import html5lib
import pytest
from click.testing import CliRunner
from sample import app, august, browsing, choose, policy, visits
from starlette.testclient import TestClient

from consentkit.cli import main
from consentkit.edition import DRAWING
from consentkit.policy.rendering import LAYERS, SIZES
from consentkit.proof.entry import Kind

HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    services = ["google-analytics", "youtube", visits(cookies=["_visit"])]
    with browsing(app(), tmp_path, clock=august(), policy=policy(services=services)) as browser:
        yield browser


def kit_of(client: TestClient) -> Any:
    return client.app.kit  # type: ignore[attr-defined]


def rendering(client: TestClient, locale: str) -> Any:
    announced = next(kit_of(client).log.entries(kind=Kind.POLICY))
    return json.loads(kit_of(client).log.document(announced.stmt["manifest"]["renderings"][locale]).body)


def drawn(element: Element) -> Iterator[Any]:
    """What a parsed page shows in an element, as a rendering says it."""
    yield from text(element.text)
    for child in element:
        name, said = child.tag.removeprefix(HTML), child.attrib
        if name == "input" and said["type"] != "hidden":
            yield {
                "element": name,
                "type": said["type"],
                "name": said["name"],
                "value": said["value"],
                "checked": "checked" in said,
                "disabled": "disabled" in said,
                "parts": [],
            }
        elif name != "input":
            control = {"control": said["value"]} if name == "button" else {}
            yield {"element": name, **control, "parts": [*drawn(child)]}
        yield from text(child.tail)


def text(value: str | None) -> list[str]:
    return [" ".join(value.split())] if value and value.strip() else []


def trimmed(node: Any) -> Any:
    if isinstance(node, str):
        return " ".join(node.split())
    return {**node, "parts": [trimmed(part) for part in node["parts"]]}


@pytest.mark.parametrize("locale", ["en", "fr", "de"])
def test_the_page_without_javascript_is_drawn_as_the_log_says(client: TestClient, locale: str) -> None:
    page = html5lib.parse(client.get(f"/consent/?lang={locale}").text)
    found = page.find(f".//{HTML}main")
    assert found is not None
    shown = [*drawn(found)]
    logged = [trimmed(node) for node in rendering(client, locale)["layers"]["page"]]
    assert shown[: len(logged)] == logged
    assert logged[-1]["element"] == "form"


def test_every_layer_of_every_language_is_there_with_the_code_that_draws_it(client: TestClient) -> None:
    kit = kit_of(client)
    for locale in kit.edition.policy.site.languages:
        said = rendering(client, locale)
        assert said["locale"] == locale
        assert said["sizes"] == SIZES
        assert said["layers"].keys() == set(LAYERS)
        for name, digest in said["code"].items():
            document = kit.log.document(digest)
            assert (document.name, document.sha256) == (name, digest)
        assert {*DRAWING, *kit.edition.policy.banner.files} == said["code"].keys()


def nodes(tree: list[Any]) -> Iterator[Any]:
    for node in tree:
        if not isinstance(node, str):
            yield node
            yield from nodes(node["parts"])


def test_yes_and_no_are_the_same_element_side_by_side_and_no_box_is_ticked(client: TestClient) -> None:
    """A8, L17: an auditor sees it from the log alone (Q15, Q16)."""
    for layer in rendering(client, "en")["layers"].values():
        listed = [*nodes(layer)]
        controls = [node.get("control") for node in listed if node["element"] == "button"]
        yes, no = next(
            (y, n) for y, n in (("accept-all", "reject-all"), ("accept", "reject")) if y in controls
        )
        assert controls.index(no) == controls.index(yes) + 1
        assert not [n for n in listed if n["element"] == "input" and n["checked"] and not n["disabled"]]


def test_another_text_is_another_rendering_logged_before_it_is_served(
    tmp_path: Path, client: TestClient
) -> None:
    own = {"en": {"buttons": {"accept": "Fine by me"}}}
    with browsing(app(), tmp_path, clock=august(), policy=policy(texts=own)) as changed:
        announced = next(kit_of(changed).log.entries(kind=Kind.POLICY, newest_first=True))
        digest = announced.stmt["manifest"]["renderings"]["en"]
        document = kit_of(changed).log.document(digest)
        assert b"Fine by me" in document.body
        assert document.index < announced.index
        assert (
            digest != next(kit_of(client).log.entries(kind=Kind.POLICY)).stmt["manifest"]["renderings"]["en"]
        )


@pytest.mark.parametrize(
    ("mechanism", "layer"),
    [("banner", "banner"), ("preferences", "preferences"), ("reopened", "preferences")],
)
def test_an_answer_is_shown_with_the_very_layer_its_visitor_saw(
    client: TestClient, tmp_path: Path, mechanism: str, layer: str
) -> None:
    """Q2."""
    index = choose(client, mechanism=mechanism, locale="fr").json()["index"]
    where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    shown = json.loads(CliRunner().invoke(main, ["audit", "show", "--json", str(index), *where]).stdout)
    assert shown["layer_shown"] == rendering(client, "fr")["layers"][layer]
    assert shown["details_text"]["services"]["marketing"][0]["id"] == "youtube"


def test_an_answer_is_told_with_the_words_of_the_law_that_its_visitor_read(tmp_path: Path) -> None:
    """L24: elsewhere than where the site is, the first layer says something else; so does what has none."""
    both = policy(regimes={"us": {}})
    own, there = "It uses others only if you agree.", "unless you reject them."
    where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    with browsing(app(), tmp_path, policy=both, regime=lambda scope: "us") as client:
        for mechanism in ("banner", "api"):
            index = choose(client, mechanism=mechanism).json()["index"]
            shown = CliRunner().invoke(main, ["audit", "show", str(index), *where]).stdout
            assert there in shown
            assert own not in shown


def test_an_answer_given_on_no_layer_of_ours_shows_none(client: TestClient, tmp_path: Path) -> None:
    index = choose(client, mechanism="api").json()["index"]
    where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    shown = json.loads(CliRunner().invoke(main, ["audit", "show", "--json", str(index), *where]).stdout)
    assert "layer_shown" not in shown
    assert shown["notice_text"]["locale"] == "en"


def test_what_another_regime_s_visitors_see_is_logged_beside_and_drawn_so(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"us": {}, "gb": {"analytics": "exempt-with-objection"}}
    options: dict[str, Any] = {"regime": lambda scope: dict(scope["headers"]).get(b"x-regime", b"").decode()}
    with browsing(app(), tmp_path, clock=august(), policy=policy(regimes=tables), **options) as client:
        logged = rendering(client, "en")
        assert logged["regimes"].keys() == tables.keys()
        for regime in tables:
            page = html5lib.parse(client.get("/consent/?lang=en", headers={"x-regime": regime}).text)
            found = page.find(f".//{HTML}main")
            assert found is not None
            words = [each for node in drawn(found) for each in _said(node)]
            [banner, *_] = logged["regimes"][regime]["banner"]
            told = [each for node in banner["parts"] if node["element"] == "p" for each in _said(node)]
            # The last two lead to this very page and to the policy.
            assert [each for each in told[:-3] if each in words] == told[:-3]
            assert words.count("On until you object") == (3 if regime == "us" else 2)
            assert "Object" in words
            assert "You have not chosen yet. Until you do, nothing optional is allowed." not in words
        index = choose(client, "marketing", locale="en").json()["index"]
        where = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
        shown = json.loads(CliRunner().invoke(main, ["audit", "show", "--json", str(index), *where]).stdout)
        assert shown["layer_shown"] == logged["layers"]["banner"]
        client.headers["x-regime"] = "gb"
        index = choose(client, "marketing", locale="en").json()["index"]
        shown = json.loads(CliRunner().invoke(main, ["audit", "show", "--json", str(index), *where]).stdout)
        assert shown["layer_shown"] == logged["regimes"]["gb"]["banner"]
        page = html5lib.parse(client.get("/consent/?lang=en").text)
        words = [each for node in drawn(page.find(f".//{HTML}main")) for each in _said(node)]
        assert words.count("You have objected") == 2


def _said(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield " ".join(node.split())
    else:
        for part in node["parts"]:
            yield from _said(part)
