"""Whose address counts, the last hop that no trusted proxy wrote, and which law holds there (D6, E12)."""

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from sample import app, browsing, mounted, policy
from starlette.testclient import TestClient

from consentkit.errors import ConfigurationError
from consentkit.gate.geo import NOWHERE, Atlas, Spot, Whereabouts, client_address, networks
from consentkit.policy.places import regime_of
from consentkit.policy.regimes import REGIMES

TRUSTED = networks(["192.0.2.0/24", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.4", "", "198.51.100.4"),
        ("198.51.100.4", "203.0.113.9", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "8.8.8.8, 198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4, 192.0.2.9", "198.51.100.4"),
        ("2001:db8::1", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "198.51.100.4:5678", "198.51.100.4"),
        ("192.0.2.7", "[2001:4860::1]:443", "2001:4860::1"),
        ("::ffff:192.0.2.7", "198.51.100.4", "198.51.100.4"),
        ("192.0.2.7", "unknown", None),
        ("192.0.2.7", "", None),
        ("testclient", "", None),
    ],
)
def test_the_address(peer: str, forwarded: str, address: str | None) -> None:
    assert client_address(peer, forwarded, TRUSTED) == address


def test_networks_need_no_list() -> None:
    assert networks("192.0.2.0/24, 2001:db8::/32,") == TRUSTED
    assert networks("") == []


@pytest.mark.parametrize(
    ("country", "region", "regime"),
    [
        ("FR", None, "fr"),
        ("RE", None, "fr"),
        ("PL", None, "eu"),
        ("NO", None, "eu"),
        ("EL", None, "eu"),
        ("UK", None, "gb"),
        ("GB", "SCT", "gb"),
        ("CH", None, "ch"),
        ("US", "CA", "us"),
        ("US", None, "us"),
        ("CA", "QC", "ca-qc"),
        ("CA", "ON", "world"),
        ("CA", None, "unknown"),
        ("JP", None, "world"),
        ("XX", None, "unknown"),
        ("EU", None, "unknown"),
        ("fr", None, "unknown"),
        (None, "QC", "unknown"),
    ],
)
def test_the_law_of_a_place(country: str | None, region: str | None, regime: str) -> None:
    assert regime_of(country, region) == regime
    assert regime in REGIMES


def asking(peer: str, *headers: tuple[str, str]) -> dict[str, Any]:
    """A scope, as a server makes it."""
    sent = [(name.encode(), value.encode()) for name, value in (("host", "shop.example"), *headers)]
    return {"type": "http", "client": (peer, 5), "headers": sent}


@pytest.mark.parametrize(
    ("peer", "headers", "spot"),
    [
        ("192.0.2.7", [("cf-ipcountry", "FR")], Spot("FR")),
        ("192.0.2.7", [("cf-ipcountry", "us"), ("cf-region-code", "US-ca")], Spot("US", "CA")),
        ("192.0.2.7", [("cf-ipcountry", "CA"), ("cf-region-code", "QC")], Spot("CA", "QC")),
        ("192.0.2.7", [("cf-ipcountry", "CA"), ("cf-region-code", "Québec")], Spot("CA")),
        ("192.0.2.7", [("cf-ipcountry", "T1")], NOWHERE),
        ("192.0.2.7", [("cf-ipcountry", "US"), ("cf-ipcountry", "FR")], NOWHERE),
        ("198.51.100.4", [("cf-ipcountry", "US")], NOWHERE),
        ("192.0.2.7", [("cf-region-code", "CA")], NOWHERE),
        ("", [("cf-ipcountry", "US")], NOWHERE),
    ],
)
def test_a_place_in_a_header_counts_from_a_trusted_proxy_alone(
    peer: str, headers: list[tuple[str, str]], spot: Spot
) -> None:
    where = Whereabouts(TRUSTED, headers=("CF-IPCountry", "CF-Region-Code"))
    assert where.spot(asking(peer, *headers)) == spot


