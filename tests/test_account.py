"""A choice that counts for an account, on every device where it is signed in, and for no browser (L11)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import launched, serving
from click.testing import CliRunner
from playwright.sync_api import expect
from sample import ORIGIN, app, browsing, choose, mounted
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import consent_of
from consentkit.cli import main
from consentkit.errors import ConfigurationError, StoreUnavailable
from consentkit.proof.claims import claims

OPTIONAL = ("preferences", "analytics", "marketing")
ALICE = {"x-user": "alice"}
WORDS = "Your choice applies to your account on every device where you are signed in."


def signed_in(scope: Any) -> Any:
    """Whom the site's own session says, here a header or a cookie; an odd one stops it."""
    headers = dict(scope["headers"])
    told = headers.get(b"x-user") or headers.get(b"cookie", b"").partition(b"session=")[2].partition(b";")[0]
    return {"7": 7, "odd": 1.5}.get(told.decode(), told.decode("ascii"))


async def asks(request: Request) -> JSONResponse:
    return JSONResponse({"allowed": consent_of(request).allows("marketing"), "cookies": [*request.cookies]})


async def page(_: Request) -> HTMLResponse:
    return HTMLResponse("<html lang=en><head><title>Shop</title></head><body><h1>Shop</h1></body></html>")


async def session(request: Request) -> Response:
    answer = RedirectResponse("/page", 303)
    if user := request.query_params.get("user"):
        answer.set_cookie("session", user)
    else:
        answer.delete_cookie("session")
    return answer


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    site = app(Route("/", asks), Route("/page", page))
    with browsing(site, tmp_path, account=signed_in) as browser:
        yield browser


def device(client: TestClient, **headers: str) -> TestClient:
    """Another browser of the same site."""
    return TestClient(client.app, base_url=ORIGIN, headers=headers)


def state(client: TestClient, **headers: str) -> Any:
    return client.get("/consent/state", headers=headers).json()


def answers(client: TestClient) -> list[Any]:
    log = client.app.kit.log  # type: ignore[attr-defined]
    return [each for each in log.entries() if each.stmt and "categories" in each.stmt]


def test_an_account_and_a_browser_answer_each_for_itself(client: TestClient) -> None:
    choose(client, *OPTIONAL)
    client.cookies.set("_fbp", "1", domain="shop.example")
    own = client.cookies["consentkit"]
    there = state(client, **ALICE)
    assert (there["scope"], there["allowed"], there["ask"]) == ("account", ["necessary"], True)
    page = client.get("/", headers=ALICE).json()
    assert (page["allowed"], "_fbp" in page["cookies"]) == (False, False)
    client.headers.update(ALICE)
    assert choose(client, "preferences").json()["scope"] == "account"
    assert state(client)["allowed"] == ["necessary", "preferences"]
    assert "_fbp" not in client.cookies, "what the account denies goes"
    assert "preferences+" in client.cookies["consentkit_allows"], "the page's scripts are told the account's"
    assert client.cookies["consentkit"] == own
    del client.headers["x-user"]
    assert client.get("/").json()["allowed"] is True
    back = state(client)
    assert (back["scope"], back["allowed"]) == ("device", ["necessary", *OPTIONAL])
    assert client.cookies["consentkit"] == own
    assert "marketing+" in client.cookies["consentkit_allows"]


def test_yes_no_and_withdrawal_count_at_once_on_every_device(client: TestClient) -> None:
    phone, desk = device(client, **ALICE), device(client, **ALICE)
    choose(phone, *OPTIONAL)
    assert desk.get("/").json()["allowed"] is True
    assert state(desk)["ask"] is False
    assert choose(desk).json()["allowed"] == ["necessary"]
    assert phone.get("/").json()["allowed"] is False
    assert [each.kind.label for each in answers(client)] == ["choice", "withdrawal"]
    stated = [(each.stmt["scope"], each.stmt["previous"]) for each in answers(client)]
    assert stated == [("account", None), ("account", answers(client)[0].index)]
    assert "consentkit" not in {*phone.cookies, *desk.cookies}, "nothing of it is kept in a browser"
    assert state(device(client, **{"x-user": "bob"}))["ask"] is True
    assert client.app.kit.log.verify(claims()).ok  # type: ignore[attr-defined]


