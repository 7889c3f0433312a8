"""The guard's table: the browser decides about addresses and names as the gate does."""

import json
import re
from datetime import timedelta
from typing import Any

import brotli
import pytest
from sample import policy, visits

from consentkit.assets import asset
from consentkit.edition import held_back
from consentkit.guard import guard_script, ways_script
from consentkit.policy.match import Matcher
from consentkit.policy.months import add_months, end_day, least_days, start_of
from consentkit.policy.names import cookie_names
from consentkit.policy.periods import days_in
from consentkit.policy.registry import known_services
from consentkit.policy.urls import split_port
from consentkit.policy.version import Policy, resolve
from consentkit.policy.whose import rules_of
from consentkit.tables import guard_table, known_pattern, lives_table

ROW = re.compile(r'\[/((?:\\.|[^/\\])*)/s,("[^"]*"),("[^"]*"|\d+)\]')
LIFE = re.compile(r"\[/((?:\\.|[^/\\])*)/s,(\d+)(/864e2)?\]")
PREFIX = "/consent"


def service(id_: str, category: str, *urls: str, **facts: Any) -> dict[str, Any]:
    return visits(id=id_, category=category, urls=list(urls), **facts)


def cookies(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "lifetime": "P1Y"} for name in names]


OWN = [
    service("stats", "analytics", "*.stats.example", "stats.example/ad/", cookies=cookies("_st", "_st_*")),
    service(
        "ads", "marketing", "a.stats.example", "*.b.stats.example:8443/x", "h.example:443", "i.example:80"
    ),
    service("needed", "necessary", "pay.stats.example", "*.b.stats.example/ok/", "needed.example"),
    service(
        "kept", "preferences", "*.c.example/a", "*.c.example/a/b", cookies=cookies("_st_kept_*", "_p+(x)*")
    ),
    service("proxy", "analytics", "shop.example/ph/", "shop.example/con", "shop.example"),
]
POLICIES = {
    "sample": policy(),
    "everything": policy(services=[*known_services()]),
    "own": policy(services=[*OWN, "google-analytics"]),
    "strict": policy(
        services=OWN, pages={"third_parties": "strict", "allow": ["cdn.example", "*.img.example/b/"]}
    ),
}


TEN = [
    *("google-analytics", "google-tag-manager", "meta-pixel", "youtube", "hotjar", "linkedin-insight"),
    *("microsoft-clarity", "tiktok-pixel", "hubspot", "matomo"),
]


class Table:
    """The rows as the browser reads them; what is in them is an expression in Python's syntax as well."""

    def __init__(self, text: str) -> None:
        self.rows = [
            (re.compile(source, re.DOTALL | re.ASCII), (json.loads(category), json.loads(detail)))
            for source, category, detail in ROW.findall(text)
        ]

    @classmethod
    def whole(cls, policy: Policy) -> "Table":
        """Both, in the order in which they are looked at once ways.js has come."""
        return cls(f'[[/{known_pattern(policy, PREFIX)}/s,"",0],' + guard_table(policy, PREFIX)[1:])

    def __call__(self, text: str) -> tuple[str, str | int] | None:
        """A category, and a service's id or the most days of a tracker's life."""
        return next((row for pattern, row in self.rows if pattern.match(text)), None)


class Lives:
    """For how many days each cookie is declared."""

    def __init__(self, policy: Policy) -> None:
        self.rows = [
            (re.compile(source, re.DOTALL | re.ASCII), int(number) / (86_400 if seconds else 1))
            for source, number, seconds in LIFE.findall(lives_table(policy))
        ]

    def __call__(self, name: str) -> float:
        return next(days for pattern, days in self.rows if pattern.match(name))


@pytest.fixture(scope="module", params=sorted(POLICIES))
def resolved(request: pytest.FixtureRequest) -> Policy:
    return resolve(POLICIES[request.param])


@pytest.fixture(scope="module")
def table(resolved: Policy) -> Table:
    return Table.whole(resolved)


