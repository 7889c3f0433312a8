"""Who the application says the visitor is: under age, nothing optional is allowed, asked or written (I1)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample import ORIGIN, app, browsing, choose, mounted
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import consent_of
from consentkit.errors import ConfigurationError

CHILD = {"x-age": "12"}
OPTIONAL = ("preferences", "analytics", "marketing")


def young(scope: Any) -> bool:
    """What a site may know of somebody who is signed in; odd ages stop it."""
    return int(dict(scope["headers"]).get(b"x-age", b"99")) < 18


async def asks(request: Request) -> JSONResponse:
    answer = JSONResponse({"allowed": consent_of(request).allows("marketing"), "cookies": request.cookies})
    if "set" in request.query_params:
        answer.headers["set-cookie"] = "_fbp=1; Path=/"
    return answer


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with browsing(app(Route("/", asks)), tmp_path, under_age=young) as browser:
        yield browser


def written(client: TestClient) -> list[str]:
    log = client.app.kit.log  # type: ignore[attr-defined]
    return [each.kind.label for each in log.entries() if each.stmt and "categories" in each.stmt]


def said(client: TestClient, *granted: str) -> Any:
    client.headers.update(CHILD)
    return choose(client, *granted)


def test_under_age_nothing_is_asked_allowed_or_written(client: TestClient) -> None:
    state = client.get("/consent/state", headers=CHILD | {"sec-gpc": "1"}).json()
    assert (state["allowed"], state["ask"]) == (["necessary"], False)
    assert state["reasons"] == {"necessary": "necessary"} | dict.fromkeys(OPTIONAL, "under_age")
    assert client.app.kit.tally.rows() == []  # type: ignore[attr-defined]
    yes, no = said(client, "marketing"), said(client)
    assert yes.status_code == 422
    assert [each["path"] for each in yes.json()["problems"]] == ["choices.marketing"]
    assert (no.status_code, no.json()["allowed"]) == (200, ["necessary"])
    assert (written(client), dict(client.cookies)) == ([], {})


def test_an_earlier_yes_counts_for_nobody_under_age_who_may_still_withdraw_it(client: TestClient) -> None:
    choose(client, *OPTIONAL)
    client.cookies.set("_fbp", "1", domain="shop.example")
    assert client.get("/").json()["allowed"] is True
    under = client.get("/", headers=CHILD)
    assert (under.json()["allowed"], "_fbp" in under.json()["cookies"]) == (False, False)
    assert "_fbp" not in client.get("/?set", headers=CHILD).cookies
    client.get("/consent/state", headers=CHILD)
    assert "+" not in client.cookies["consentkit_allows"], "nor for scripts"
    page = client.get("/consent/", headers=CHILD).text
    assert "Optional categories stay off for minors." in page
    assert ("Withdraw everything" in page, "checkbox" in page) == (True, False)
    assert said(client).status_code == 201
    assert written(client) == ["choice", "withdrawal"]


def test_no_page_goes_by_what_the_last_visitor_of_its_browser_was_allowed(
    client: TestClient, tmp_path: Path
) -> None:
    """Who signs in may be a child, on a page that says nothing of caches: so each page asks."""
    kit = client.app.kit  # type: ignore[attr-defined]
    plain = mounted(app(), tmp_path / "plain")
    version = kit.edition.policy.version[:8].encode()
    for edition, settled in ((kit.edition, False), (plain.kit.edition, True)):
        starter = edition.starter.body
        assert (version in starter, b',"-",' in starter) == (settled, not settled)
    plain.kit.close()


def test_who_cannot_be_told_is_taken_for_under_age(client: TestClient) -> None:
    odd = client.get("/consent/state", headers={"x-age": "twelve"}).json()
    assert (odd["allowed"], odd["ask"]) == (["necessary"], False)


async def later(scope: Any) -> bool:
    return False


@pytest.mark.parametrize("teller", [later, "no"])
def test_what_cannot_tell_at_once_is_refused(tmp_path: Path, teller: Any) -> None:
    middleware = mounted(app(), tmp_path, under_age=teller)
    with pytest.raises(ConfigurationError, match="under_age="):
        TestClient(middleware, base_url=ORIGIN).get("/")
    middleware.kit.close()