def test_of_an_account_that_signed_out_nothing_is_left(client: TestClient) -> None:
    client.headers.update(ALICE)
    choose(client, *OPTIONAL)
    state(client)
    client.cookies.set("_fbp", "1", domain="shop.example")
    del client.headers["x-user"]
    there = state(client)
    assert (there["scope"], there["allowed"], there["ask"]) == ("device", ["necessary"], True)
    assert client.cookies.keys() <= {"consentkit_seen"}


def test_who_cannot_be_told_is_allowed_nothing_and_answers_for_nobody(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(client, *OPTIONAL)
    kept = dict(client.cookies)

    def denied(user: str) -> None:
        there = state(client, **{"x-user": user})
        assert (there["scope"], there["allowed"], there["ask"]) == ("unknown", ["necessary"], True)
        assert client.get("/", headers={"x-user": user}).json()["allowed"] is False
        client.headers["x-user"] = user
        assert choose(client, *OPTIONAL).status_code == choose(client).status_code == 503
        del client.headers["x-user"]
        assert dict(client.cookies) == kept

    denied("odd")
    with monkeypatch.context() as broken:

        def down(_: object, __: bytes) -> None:
            raise StoreUnavailable("the disk is gone")

        broken.setattr(type(client.app.kit.log), "of_visitor", down)  # type: ignore[attr-defined]
        denied("alice")
    assert len(answers(client)) == 1


def test_pages_are_the_same_for_all_and_settled_by_no_readable_cookie(client: TestClient) -> None:
    choose(client, *OPTIONAL)
    text = client.get("/page").text
    assert text == client.get("/page", headers=ALICE).text
    version = client.app.kit.edition.policy.version  # type: ignore[attr-defined]
    assert version[:8] not in text
    assert '"-",' in text


def test_the_visitors_page_says_where_a_choice_counts(client: TestClient) -> None:
    assert WORDS in client.get("/consent/", headers=ALICE).text
    assert "Your choice applies to this browser only." in client.get("/consent/").text


def test_an_account_is_found_and_erased_by_its_name_which_no_record_holds(
    client: TestClient, tmp_path: Path
) -> None:
    choose(device(client, **ALICE), *OPTIONAL)
    choose(device(client, **{"x-user": "7"}), *OPTIONAL)
    export = device(client, **ALICE).get("/consent/export").json()
    assert [each["index"] for each in export["records"]] == [answers(client)[0].index]
    client.app.kit.close()  # type: ignore[attr-defined]
    assert all(b"alice" not in file.read_bytes() for file in tmp_path.glob("log.db*"))
    log = ["--store", f"sqlite:///{tmp_path / 'log.db'}", "--keys", str(tmp_path / "keys")]
    done = CliRunner().invoke(main, ["erase", "--visitor", "account:alice", "--yes", "--json", *log])
    assert not done.exception, done.output
    assert json.loads(done.stdout)["indexes"] == [export["records"][0]["index"]]


async def later(scope: Any) -> str:
    return "alice"


def test_what_cannot_tell_at_once_is_refused(tmp_path: Path) -> None:
    middleware = mounted(app(), tmp_path, account=later)
    with pytest.raises(ConfigurationError, match="account="):
        TestClient(middleware, base_url=ORIGIN).get("/")
    middleware.kit.close()


def test_the_banner_says_whose_choice_it_asks_for(tmp_path: Path) -> None:
    site = mounted(app(Route("/page", page), Route("/session", session)), tmp_path, account=signed_in)
    with serving(site, "localhost") as here, launched() as browser, browser.new_page() as tab:
        tab.goto(f"{here}/page")
        box = tab.get_by_role("dialog")
        expect(box).to_contain_text("Your choice applies to this browser only.")
        box.get_by_role("button", name="Accept all").click()
        expect(box).to_have_count(0)
        tab.goto(f"{here}/session?user=alice")
        expect(box).to_contain_text(WORDS)
        assert tab.evaluate("consentkit.allows('marketing')") is False
        box.get_by_role("button", name="Reject all").click()
        expect(box).to_have_count(0)
        with tab.expect_response("**/consent/state"):
            tab.goto(f"{here}/session")
        tab.wait_for_function("consentkit.allows('marketing')")
    site.kit.close()