def test_a_header_from_anybody_else_is_told_of_once_and_without_an_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that rewrites who connects, as uvicorn does by itself, hides the proxy that is trusted."""
    where = Whereabouts(TRUSTED, headers=("CF-IPCountry", ""))
    where.spot(asking("192.0.2.7", ("cf-ipcountry", "FR")))
    where.spot(asking("198.51.100.4"))
    assert caplog.messages == []
    for peer in ("198.51.100.4", "198.51.100.5"):
        where.spot(asking(peer, ("cf-ipcountry", "FR")))
    [said] = caplog.messages
    assert "cf-ipcountry" in said
    assert "198.51" not in said


def file(folder: Path, kind: str, rows: dict[str, Any]) -> Path:
    writer = MMDBWriter(6, kind, ipv4_compatible=True)
    for network, row in rows.items():
        writer.insert_network(IPSet([network]), row)
    path = folder / f"{kind}.mmdb"
    writer.to_db_file(str(path))
    return path


QUEBEC = {"country": {"iso_code": "CA"}, "subdivisions": [{"iso_code": "QC"}]}


@pytest.mark.parametrize(
    ("kind", "row", "spot"),
    [
        ("GeoLite2-Country", {"country": {"iso_code": "FR"}}, Spot("FR")),
        ("GeoIP2-City", QUEBEC, Spot("CA", "QC")),
        ("GeoLite2-City", {"country": {"iso_code": "FR"}}, Spot("FR")),
        ("geo-whois-asn-country", {"country_code": "FR"}, Spot("FR")),
        ("ipinfo generic_country.mmdb", {"country": "fr"}, Spot("FR")),
        ("GeoIP2-ISP", {"isp": "nobody"}, NOWHERE),
    ],
)
def test_files_of_countries_of_cities_and_flat_ones_are_read(
    tmp_path: Path, kind: str, row: dict[str, Any], spot: Spot
) -> None:
    atlas = Atlas(file(tmp_path, kind, {"198.51.100.0/24": row}))
    assert [atlas.spot(each) for each in ("198.51.100.4", "203.0.113.9", "2001:4860::1")] == [
        spot,
        NOWHERE,
        NOWHERE,
    ]


def test_a_header_comes_before_the_file_and_both_lines_of_forwarded_count(tmp_path: Path) -> None:
    rows = {"198.51.100.0/24": {"country_code": "BR"}, "203.0.113.0/24": {"country_code": "US"}}
    where = Whereabouts(TRUSTED, Atlas(file(tmp_path, "flat", rows)), ("cf-ipcountry", ""))
    direct = asking("198.51.100.4", ("x-forwarded-for", "203.0.113.9"), ("cf-ipcountry", "US"))
    assert where.regime(direct) == "br", "neither header is a visitor's to send"
    behind = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.4")]
    assert where.regime(asking("192.0.2.7", *behind)) == "br"
    assert where.regime(asking("192.0.2.7", *behind, ("cf-ipcountry", "CH"))) == "ch"
    assert where.regime(asking("192.0.2.7")) == "unknown"


def test_a_visitor_has_the_regime_of_their_place_if_the_policy_tells_it_apart(tmp_path: Path) -> None:
    options: dict[str, Any] = {"country_header": "CF-IPCountry", "trusted_proxies": ["192.0.2.0/24"]}
    with browsing(app(), tmp_path, policy=policy(regimes={"us": {}, "eu": {}}), **options) as browser:
        inside = browser.app

        async def proxied(scope: Any, receive: Any, send: Any) -> None:
            await inside(scope | {"client": ("192.0.2.7", 1)}, receive, send)

        client = TestClient(proxied, base_url="https://shop.example")
        found = {}
        for country in ("US", "FR", "GB", "JP", "XX"):
            state = client.get("/consent/state", headers={"cf-ipcountry": country}).json()
            found[country] = (state["regime"], len(state["allowed"]))
    assert found == {
        "US": ("us", 4),
        "FR": ("eu", 1),  # the wider one that the policy has a table for
        "GB": ("unknown", 1),
        "JP": ("unknown", 1),
        "XX": ("unknown", 1),
    }


@pytest.mark.parametrize(
    ("regimes", "options", "told"),
    [
        ({"us": {}, "gb": {}}, {}, "so nobody is under [regimes.gb], [regimes.us]: give country_header="),
        ({"us": {}}, {"regime": lambda scope: "us"}, ""),
        ({"us": {}}, {"country_header": "CF-IPCountry"}, ""),
        ({}, {"country_header": "CF-IPCountry"}, "the policy has no table such as [regimes.us]"),
        ({}, {}, ""),
    ],
)
def test_a_start_tells_of_regimes_without_places_and_of_places_without_regimes(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    regimes: dict[str, Any],
    options: dict[str, Any],
    told: str,
) -> None:
    where = {"trusted_proxies": ["192.0.2.0/24"], **options}
    site = mounted(app(), tmp_path, policy=policy(regimes=regimes), **where)
    _ = site._faces
    site.kit.close()
    found = [each for each in caplog.messages if "[regimes." in each]
    assert [told in each for each in found] == ([True] if told else [])


def test_a_country_s_header_without_a_proxy_that_is_trusted_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for named, wrong in (("", "count from trusted_proxies alone"), ("nowhere", "trusted_proxies: 'nowhere'")):
        monkeypatch.setenv("CONSENTKIT_TRUSTED_PROXIES", named)
        with pytest.raises(ConfigurationError, match=wrong):
            _ = mounted(app(), tmp_path, country_header="CF-IPCountry")._faces
