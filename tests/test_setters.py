"""Cookies declared in code: part of policy, notice and version; a mistake names its function."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample import browsing, choose, policy, visits
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from consentkit import sets_cookie, setters
from consentkit.errors import PolicyError, Problem
from consentkit.kit import read_policy
from consentkit.policy.lint import lint
from consentkit.policy.notice import compose
from consentkit.policy.registry import Cookie
from consentkit.policy.version import Policy, from_bytes, resolve
from consentkit.setters import declared_cookies

BASKET = {"category": "necessary", "lifetime": "P14D", "why": "keeps the basket"}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setters, "_declarations", setters._Declarations())


def joined(**changes: Any) -> Policy:
    return read_policy(policy(**changes), declared_cookies())


def problems(**changes: Any) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        joined(**changes)
    return list(caught.value.problems)


def test_functions_coroutines_and_classes_stay_what_they_were() -> None:
    def plain() -> int:
        return 1

    async def later() -> int:
        return 2

    class Endpoint:
        pass

    declare = sets_cookie("basket", **BASKET)
    assert declare(plain) is plain
    assert declare(later) is later
    assert declare(Endpoint) is Endpoint
    assert plain() + asyncio.run(later()) == 3


def test_what_code_declares_is_a_service_of_the_site_s_own_one_for_each_category() -> None:
    @sets_cookie("theme", category="preferences", lifetime="P6M", purpose="personalisation")
    @sets_cookie("basket", **BASKET)
    def add_to_basket() -> None: ...

    sets_cookie("lang", category="preferences", lifetime="P6M")
    found = joined()
    assert list(found.services)[-2:] == ["site-necessary", "site-preferences"]
    own = found.services["site-preferences"]
    assert (own.name, own.vendor, own.policy_url) == ("Corner Shop", "Corner Shop SAS", "/privacy")
    assert own.purposes == ("personalisation", "site-operation")
    assert [cookie.name for cookie in own.cookies] == ["lang", "theme"]
    assert found.services["site-necessary"].cookies == (
        Cookie("basket", "P14D", "site", "/", "", "keeps the basket", "declared"),
    )
    assert from_bytes(found.body) == found
    assert lint(found, declared_cookies()) == []


def test_it_is_part_of_the_version_whatever_the_order_of_imports_and_of_the_notice() -> None:
    before = joined().version
    sets_cookie("b", category="analytics", lifetime="P1M")
    sets_cookie("a", category="analytics", lifetime="P1M")
    after = joined()
    setters._declarations.listed.reverse()
    assert joined().version == after.version != before
    analytics = compose(after, "en", "/consent")["categories"][2]
    assert analytics["services"][-1]["trackers"] == [
        {"name": "a", "lifetime": "1 month"},
        {"name": "b", "lifetime": "1 month"},
    ]


def test_the_same_words_twice_are_one_declaration_and_others_a_mistake_of_the_second() -> None:
    @sets_cookie("basket", **BASKET)
    def add() -> None: ...

    @sets_cookie("basket", **BASKET)
    def remove() -> None: ...

    assert len(joined().services["site-necessary"].cookies) == 1

    @sets_cookie("basket", category="analytics")
    def count() -> None: ...

    [problem] = problems()
    assert problem.path.endswith(f"{__name__}.{count.__qualname__}")
    assert add.__qualname__ in problem.message


def test_every_mistake_names_the_function_and_comes_with_those_of_the_file() -> None:
    @sets_cookie("", category="functional", lifetime="2 weeks", purpose="spying", why=" x", path="tea")
    def wrong() -> None: ...

    @sets_cookie("session", category="analytics")
    async def claims_the_session() -> None: ...

    sets_cookie(7, category="necessary")  # type: ignore[arg-type]
    found = problems(colour="red")
    paths = {problem.path for problem in found}
    place = f"@sets_cookie on {__name__}.{wrong.__qualname__}"
    assert {
        f"{place}.{field}" for field in ("name", "category", "lifetime", "purpose", "why", "path")
    } <= paths
    assert "colour" in paths
    assert f"@sets_cookie on {__name__}.{claims_the_session.__qualname__}.name" in paths
    assert any(path.startswith(f"@sets_cookie on {__name__}, line ") for path in paths)
    assert len(paths) == 9
    assert next(p for p in found if p.path == f"{place}.category").allowed[0] == "necessary"


def test_a_category_the_site_never_asks_about_is_a_mistake() -> None:
    @sets_cookie("visits", category="analytics")
    def count() -> None: ...

    [problem] = problems(categories=["marketing"], services=["meta-pixel"])
    assert count.__qualname__ in problem.path
    assert problem.allowed == ("necessary", "marketing")


def test_a_service_of_the_file_with_our_id_takes_them_in_unless_its_category_is_another() -> None:
    sets_cookie("basket", **BASKET)
    mine = visits(id="site-necessary", category="necessary", cookies=["sid"])
    assert [c.name for c in joined(services=[mine]).services["site-necessary"].cookies] == ["sid", "basket"]
    [problem] = problems(services=[mine | {"category": "analytics"}])
    assert "is necessary, but the policy's own 'site-necessary' is analytics" in problem.message


def test_an_odd_site_still_has_a_service_that_can_be_stored() -> None:
    sets_cookie("basket", **BASKET)
    site = policy()["site"] | {"controller": " " + "x" * 300, "name": " Shop "}
    found = joined(site=site)
    assert from_bytes(found.body) == found
    [problem] = problems(site=site | {"policy_url": "http://localhost:8000/privacy"})
    assert problem.path == "site.policy_url"
    del site["policy_url"]
    assert [problem.path for problem in problems(site=site)] == ["site.policy_url"]


# When it is opened --------------------------------------------------------------------------------------


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "consentkit"):
        yield caplog


def said(log: pytest.LogCaptureFixture) -> list[str]:
    warnings = [each for each in log.records if each.name == "consentkit" and each.levelname == "WARNING"]
    return [message for each in warnings if "@sets_cookie" in (message := each.getMessage())]


def shop() -> Starlette:
    @sets_cookie("theme", category="preferences", lifetime="P6M")
    async def add(_: Request) -> PlainTextResponse:
        answer = PlainTextResponse("added")
        answer.set_cookie("theme", "dark")
        return answer

    return Starlette(routes=[Route("/add", add)])


def test_a_mounted_site_enforces_what_its_code_declares(tmp_path: Path) -> None:
    with browsing(shop(), tmp_path) as client:
        assert "set-cookie" not in client.get("/add").headers
        names = [t["name"] for s in client.get("/consent/policy").json()["services"] for t in s["cookies"]]
        assert "theme" in names


def test_what_needs_consent_by_code_alone_waits_and_the_log_says_so(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    themes = visits(id="themes", category="necessary", cookies=["them*"])
    with browsing(shop(), tmp_path, policy=policy(services=[themes])) as client:
        assert "set-cookie" not in client.get("/add").headers
        assert "set-cookie" in choose(client, "preferences").headers
        assert "theme=dark" in client.get("/add").headers["set-cookie"]
    [told] = said(log)
    assert "'theme'" in told
    assert "'themes'" in told


def test_where_the_file_says_it_needs_consent_code_changes_nothing_and_the_log_says_so(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    sets_cookie("theme", **BASKET)
    themes = visits(id="themes", category="preferences", cookies=["them*"])
    with browsing(Starlette(), tmp_path, policy=policy(services=[themes])) as client:
        kit = client.app.kit  # type: ignore[attr-defined]
        assert "site-necessary" not in kit.edition.policy.services
        assert kit.edition.matcher.cookie("theme") == "themes"
    [told] = said(log)
    assert "'theme' is declared as necessary, but is preferences as a cookie of 'themes'" in told


def test_a_cookie_that_consentkit_knows_for_another_s_is_told_at_the_start(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    sets_cookie("_hjid", category="necessary")
    with browsing(Starlette(), tmp_path) as client:
        assert client.app.kit.edition.matcher.cookie("_hjid") == "hotjar"  # type: ignore[attr-defined]
    [told] = said(log)
    assert f"@sets_cookie on {__name__}" in told
    assert "'_hjid'" in told
    assert "'hotjar'" in told


def test_what_comes_after_opening_counts_from_the_next_start(
    tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    with browsing(shop(), tmp_path) as client:
        before = client.app.kit.edition.policy.version  # type: ignore[attr-defined]
        assert said(log) == []

        @sets_cookie("late", category="analytics")
        def late() -> None: ...

        shop()  # says nothing new, and isn't kept again
        assert len(setters._declarations.listed) == 2
        [told] = said(log)
        assert "('late') comes after consentkit opened" in told
        assert client.app.kit.edition.policy.version == before  # type: ignore[attr-defined]
    assert "site-analytics" in joined().services


def test_without_a_declaration_nothing_changes() -> None:
    assert joined() == resolve(policy())