def addresses(resolved: Policy) -> set[str]:
    """Addresses at and around every pattern there is."""
    found = {
        "https://nobody.example/",
        "https://ga.example/collect",
        "wss://a.b.stats.example/",
        "http://[::1]/",
    }
    services = [*resolved.services.values(), *resolved.known.values()]
    for pattern in [pattern.match for each in services for pattern in each.urls]:
        authority, _, path = pattern.partition("/")
        host, port = split_port(authority)
        name = host.removeprefix("*.")
        for where in (name, f"www.{name}", f"a.b.{name}", f"x{name}", name.partition(".")[2] or name):
            for scheme, default in (("https", "443"), ("http", "80")):
                for said in {"", ":8443", f":{port}" if port and port != default else ""}:
                    for rest in {path, f"{path}x/y", "", path[:-1], "ok/"}:
                        found.add(f"{scheme}://{where}{said}/{rest}")
    return found


def test_every_address_is_the_same_service_s_as_for_the_gate(
    resolved: Policy, table: Table, full: bool
) -> None:
    whose = rules_of(resolved)
    asked = sorted(addresses(resolved))
    # Python has to try a row for each service of a policy that declares them all.
    asked = asked if full else asked[:: len(table.rows) // 30 + 1]
    wrong = {}
    for url in asked:
        owner = whose.url(url)
        declared = owner in resolved.services
        # A host that nobody declared is the last row's, a function that only a browser can call.
        strange = owner is not None and owner.startswith("?")
        wanted = (resolved.category_of(owner or ""), owner) if declared else ("", 0)
        found = table(url)
        if found != (None if owner is None or strange else wanted):
            wrong[url] = found, owner
    assert len(asked) > 500
    assert wrong == {}


def test_every_cookie_has_the_category_and_the_life_that_the_gate_gives_it(
    resolved: Policy, table: Table
) -> None:
    matcher, facts, lives = Matcher(held_back(resolved)), cookie_names(held_back(resolved)), Lives(resolved)
    names = {"session", "_", "_g", "_gaa", "theme"}
    for each in (*resolved.services.values(), *resolved.known.values()):
        for cookie in each.cookies:
            names |= {cookie.name.replace("*", fill) for fill in ("", "x", "x_y-1", "kept_1")}
            names |= {f"x{cookie.name}", f"{cookie.name[:-1]}", cookie.name.upper()}
    for name in names:
        owner = matcher.cookie(name)
        found = table(f"cookie:{name}")
        if owner is None:
            assert found is None, name
        else:
            category = resolved.category_of(owner) or ""
            most = least_days(resolved.lifetimes.cap(category)) if category else 0
            assert found == (category, most), name
            stated = facts(name)
            assert stated is not None
            if category:
                wanted = days_in(stated.cookie.lifetime, resolved.lifetimes.cap(category))
                assert lives(name) == pytest.approx(wanted), name


def test_the_table_of_ten_services_is_1024_bytes() -> None:
    table = guard_table(resolve(policy(services=TEN)), PREFIX)
    assert len(brotli.compress(table.encode("ascii"))) <= 1024


def test_what_is_not_declared_waits_for_the_file_that_comes_later(resolved: Policy) -> None:
    first = Table(guard_table(resolved, PREFIX))
    assert [row for _, row in first.rows if not row[0]] == [("", "consentkit")]
    known = re.compile(known_pattern(resolved, PREFIX), re.DOTALL | re.ASCII)
    # The guard finds it in the file by the marks around it.
    ways = ways_script(resolved, PREFIX).decode("ascii")
    found = re.search(r"`(\^.*?)`", ways)
    assert found is not None
    assert found[1] == known.pattern
    assert "${" not in found[1]


def test_what_is_declared_more_closely_is_left_out_of_what_is_known() -> None:
    stats = service("stats", "analytics", "connect.facebook.net/en_US/sdk/own/", cookies=cookies("_fbp"))
    wide = service("wide", "analytics", "*.facebook.net", cookies=cookies("_hj*", "_pk_id.1"))
    resolved = resolve(policy(services=[stats, wide]))
    table = Table.whole(resolved)
    sdk = "https://connect.facebook.net/en_US/sdk/"
    assert [table(f"{sdk}own/x"), table(f"{sdk}x")] == [("analytics", "stats"), ("", 0)]
    assert table("https://other.facebook.net/") == ("analytics", "wide")
    own = ("analytics", least_days(13))
    asked = ("_hjx", "_hjid", "_pk_id.1", "_pk_id.1x")
    assert [table(f"cookie:{name}") for name in asked] == [own, ("", 0), own, ("", 0)]


def test_our_own_cookies_are_no_script_s_to_write_or_remove(table: Table) -> None:
    own = ("", "consentkit")
    for name in ("consentkit", "consentkit_allows", "consentkit_seen"):
        assert table(f"cookie:{name}") == own
        assert table(f"cookie:{name}x") != own != table(f"cookie:x{name}")


def test_storage_is_named_by_the_interface_that_writes_it(table: Table, resolved: Policy) -> None:
    found = table("Storage:_hjUserAttributes"), table("CacheStorage:mapbox-tiles"), table("IDBFactory:own")
    if "hotjar" in resolved.services:
        assert [row and row[0] for row in found] == ["analytics", "preferences", None]
    else:
        assert [row and row[0] for row in found] == ["", "", None]


def test_on_its_own_host_a_site_has_to_say_which_part_is_a_tracker() -> None:
    table = Table(guard_table(resolve(POLICIES["own"]), PREFIX))
    assert table("//shop.example/ph/e/") == ("analytics", "proxy")
    assert table("//shop.example/") is None
    assert table("https://shop.example/") == ("analytics", "proxy")
    assert table("//shop.example/consent/state") is None
    assert table("//a.stats.example/") is None


def test_strict_rules_put_what_nobody_declared_last() -> None:
    text = guard_table(resolve(POLICIES["strict"]), PREFIX)
    assert text.count("[RegExp(") == 1
    assert "cdn\\\\.example" in text
    assert '+"[:/])"),"",""]' in text
    # Where they may pass they are strangers, until it is known who they are.
    assert '+"[:/])"),1,""]' in guard_table(resolve(POLICIES["own"]), PREFIX)
    cut = Table(guard_table(resolve(policy(services=OWN, cookies={"undeclared": "strict"})), PREFIX))
    assert cut("cookie:session") == ("", 0)
    assert cut("cookie:_st") == ("analytics", least_days(13))


def test_each_cookie_has_the_life_it_is_declared_for_though_a_service_has_several() -> None:
    lives = ["P30D", "P2Y", "P13M", "session", "PT30M", "P6M"]
    several = [{"name": f"_st_{n}", "lifetime": life} for n, life in enumerate(lives)]
    several.append({"name": "_st_*", "lifetime": "P2W"})
    keys = [{"area": "local", "key": "_st_*"}]
    stats = service("stats", "analytics", cookies=several, storage=keys)
    resolved = resolve(policy(services=[stats]))
    table, lives = Table(guard_table(resolved, PREFIX)), Lives(resolved)
    found = [lives(f"_st_{n}") for n in range(7)]
    assert found == pytest.approx([30, 400, 400, 1, 1 / 48, 180, 14])
    assert {table(f"cookie:_st_{n}") for n in range(7)} == {("analytics", 392)}
    assert table("Storage:_st_0") == ("analytics", 392)


@pytest.mark.parametrize("months", range(1, 14))
def test_a_life_of_the_least_days_never_outlives_the_months(months: int) -> None:
    days = least_days(months)
    lives = []
    for day in range(20_454, 20_454 + 4 * 366):
        now = start_of(day) + timedelta(hours=23, minutes=59)
        assert now + timedelta(days=days) <= start_of(end_day(day, months))
        lives.append((add_months(now, months) - now).days - days)
    assert max(lives) <= 5


def test_nothing_in_a_policy_can_end_the_pattern_or_the_script_it_stands_in() -> None:
    odd = [{"area": "local", "key": "</script>/*\\/[x]*"}]
    resolved = resolve(policy(services=[service("odd", "analytics", "o.example/é(/", storage=odd)]))
    guard = guard_script(resolved, PREFIX, asset("ways.js", ways_script(resolved, PREFIX))).decode("ascii")
    assert "</script" not in guard
    table = Table(guard_table(resolved, PREFIX))
    assert table("Storage:</script>/*\\/[x]1") == ("analytics", least_days(13))
    assert table("Storage:</script>/x\\/[x]1") == ("analytics", least_days(13))
    # The browser gives the bytes of a path's UTF-8, one character each.
    assert table("https://o.example/" + "é(/".encode().decode("latin-1")) == ("analytics", "odd")
