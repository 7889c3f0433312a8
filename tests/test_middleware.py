"""The front door: options, environment, and what an application may ask."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sample import ORIGIN, POLICY, SECRET, app, browsing, mounted
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from consentkit import ConsentMiddleware, consent_of
from consentkit.errors import ConfigurationError
from consentkit.proof.entry import Kind, Record
from consentkit.tally_stores import open_store
from consentkit.testing import granted


async def asks(request: Request) -> JSONResponse:
    visitor = consent_of(request)
    return JSONResponse(
        {
            "analytics": visitor.allows("analytics"),
            "necessary": visitor.allows("necessary"),
            "youtube": visitor.allows_service("youtube"),
            "ask": visitor.ask,
            "reasons": visitor.reasons,
            "until": {category: str(until) for category, until in visitor.until.items()},
        }
    )


async def odd(request: Request) -> JSONResponse:
    visitor = consent_of(request.scope)
    return JSONResponse([visitor.allows("analitycs"), visitor.allows_service("hotjar")])


def test_an_application_asks_about_categories_and_services(tmp_path: Path) -> None:
    with browsing(app(Route("/", asks)), tmp_path) as client:
        answer = client.get("/").json()
    assert answer["necessary"] is True
    assert not answer["analytics"]
    assert not answer["youtube"]
    assert answer["ask"] is True
    assert answer["reasons"]["analytics"] == "unknown"
    assert answer["until"] == {}


def test_a_misspelt_category_is_denied_and_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with browsing(app(Route("/", odd)), tmp_path) as client:
        assert client.get("/").json() == [False, False]
    assert "the policy has necessary, preferences, analytics, marketing" in caplog.text
    assert "doesn't declare this service" in caplog.text


def test_asking_without_the_middleware_says_what_is_missing() -> None:
    client = TestClient(app(Route("/", asks)))
    with pytest.raises(ConfigurationError, match="ConsentMiddleware"):
        client.get("/")


def test_a_site_s_own_tests_can_fix_the_decision(tmp_path: Path) -> None:
    bare = TestClient(app(Route("/", asks)))
    with browsing(app(Route("/", asks)), tmp_path) as client:
        for browser in (client, bare):
            with granted("analytics"):
                answer = browser.get("/").json()
                assert answer["analytics"] is True
                assert answer["ask"] is False
        assert client.get("/").json()["analytics"] is False


@pytest.mark.parametrize(
    ("missing", "says"),
    [("policy", "CONSENTKIT_POLICY"), ("secret_key", "CONSENTKIT_SECRET_KEY")],
)
def test_what_has_no_default_must_be_given(
    tmp_path: Path, missing: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(says, raising=False)
    middleware = mounted(app(), tmp_path, **{missing: None})
    with pytest.raises(ConfigurationError, match=says):
        TestClient(middleware).get("/")


def test_options_come_from_the_environment_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENTKIT_SECRET_KEY", SECRET)
    monkeypatch.setenv("CONSENTKIT_STORE", f"sqlite:///{tmp_path / 'env.db'}")
    monkeypatch.setenv("CONSENTKIT_KEYS", str(tmp_path / "env-keys"))
    monkeypatch.setenv("CONSENTKIT_PREFIX", "/cookies/")
    monkeypatch.setenv("CONSENTKIT_ACTOR", "job 7")
    middleware = ConsentMiddleware(app(), policy=POLICY)
    assert TestClient(middleware, base_url=ORIGIN).get("/cookies/state").status_code == 200
    assert (tmp_path / "env.db").exists()
    [published] = middleware.kit.log.entries(kind=Kind.POLICY)
    assert published.subj == {"actor": "job 7"}
    middleware.kit.close()


@pytest.mark.parametrize(
    "options",
    [
        {"prefix": "consent"},
        {"store": "mysql://nowhere"},
        {"secret_key": "short"},
        {"policy": {}},
        {"policy": "/nowhere/consent.toml"},
        {"trusted_proxies": ["not a network"]},
        {"geo": "/nowhere/countries.mmdb"},
    ],
)
def test_a_wrong_option_stops_the_start_in_words(tmp_path: Path, options: dict[str, Any]) -> None:
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        messages.append(message)

    middleware = mounted(app(), tmp_path, **options)
    asyncio.run(middleware({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send))
    assert [message["type"] for message in messages] == ["lifespan.startup.failed"]
    assert messages[0]["message"].startswith("consentkit: ")
    assert not (tmp_path / "keys").exists()  # nothing is begun that can't go on


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """design §3.10: user-agents and geoip2 cost 100 ms of import between them."""
    import subprocess
    import sys

    late = ("ua_parser", "geoip2", "aiohttp", "asyncpg")
    code = f"import sys, consentkit.middleware; print(any(m in sys.modules for m in {late}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_lifespan_passes_through(tmp_path: Path) -> None:
    events: list[str] = []

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        events.append(scope["type"])
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    middleware = mounted(raw, tmp_path)
    with TestClient(middleware):
        assert events == ["lifespan"]
    middleware.kit.close()


def test_an_application_without_a_lifespan_leaves_the_kit_its_own(tmp_path: Path) -> None:
    async def raw(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("only HTTP here, as Django says")

    middleware = mounted(raw, tmp_path)
    with TestClient(middleware):
        kit = middleware.kit
    assert middleware.kit is not kit, "it has to be closed with the server"
    middleware.kit.close()


def test_a_server_that_stops_has_published_its_last_checkpoint(tmp_path: Path) -> None:
    middleware = mounted(app(), tmp_path)
    for times in (1, 2):
        with TestClient(middleware, base_url=ORIGIN):
            middleware.kit.log.append([Record(Kind.CHOICE, 1, {"n": times})]).result(30)
            log = middleware.kit.log.newest.log
            size = log.size
        with log._store.reading() as view:
            assert [published for published, _ in view.published()][-1] == size
        log.close()


async def sets(request: Request) -> JSONResponse:
    return JSONResponse({}, headers={"set-cookie": "_ga=1"})


def test_what_was_counted_is_written_when_the_server_stops(tmp_path: Path) -> None:
    middleware = mounted(app(Route("/", sets)), tmp_path)
    for times in (1, 2):
        with TestClient(middleware, base_url=ORIGIN) as client:
            client.get("/")
        store = open_store(f"sqlite:///{tmp_path / 'log.db'}")
        assert [(row.kind, row.name, row.count) for row in store.read(None)] == [
            ("blocked", "google-analytics", times)
        ]
    middleware.kit.close()
