"""The births that trackers carry in their values, as vendors document them and as browsers send them."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from math import inf
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.policy.births import FORMS, LONGEST, born, end_told
from consentkit.policy.months import day_of

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)

# Each with the page that shows this value or its form. "captured" ones come out of requests that people
# published, and are compared with what the cookies beside them tell.
SOURCED = [
    # https://stackoverflow.com/questions/16102436/what-are-the-values-in-ga-cookie
    ("_ga", "1.2.286403989.1366364567", "2013-04-19T09:42:47"),
    # https://bbccss.com/explanation-of-cookie-values-used-by-ga4.html
    ("_ga", "GA1.1.1197596843.1673515099", "2023-01-12T09:18:19"),
    # The path has its own level: the same Stack Overflow answer.
    ("_ga", "GA1.4-2.1197596843.1673515099", "2023-01-12T09:18:19"),
    ("_gid", "GA1.2.77586860.1655982457", "2022-06-23T11:07:37"),
    # Session 1: its start is the first visit. captured, beside _ga=GA1.1.1654993483.1726845364
    ("_ga_0434Z4NCVG", "GS1.1.1726845363.1.1.1726845385.46.0.0", "2024-09-20T15:16:03"),
    # https://votus.com.ua/ga4-new-cookie-format
    ("_ga_SM37QL5J42", "GS2.1.s1747132561$o1$g0$t1747132655$j0$l0$h0", "2025-05-13T10:36:01"),
    # The order is not guaranteed: the same page.
    ("_ga_SM37QL5J42", "GS2.1.g0$o1$t1747132655$s1747132561$j0", "2025-05-13T10:36:01"),
    ("_ga_SM37QL5J42", "GS2.1.o1$s1747132561", "2025-05-13T10:36:01"),
    # https://datacadamia.com/marketing/analytics/ga/utma
    ("__utma", "67809543.1161459517.1575879169.1576068631.1576087033.11", "2019-12-09T08:12:49"),
    # https://support.google.com/analytics/answer/7519794 (version number, timestamp, click)
    ("_gac_UA-123456-12", "1.1673515099.CM-a9evq8dFDGUNR8BpeUWxBZB", "2023-01-12T09:18:19"),
    # captured, beside _fbp=fb.2.1695627711597.2139030901
    ("_gcl_aw", "GCL.1695627711.CjwKCAjw38SoBhB6EiwA8EQVLhxkqwDqpfzV-spxgH4c7xGj", "2023-09-25T07:41:51"),
    ("_gcl_au", "1.1.1211203322.1695627711", "2023-09-25T07:41:51"),
    # captured, beside _ga=GA1.2.1667267761.1655982457
    (
        "__gads",
        "ID=c5a896288a559a38-224105aab0d30085:T=1655982456:RT=1655999999:S=ALNI_MbtHc",
        "2022-06-23T11:07:36",
    ),
    ("__gpi", "UID=000006149da5cba6:T=1655982456:RT=1655999999:S=ALNI_MbtHc", "2022-06-23T11:07:36"),
    # https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc/
    ("_fbp", "fb.1.1596403881668.1116446470", "2020-08-02T21:31:21.668"),
    ("_fbc", "fb.1.1554763741205.AbCdEfGhIjKlMnOpQrStUvWxYz1234567890", "2019-04-08T22:49:01.205"),
    # https://github.com/matomo-org/matomo/blob/5.x-dev/js/piwik.js (the id, then createTs)
    ("_pk_id.1.1fff", "c4f8a3b5d6e7f809.1673515099", "2023-01-12T09:18:19"),
    ("_pk_id.1.1fff", "c4f8a3b5d6e7f809.1673515099.", "2023-01-12T09:18:19"),
    # and its version 3: visits, this visit, the last one, the last order
    ("_pk_id.7.a2b3", "c4f8a3b5d6e7f809.1366364567.12.1673515099.1673000000.", "2013-04-19T09:42:47"),
    # captured: eyJpZCI6ImJmNmIwYWUwLThjZGQtNWFkNC05YzAzLWRhMWQ3ZTkxMzM4ZSIsImNyZWF0ZWQi...
    (
        "_hjSessionUser_34921",
        b64encode(
            b'{"id":"bf6b0ae0-8cdd-5ad4-9c03-da1d7e91338e","created":1640010504234,"existing":true}'
        ).decode(),
        "2021-12-20T14:28:24.234",
    ),
    # https://knowledge.hubspot.com/privacy-and-consent/what-cookies-does-hubspot-set-in-a-visitor-s-browser
    (
        "__hstc",
        "230861184.df1bf384582f91d9b9c9359cd69bb4f3.1526298447715.1526298447715.1526298447715.1",
        "2018-05-14T11:47:27.715",
    ),
    # https://docs.snowplow.io/docs/collecting-data/collecting-from-own-applications/javascript-trackers/
    # web-tracker/cookies-and-local-storage
    (
        "_sp_id.4209",
        "2eb1275c-1e40-4b96-b4ca-6d3b4c4b8b26.1681550727.3.1681650000.1681600000.51ac2a3e-3b0a-4bd3-8b8e-1",
        "2023-04-15T09:25:27",
    ),
    # https://nation.marketo.com/t5/product-blogs/say-associated-munchkin-token-instead-of-cookie-to-be-
    # hyper/ba-p/337666
    ("_mkto_trk", "id:966-KHF-533&token:_mch-politico.com-1621870998344-23356", "2021-05-24T15:43:18.344"),
    (
        "_mkto_trk",
        "id%3A966-KHF-533%26token%3A_mch-my-shop.com-1621870998344-23356",
        "2021-05-24T15:43:18.344",
    ),
    # https://yandex.com/support/metrica/general/cookie-usage.html; the id captured beside it
    ("_ym_d", "1618738183", "2021-04-18T09:29:43"),
    ("_ym_uid", "1618738183650299472", "2021-04-18T09:29:43"),
    # captured, beside _gcl_au=1.1.1783362476.1617501905
    ("optimizelyEndUserId", "oeu1617501905394r0.6341117205222938", "2021-04-04T02:05:05.394"),
    # https://github.com/PostHog/posthog-js: a UUID of version 7, here the one of RFC 9562, appendix A.6
    (
        "ph_phc_abc_posthog",
        quote('{"distinct_id":"alice","$device_id":"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"}'),
        "2022-02-22T19:22:22",
    ),
]


@pytest.mark.parametrize(("name", "value", "birth"), SOURCED)
def test_a_birth_is_read_where_a_vendor_writes_it(name: str, value: str, birth: str) -> None:
    assert born(name, value, NOW) == datetime.fromisoformat(birth).replace(tzinfo=UTC)


def test_every_form_has_an_example_and_a_source() -> None:
    for form in FORMS:
        assert any(form.name.fullmatch(name) for name, _, _ in SOURCED), form.name.pattern
        assert form.source.startswith(("https://", "not documented"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # The second session on: its start says nothing of the first visit (answer 9191807 of Google's help).
        ("_ga_0434Z4NCVG", "GS1.1.1726845363.2.1.1726845385.46.0.0"),
        ("_ga_0434Z4NCVG", "GS1.1.1726845363.11.1.1726845385.46.0.0"),
        ("_ga_SM37QL5J42", "GS2.1.s1747132561$o12$g0$t1747132655$j0$l0$h0"),
        ("_ga_SM37QL5J42", "GS2.1.s1747132561$g0$t1747132655"),
        # Identified visitors: the site's own id may be a UUID of version 7, and years older than the cookie.
        ("ph_phc_abc_posthog", '{"distinct_id":"0187d3a2-1b2c-7def-8abc-0123456789ab"}'),
        ("ph_phc_abc_posthog", '{"$device_id":"0187d3a2-1b2c-4def-8abc-0123456789ab"}'),
        # An end that moves, and a session's start.
        ("_clck", "luwxxh|2|fmc|0|1584"),
        ("_hjSession_34921", "eyJpZCI6IjEiLCJjcmVhdGVkIjoxNjQwMDEwNTA0MjM0fQ=="),
        # A name that only begins like one.
        ("_gat", "GA1.1.1197596843.1673515099"),
        ("sid", "1673515099"),
        # A client id that the site chose itself.
        ("_ga", "GA1.1.amp-2kqMZ.1673515099"),
        ("_ga", "GA1.1.1197596843"),
        ("_fbp", "fb.1.abc.1116446470"),
        ("_hjSessionUser_1", "a"),
        ("_hjSessionUser_1", "%ff%00"),
        ("_hjSessionUser_1", "e30="),
        ("_ym_d", ""),
    ],
)
def test_nothing_else_is_taken_for_a_birth(name: str, value: str) -> None:
    assert born(name, value, NOW) is None


def test_only_what_can_be_is_believed() -> None:
    def ga(instant: datetime) -> datetime | None:
        return born("_ga", f"GA1.1.1.{int(instant.timestamp())}", NOW)

    first = datetime(2005, 1, 1, tzinfo=UTC)
    assert ga(first) == first
    assert ga(first - timedelta(seconds=1)) is None
    assert ga(NOW + timedelta(days=1)) == NOW + timedelta(days=1)
    assert ga(NOW + timedelta(days=1, seconds=1)) is None
    assert born("ph_x_posthog", '{"$device_id":"ffffffff-ffff-7fff-8fff-ffffffffffff"}', NOW) is None
    assert born("_ga", "GA1.1." + "1" * LONGEST + ".1673515099", NOW) is None


def test_a_value_tells_the_day_on_which_its_tracker_ends() -> None:
    birth = int(datetime(2025, 7, 31, 23, 59, tzinfo=UTC).timestamp())
    assert end_told("_ga_1", f"GS1.1.{birth}.1.0", 13) == day_of(datetime(2026, 8, 31, tzinfo=UTC))
    for name, value in (("sid", f"GS1.1.{birth}.1.0"), ("_ga_1", "GS1.1.1.1.0"), ("_ga", "")):
        assert end_told(name, value, 1) == inf


names = st.sampled_from([name for name, _, _ in SOURCED])
values = st.text() | st.text(alphabet="GS12.so$f:=|&-%0123456789abcdef{}\"'", max_size=80)


def broken(example: tuple[str, str, str], at: int, text: str) -> tuple[str, str]:
    name, value, _ = example
    return name, value[:at] + text + value[at + 1 :]


@given(
    st.tuples(names, values | values.map(lambda text: b64encode(text.encode()).decode()))
    | st.builds(broken, st.sampled_from(SOURCED), st.integers(0, 200), st.text(max_size=3))
)
@samples(400, derandomize=True)
def test_no_value_can_do_harm(pair: tuple[str, str]) -> None:
    birth = born(*pair, NOW)
    assert birth is None or datetime(2005, 1, 1, tzinfo=UTC) <= birth <= NOW + timedelta(days=1)
