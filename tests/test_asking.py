"""What an auditor asks of one visitor and of all: history, state at an instant, rates about nobody."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import Clock, app, august, browsing, choose, policy, visits
from starlette.testclient import TestClient

from consentkit.cli import main
from consentkit.proof.entry import Kind


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(), tmp_path, clock=clock) as client:
        yield client


def run(folder: Path, *arguments: str) -> Result:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    return CliRunner().invoke(main, ["audit", *arguments, *where])


def told(folder: Path, *arguments: str) -> Any:
    return json.loads(run(folder, *arguments, "--json").stdout)


def test_one_visitor_s_history_and_what_was_in_force_at_an_instant(
    site: TestClient, tmp_path: Path, clock: Clock
) -> None:
    """Q1, Q4, Q38."""
    first = choose(site, "analytics", "marketing").json()["index"]
    clock.move(days=10)
    last = choose(site).json()["index"]
    site.cookies.clear()
    choose(site, "preferences")
    value = told(tmp_path, "visitor", str(last), "--at", "2026-09-05")
    assert [(each["index"], each["kind"]) for each in value["records"]] == [
        (first, "choice"),
        (last, "withdrawal"),
    ]
    held = value["in_force"]
    assert held["entry"] == first
    assert {c: (s["granted"], s["counts"]) for c, s in held["categories"].items()} == {
        "preferences": (False, True),
        "analytics": (True, True),
        "marketing": (True, True),
    }
    assert held["categories"]["analytics"]["valid_until"] == "2027-02-28T12:00:00+00:00"
    for at, said in (("2026-08-31T11:59:59Z", "nothing; no answer"), ("2029-01-01", "over by then")):
        assert said in run(tmp_path, "visitor", str(first), "--at", at).stdout
    read = site.app.kit.log.entries(kind=Kind.ACCESS)  # type: ignore[attr-defined]
    assert [(each.stmt["action"], each.stmt["object"]) for each in read] == [("visitor", first)] * 3
    assert run(tmp_path, "visitor").exit_code == 2
    assert "Nothing is held" in run(tmp_path, "visitor", "--visitor", "0" * 32).stdout


def test_rates_are_counted_by_what_is_asked_and_small_ones_stay_untold(
    site: TestClient, tmp_path: Path, clock: Clock
) -> None:
    """Q13, Q22, Q23."""
    for granted in [(), ("analytics",), ("analytics", "marketing", "preferences")] * 2:
        site.cookies.clear()
        choose(site, *granted)
    choose(site)
    clock.move(days=40)
    choose(site, "analytics", locale="fr")
    version = site.app.kit.edition.policy.version  # type: ignore[attr-defined]
    [row] = told(tmp_path, "rates")["rows"]
    assert (row["group"], row["answers"], row["withdrawals"]) == (version, 8, 1)
    assert row["yes"] == {"analytics": 5, "marketing": 2, "preferences": 2}
    assert (row["all"], row["some"], row["none"]) == (2, 3, 3)
    months = {each["group"]: each["answers"] for each in told(tmp_path, "rates", "--by", "month")["rows"]}
    assert months == {"2026-08": 7, "2026-10": None}
    assert "fewer than 5" in run(tmp_path, "rates", "--by", "locale").stdout
    assert told(tmp_path, "rates", "--from", "2026-10-01", "--to", "2026-10-02")["rows"] == []


def test_a_press_about_one_category_is_counted_and_told_with_what_stands_beside_it(tmp_path: Path) -> None:
    """A sale is objected to while the rest stays on (L24); an embed's yes leaves the rest off."""
    both = policy(regime="us")
    with browsing(app(), tmp_path, policy=both) as client:
        for _ in range(5):
            client.cookies.clear()
            refused = choose(client, control="opt-out", choices={"marketing": False}).json()["index"]
    with browsing(app(), tmp_path) as client:
        for _ in range(5):
            client.cookies.clear()
            yes = {"choices": {"marketing": True}, "mechanism": "placeholder", "control": "always"}
            allowed = choose(client, **yes).json()["index"]
    rows = told(tmp_path, "rates", "--by", "control")["rows"]
    counted = {each["group"]: tuple(each[name] for name in ("all", "some", "none")) for each in rows}
    assert counted == {"opt-out": (0, 5, 0), "always": (0, 5, 0)}
    listed = run(tmp_path, "log", "--kind", "choice").stdout
    assert "necessary; not marketing (opt-out, us)" in listed
    assert "marketing, necessary (always, unknown)" in listed
    bases = [told(tmp_path, "show", str(index))["statement"]["basis"] for index in (refused, allowed)]
    assert bases[0] == {"necessary": "exempt", "marketing": "opt_out_model"}, "nothing was consented to"
    assert bases[1] == {"necessary": "exempt", "others": "consent"}


def test_versions_tell_who_published_what_when_and_the_inventory_what_was_declared_then(
    tmp_path: Path, clock: Clock
) -> None:
    """Q8, Q17, Q24, Q26."""
    with browsing(app(), tmp_path, clock=clock, actor="deploy-1"):
        pass
    clock.move(days=30)
    french = policy()["site"] | {"default_language": "fr"}
    services = ["google-analytics", visits(country="NZ", cookies=["_visit"])]
    later = policy(services=services, site=french)
    with browsing(app(), tmp_path, clock=clock, policy=later, actor="deploy-2"):
        pass
    old, new = told(tmp_path, "versions")["versions"]
    assert [(each["since"][:10], each["actor"]) for each in (old, new)] == [
        ("2026-08-31", "deploy-1"),
        ("2026-09-30", "deploy-2"),
    ]
    assert old["changes"] == []
    said = [(each["added"], each["about"]) for each in new["changes"]]
    assert (True, ["Analytics", "Visit counter"]) in said
    assert (False, ["Marketing", "YouTube"]) in said
    assert told(tmp_path, "versions", "--at", "2026-09-01")["versions"] == [old]
    assert "13 months" in run(tmp_path, "inventory").stdout, "as the command's own words are"
    assert "+ Analytics, Visit counter" in run(tmp_path, "versions").stdout
    then, now = (told(tmp_path, "inventory", "--at", at) for at in ("2026-09-01", "2026-10-01"))
    assert (then["version"], now["version"]) == (old["version"], new["version"])
    since = {each["id"]: each["since"][:10] for each in now["services"]}
    assert since == {"consentkit": "2026-08-31", "google-analytics": "2026-08-31", "visits": "2026-09-30"}
    assert "youtube" in {each["id"] for each in then["services"]}
    assert "Visit counter (Corner Shop SAS, NZ), since 2026-09-30" in run(tmp_path, "inventory").stdout
    assert run(tmp_path, "inventory", "--at", "2026-01-01").exit_code == 2
