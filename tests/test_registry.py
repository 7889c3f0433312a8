"""The registry of known services: complete, sourced, free of overlaps, and hit by the vendors' snippets."""

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import combinations

import pytest

from consentkit.errors import PolicyError
from consentkit.policy.match import Scripts
from consentkit.policy.registry import (
    DECLARED,
    PURPOSES,
    Service,
    known_services,
    read_services,
    service_from,
    service_to,
)

# Services the first demonstration and the documentation name; renaming one breaks published policies.
# fmt: off
NAMED = [
    "google-tag-manager", "google-analytics", "google-ads", "google-ad-manager", "google-adsense",
    "youtube", "google-maps", "google-fonts", "recaptcha", "meta-pixel", "facebook-embeds",
    "microsoft-clarity", "microsoft-advertising", "linkedin-insight", "tiktok-pixel", "pinterest-tag",
    "x-pixel", "snap-pixel", "reddit-pixel", "hotjar", "matomo", "plausible", "posthog", "snowplow",
    "mixpanel", "amplitude", "segment", "heap", "fullstory", "hubspot", "intercom", "drift", "zendesk-chat",
    "crisp", "tawk", "vimeo", "dailymotion", "spotify", "soundcloud", "criteo", "taboola", "outbrain",
    "adroll", "quantcast", "piano-analytics", "yandex-metrica", "optimizely", "vwo", "ab-tasty", "klaviyo",
    "mailchimp", "brevo", "salesforce-pardot", "marketo", "adobe-analytics", "new-relic", "sentry",
    "stripe", "cloudflare",
]
# fmt: on
# fmt: off
COUNTRIES = {
    "AE", "CA", "CH", "CN", "CZ", "DE", "DK", "EE", "ES", "FR", "GB", "IE", "IL", "IN", "IT", "JP", "LT",
    "LU", "NL", "NZ", "PL", "RU", "SE", "SG", "SK", "US",
}
# fmt: on
FACTS = ("urls", "inline", "cookies", "storage")

# One line per documented snippet, in the vendor's shape but with our own names: the part that must be seen.
SNIPPETS = {
    "google-tag-manager": [
        "w[l].push({'gtm.start':\nnew Date().getTime(),event:'gtm.js'})",
        "j.src='https://www.googletagmanager.com/gtm.js?id='+i+dl",
        'w[l].push({"gtm.start":new Date().getTime(),event:"gtm.js"})',
    ],
    "google-analytics": [
        "gtag('config', 'G-ABC123');",
        'gtag("config","G-ABC123",{send_page_view:!1})',
        "window.gtag('config','UA-1-1')",
        "})(window,document,'script','https://www.google-analytics.com/analytics.js','ga');",
        "_gaq.push(['_setAccount', 'UA-1-1']);",
        "('https:' == p ? 'https://ssl' : 'http://www') + '.google-analytics.com/ga.js';",
    ],
    "google-ads": [
        "gtag('config', 'AW-123');",
        'gtag("config", "GT-ABC");',
        's.src="https://www.googleadservices.com/pagead/conversion_async.js"',
    ],
    "google-fonts": [
        "href: 'https://fonts.googleapis.com/css2?family=X'",
        "//fonts.googleapis.com/css?family=X",
    ],
    "google-ad-manager": ["gtag('config', 'DC-123');", "googletag.defineSlot('/1/x', [1, 1], 'y');"],
    "google-adsense": ["(adsbygoogle = window.adsbygoogle || []).push({});"],
    "google-maps": ["a.src=`https://maps.${c}apis.com/maps/api/js?`+e"],
    "recaptcha": ["s.src = 'https://www.google.com/recaptcha/api.js?render=K'"],
    "youtube": ['tag.src = "https://www.youtube.com/iframe_api";'],
    "meta-pixel": [
        "s.parentNode.insertBefore(t,s)}(window, document,'script','https://connect.facebook.net/fr_FR/fbevents.js');",
        "fbq('init', '123');",
        'fbq("init","123")',
    ],
    "facebook-embeds": ["window.fbAsyncInit = function() { FB.init({ xfbml: true }); };"],
    "microsoft-clarity": ['t=l.createElement(r);t.async=1;t.src="https://www.clarity.ms/tag/"+i;'],
    "microsoft-advertising": [
        '(window,document,"script","//bat.bing.com/bat.js","uetq");',
        "o.q=w[u],w[u]=new UET(o)",
    ],
    "linkedin-insight": [
        '_linkedin_partner_id = "1";',
        "window._linkedin_data_partner_ids = window._linkedin_data_partner_ids || [];",
        'b.src = "https://snap.licdn.com/li.lms-analytics/insight.min.js";',
        "if (!l){window.lintrk = function(a,b){window.lintrk.q.push([a,b])}}",
    ],
    "tiktok-pixel": [
        "w.TiktokAnalyticsObject=t;var ttq=w[t]=w[t]||[];",
        'var r="https://analytics.tiktok.com/i18n/pixel/events.js"',
        "ttq.load('C1');",
    ],
    "pinterest-tag": ['}("https://s.pinimg.com/ct/core.js");', "pintrk('load', '1');"],
    "x-pixel": ["u.src='https://static.ads-twitter.com/uwt.js'", "twq('config','o1');"],
    "snap-pixel": ["'https://sc-static.net/scevent.min.js');", "snaptr('init', 'x', {});"],
    "reddit-pixel": ['t.src="https://www.redditstatic.com/ads/pixel.js"', 'rdt("init","t2_x")'],
    "hotjar": [
        "})(window,document,'https://static.hotjar.com/c/hotjar-','.js?sv=');",
        "h._hjSettings={hjid:1}",
    ],
    "matomo": [
        "var _paq = window._paq = window._paq || [];",
        "_paq.push(['trackPageView']);",
        "var _mtm = window._mtm = window._mtm || [];",
    ],
    "plausible": ["window.plausible = window.plausible || function() {}"],
    "posthog": [
        "e.__SV||(window.posthog=e,e._i=[],e.init=function(i,s,a){",
        'p.src=s.api_host.replace(".i.posthog.com","-assets.i.posthog.com")+"/static/array.js"',
        "posthog.init('phc_x', {});",
    ],
    "snowplow": [
        "p.GlobalSnowplowNamespace=p.GlobalSnowplowNamespace||[];",
        "window.snowplow('newTracker', 'sp', 'collector.example', {});",
        'snowplow("newTracker", "sp")',
    ],
    "mixpanel": ["mixpanel.init('x');", '"https://cdn.mxpnl.com/libs/mixpanel-2-latest.min.js"'],
    "amplitude": ["amplitude.init('x');", 'r.src="https://cdn.amplitude.com/libs/a.js"'],
    "segment": ['t.src="https://cdn.segment.com/analytics.js/v1/"+key', 'analytics.SNIPPET_VERSION="5";'],
    "heap": [
        "window.heap=window.heap||[],heap.load=function(e,t){}",
        "window.heapReadyCb=window.heapReadyCb||[]",
    ],
    "fullstory": ["window['_fs_org'] = 'x';", "window['_fs_script'] = 'edge.fullstory.com/s/fs.js';"],
    "hubspot": ["var _hsq = window._hsq = window._hsq || [];", "_hsq.push(['trackPageView']);"],
    "hubspot-forms": ["hbspt.forms.create({portalId: '1'});"],
    "intercom": ["window.intercomSettings = {};", "s.src='https://widget.intercom.io/widget/x'"],
    "drift": ["o.src='https://js.driftt.com/include/'+n+'/x.js'", "drift.load('x');"],
    "zendesk-chat": ["window.$zopim||(function(d,s){", '$.src="https://v2.zopim.com/?x"'],
    "crisp": ['window.CRISP_WEBSITE_ID="x";', 's.src="https://client.crisp.chat/l.js"'],
    "tawk": ["var Tawk_API=Tawk_API||{}, Tawk_LoadStart=new Date();", "s1.src='https://embed.tawk.to/x/y';"],
    "criteo": ["window.criteo_q = window.criteo_q || [];"],
    "taboola": ["window._tfa = window._tfa || [];", "window._taboola = window._taboola || [];"],
    "outbrain": ["var OB_ADV_ID = 'x';", "'//amplify.outbrain.com/cp/obtp.js'"],
    "adroll": ['adroll_adv_id = "x";', "s.adroll.com/j/"],
    "quantcast": ['window._qevents = []; _qevents.push({qacct:"p-x"});', '".quantserve.com/quant.js"'],
    "piano-analytics": ["pa.setConfigurations({site: 1});"],
    "yandex-metrica": ['(window, document, "script", "https://mc.yandex.ru/metrika/tag.js", "ym");'],
    "vwo": ["window._vwo_code || (function() {", "'https://dev.visualwebsiteoptimizer.com/j.php?a='"],
    "klaviyo": ["!function(){if(!window.klaviyo){window._klOnsite=window._klOnsite||[];}}()"],
    "mailchimp": ['}(document,"script","https://chimpstatic.com/mcjs-connected/js/users/x/y.js");'],
    "brevo": ["window.Brevo = window.Brevo || [];", 's.src="https://sibautomation.com/sa.js?key=x"'],
    "salesforce-pardot": [
        "piAId = '1';",
        "('https:' == p ? 'https://pi' : 'http://cdn') + '.pardot.com/pd.js';",
    ],
    "marketo": ["Munchkin.init('000-AAA-000');", "s.src = '//munchkin.marketo.net/munchkin.js';"],
    "new-relic": [";window.NREUM||(NREUM={});"],
    "sentry": ['Sentry.init({ dsn: "x" });'],
}

# Inline scripts and page data that talk about trackers, or steer them, without loading any.
INNOCENT = [
    "window.dataLayer = []; function gtag(){dataLayer.push(arguments);} gtag('js', new Date());",
    "gtag('consent', 'default', {'ad_storage': 'denied', 'wait_for_update': 500});",
    "gtag('event', 'purchase', {currency: 'EUR'});",
    "window.uetq = window.uetq || []; window.uetq.push('consent', 'default', {'ad_storage': 'denied'});",
    "window.clarity('consentv2', {ad_Storage: 'denied', analytics_Storage: 'denied'});",
    "fbq('consent', 'revoke');",
    '{"@context":"https://schema.org","sameAs":["https://www.facebook.com/x","https://www.youtube.com/@x"]}',
    '{"partners":["Google Analytics","Meta Pixel","Hotjar","posthog","snowplow"],"config":"G-ABC123"}',
    '{"csp":"script-src https://www.googletagmanager.com https://connect.facebook.net https://*.clarity.ms"}',
    '{"event":"gtm.js","gtm.start":1780000000000}',
    '{"body":"We use Google Tag Manager, LinkedIn Insight and the TikTok pixel; see our policy."}',
    'const stripe = Stripe("pk_test_x"); stripe.elements();',
]


@cache
def stated() -> dict[str, dict[str, object]]:
    """The services as the files state them, by id, before any default is filled in."""
    folder = files("consentkit.policy") / "services"
    rows = [row for file in folder.iterdir() for row in json.loads(file.read_text("utf-8"))]
    assert len({row["id"] for row in rows}) == len(rows), "an id is stated twice"
    return {row["id"]: row for row in rows}


@cache
def scripts(id_: str) -> Scripts:
    return Scripts([known_services()[id_]])


def marks(body: str) -> set[str]:
    """The services of which some inline mark is found in `body`."""
    return {id_ for id_ in known_services() if scripts(id_)(body.encode()).service}


def pairs(facts: str, domain: str | None = None) -> Iterator[tuple[str, object, str, object]]:
    """Every two facts of one kind that belong to different services."""
    rows = [(s.id, fact) for s in known_services().values() for fact in getattr(s, facts)]
    if domain:
        rows = [(id_, fact) for id_, fact in rows if fact.domain == domain]
    return ((a, one, b, two) for (a, one), (b, two) in combinations(rows, 2) if a != b)


@cache
def meet(one: str, two: str) -> bool:
    """True when some name matches both globs."""
    if not one or not two:
        return set(one + two) <= {"*"}
    if one[0] == "*":
        return (
            meet(one[1:], two)
            or (two[0] == "*" and meet(one, two[1:]))
            or (two[0] != "*" and meet(one, two[1:]))
        )
    if two[0] == "*":
        return meet(two, one)
    return one[0] == two[0] and meet(one[1:], two[1:])


def test_the_named_services_are_known_and_there_are_many_more() -> None:
    known = known_services()
    assert set(NAMED) <= set(known)
    assert len(known) >= 150
    assert sum(len(service.cookies) for service in known.values()) >= 500


def test_known_services_are_read_once_and_can_not_be_changed() -> None:
    assert known_services() is known_services()
    with pytest.raises(TypeError):
        known_services()["x"] = known_services()["posthog"]  # type: ignore[index]


@pytest.mark.parametrize("service", known_services().values(), ids=lambda s: s.id)
def test_a_service_can_be_recognised_and_every_fact_states_its_own_https_source(service: Service) -> None:
    raw = stated()[service.id]
    assert any(getattr(service, field) for field in FACTS)
    assert service.country in COUNTRIES
    for field in FACTS:
        assert len(raw[field]) == len(getattr(service, field))
        for fact, read in zip(raw[field], getattr(service, field), strict=True):
            assert fact["source"] in raw["sources"], f"{service.id} {fact}"
            assert read.source == raw["sources"][fact["source"]]
            assert read.source.startswith("https://")


@pytest.mark.parametrize("service", known_services().values(), ids=lambda s: s.id)
def test_no_source_is_stated_that_nothing_comes_from(service: Service) -> None:
    raw = stated()[service.id]
    used = {fact["source"] for field in FACTS for fact in raw[field]}
    # Where a cookie is set has no field of its own for its source.
    assert set(raw["sources"]) - {"scope"} == used
    assert ("scope" in raw["sources"]) == any(cookie.scope for cookie in service.cookies)


def test_a_glob_begins_with_what_only_its_service_uses() -> None:
    """A name in strangers' hands may end in anything: `*id` would be half of what sites store themselves."""
    loose = [
        (service.id, name)
        for service in known_services().values()
        for name in (*(c.name for c in service.cookies), *(item.key for item in service.storage))
        if "*" in name and len(name.partition("*")[0]) < 3
    ]
    assert loose == []


def test_a_pattern_names_a_host_below_a_registrable_domain() -> None:
    """`*.co.uk` or `*.s3.amazonaws.com` would claim what belongs to everybody there."""
    everybody = {
        "co.uk",
        "com.br",
        "amazonaws.com",
        "cloudfront.net",
        "herokuapp.com",
        "github.io",
        "azureedge.net",
    }
    everybody |= {
        "googleapis.com",
        "jsdelivr.net",
        "unpkg.com",
        "google.com",
        "azure.com",
        "yimg.com",
        "wp.com",
    }
    for service in known_services().values():
        for pattern in service.urls:
            host = pattern.match.partition("/")[0]
            assert host.removeprefix("*.") not in everybody or "/" in pattern.match, pattern
            assert host.count(".") >= 1, pattern


def test_no_pattern_of_a_service_is_within_another_of_its_own() -> None:
    """What another service claims in between is the exception: then the narrower one decides (match.py)."""
    everywhere = [pattern.match for service in known_services().values() for pattern in service.urls]
    for service in known_services().values():
        own = [pattern.match for pattern in service.urls]
        assert len(set(own)) == len(own), service.id
        for wide in (match[1:] for match in own if match.startswith("*.") and "/" not in match):
            within = [host for host in own if f".{host.removeprefix('*.').partition('/')[0]}".endswith(wide)]
            between = [host for host in everywhere if host not in own and f".{host}".endswith(wide)]
            assert len(within) == 1 or between, (service.id, within)


def test_a_service_survives_the_round_trip_through_json() -> None:
    for service in known_services().values():
        plain = json.loads(json.dumps(service_to(service)))
        assert list(plain) == list(Service.__dataclass_fields__)
        assert service_from(plain, "here") == (service, [])


def test_where_a_cookie_is_set_is_stated_with_a_source_of_its_own_or_left_open() -> None:
    """RFC 6265bis 5.7: host and domain can each have a cookie of one name; a guess would add the other."""
    scopes = {}
    for service in known_services().values():
        for cookie in service.cookies:
            if cookie.scope:
                assert cookie.domain == "site"
                assert stated()[service.id]["sources"]["scope"].startswith("https://")  # type: ignore[index]
                scopes[cookie.name] = cookie.scope
    assert {name: scopes[name] for name in ("_ga", "_gid", "_gcl_au", "_fbp")} == dict.fromkeys(
        ("_ga", "_gid", "_gcl_au", "_fbp"), "domain"
    )
    assert scopes["_pk_id*"] == "host"
    assert "_sp_id.*" not in scopes, "two versions of one tracker differ"
    assert scopes.keys().isdisjoint({"_ga_*", "_clsk", "_pk_ses*", "ph_*_posthog"}), "they change at each hit"


@pytest.mark.parametrize(("field", "value"), [("scope", "page"), ("scope", None), ("why", " x"), ("why", 3)])
def test_a_scope_and_a_reason_have_a_form(field: str, value: object) -> None:
    raw = service_to(known_services()["cloudflare"])
    assert service_from(raw | {"cookies": [raw["cookies"][0] | {field: ""}]}, "x")[1] == []
    problems = service_from(raw | {"cookies": [raw["cookies"][0] | {field: value}]}, "x")[1]
    assert [problem.path for problem in problems] == [f"x.cookies.0.{field}"]
    assert problems[0].allowed


def test_every_necessary_cookie_that_outlives_the_session_says_why() -> None:
    """B2."""
    for service in known_services().values():
        for cookie in service.cookies if service.category == "necessary" else ():
            assert cookie.domain == "vendor" or (cookie.lifetime == "session") != bool(cookie.why), cookie


def test_no_two_services_claim_the_same_url() -> None:
    # Longest host, then longest path wins: only equal hosts (wildcard or not) with equal paths are a tie.
    same = [
        (a, one, b)
        for a, one, b, two in pairs("urls")
        if one.match.removeprefix("*.") == two.match.removeprefix("*.")
    ]
    assert not same


def test_no_name_of_a_site_cookie_belongs_to_two_services() -> None:
    # An exact name beats a glob (match.py), so an exception carved out of a glob is allowed, by name.
    carved = {("AMP_TOKEN", "AMP_*")}
    both = [
        (a, one.name, b, two.name)
        for a, one, b, two in pairs("cookies", "site")
        if meet(one.name, two.name) and not {(one.name, two.name), (two.name, one.name)} & carved
    ]
    assert not both


def test_a_vendor_cookie_shared_by_two_services_is_one_vendors() -> None:
    known = known_services()
    for a, one, b, two in pairs("cookies", "vendor"):
        assert one.name != two.name or known[a].vendor == known[b].vendor, (a, b, one.name)


def test_no_storage_key_belongs_to_two_services() -> None:
    assert not [
        (a, one, b, two)
        for a, one, b, two in pairs("storage")
        if one.area == two.area and meet(one.key, two.key)
    ]


def test_no_inline_mark_occurs_in_another_services_mark() -> None:
    both = [
        (a, one.match, b, two.match)
        for a, one, b, two in pairs("inline")
        if one.match in two.match or two.match in one.match
    ]
    assert not both


def test_globs_meet_when_one_name_matches_both() -> None:
    assert all(
        meet(one, two) for one, two in [("_ga_*", "_ga_ABC"), ("a*c", "*b*"), ("*x", "y*"), ("**", "")]
    )
    assert not any(meet(one, two) for one, two in [("_ga_*", "_gac_*"), ("_ga", "_ga_*"), ("p*_a", "p*_b")])


@pytest.mark.parametrize("id_", SNIPPETS)
def test_each_part_of_a_vendors_documented_snippet_hits_that_service_and_no_other(id_: str) -> None:
    for line in SNIPPETS[id_]:
        assert marks(line) == {id_}, line


@pytest.mark.parametrize("body", INNOCENT)
def test_page_data_and_consent_signals_hit_no_service(body: str) -> None:
    assert marks(body) == set()


def test_the_demonstration_shops_snippets_are_all_known() -> None:
    folder = files("consentkit.demo") / "templates" / "parts"
    hits = {
        name: marks((folder / f"{name}.html").read_text("utf-8"))
        for name in ("posthog.head", "snowplow.head")
    }
    assert hits == {"posthog.head": {"posthog"}, "snowplow.head": {"snowplow"}}
    linkedin = (folder / "linkedin-insight.end.html").read_text("utf-8")
    for body in re.findall(r"<script[^>]*>(.+?)</script>", linkedin, re.DOTALL):
        assert marks(body) == {"linkedin-insight"}


def test_a_necessary_service_only_secures_or_takes_payment() -> None:
    # L7: what is exempt from consent is narrow; audience measurement, chat or film never are by default.
    for service in known_services().values():
        if service.category == "necessary":
            assert set(service.purposes) <= {"security", "payments"}, service.id
            assert not service.inline, service.id


def test_what_loads_other_vendors_tags_or_advertises_is_marketing() -> None:
    for service in known_services().values():
        if {"tag-management", "advertising", "ad-measurement", "social"} & set(service.purposes):
            assert service.category == "marketing", service.id


def test_the_strict_defaults_of_the_google_family() -> None:
    known = known_services()
    urls = {p.match: s.id for s in known.values() for p in s.urls}
    assert urls["www.googletagmanager.com/gtm.js"] == "google-tag-manager"
    assert urls["www.googletagmanager.com"] == "google-tag-manager"
    assert urls["www.googletagmanager.com/gtag/js"] == "google-analytics"
    assert urls["stats.g.doubleclick.net"] == "google-analytics"
    assert urls["*.doubleclick.net"] == "google-ad-manager"
    assert known["google-tag-manager"].category == "marketing"


def broken() -> dict[str, object]:
    return {
        "id": "Bad Id",
        "name": "",
        "country": "France",
        "category": "functional",
        "purposes": ["spying"],
        "policy_url": "http://example.com",
        "colour": "red",
        "sources": {"doc": "ftp://example.com"},
        "urls": [{"match": "https://example.com", "source": "nowhere"}, "example.com"],
        "inline": [{"match": "short", "source": "doc"}],
        "cookies": [{"name": "*", "lifetime": "2 years", "domain": "third", "path": "x", "source": "doc"}],
        "storage": [{"area": "disk", "key": "**a*", "source": "doc", "size": 1}],
    }


def test_everything_wrong_with_a_service_is_reported_at_once_with_what_is_allowed() -> None:
    service, problems = service_from(broken(), "services.2")
    assert service is None
    paths = {problem.path.removeprefix("services.2."): problem for problem in problems}
    assert set(paths) == {
        "id", "name", "vendor", "country", "category", "purposes.0", "policy_url", "colour", "sources.doc",
        "urls.0.match", "urls.0.source", "urls.1", "inline.0.match", "cookies.0.name", "cookies.0.lifetime",
        "cookies.0.domain", "cookies.0.path", "storage.0.area", "storage.0.key", "storage.0.size",
    }  # fmt: skip
    assert all(problem.allowed for problem in problems)
    assert paths["category"].allowed == ("necessary", "preferences", "analytics", "marketing")
    assert paths["category"].message == "is 'functional'"
    assert paths["vendor"].message == "is missing"
    assert paths["purposes.0"].allowed == PURPOSES
    assert paths["cookies.0.domain"].allowed == ("site", "vendor")
    assert "doc" in paths["urls.0.source"].allowed


@pytest.mark.parametrize("field", ["purposes", *FACTS, "sources"])
def test_a_list_that_is_none_is_one_problem_not_a_crash(field: str) -> None:
    raw = service_to(known_services()["posthog"]) | {field: 3}
    service, problems = service_from(raw, "x")
    assert service is None
    assert f"x.{field}" in {problem.path for problem in problems}


@pytest.mark.parametrize(
    "pattern",
    ["example.com", "*.example.com", "127.0.0.1:8001/sp.js", "localhost:8000", "a-b.example/x/Y.js"],
)
def test_a_url_pattern_is_a_host_with_an_optional_port_and_path(pattern: str) -> None:
    raw = service_to(known_services()["posthog"]) | {"urls": [{"match": pattern, "source": DECLARED}]}
    assert service_from(raw, "x")[1] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.com",
        "https://a.example",
        "A.example",
        "a.*.example",
        "a.example/x?y",
        "a.example:0",
        "",
        "/x",
        "a.b/x y",
    ],
)
def test_a_pattern_outside_the_grammar_is_refused(pattern: str) -> None:
    raw = service_to(known_services()["posthog"]) | {"urls": [{"match": pattern, "source": DECLARED}]}
    assert [problem.path for problem in service_from(raw, "x")[1]] == ["x.urls.0.match"]


def url_problem(pattern: str) -> str:
    raw = service_to(known_services()["posthog"]) | {"urls": [{"match": pattern, "source": DECLARED}]}
    [problem] = service_from(raw, "x")[1]
    assert problem.allowed
    return problem.message


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("X.Example", "must be in lower case: x.example, not 'X.Example'"),
        ("*.X.example:80/P", "must be in lower case: *.x.example:80/P, not '*.X.example:80/P'"),
        ("é.example", "must be ASCII: write it as xn--9ca.example, not 'é.example'"),
        ("*.É.example/x", "must be ASCII: write it as *.xn--9ca.example/x, not '*.É.example/x'"),
        ("a.example:65536", "has a port above 65535, not 'a.example:65536'"),
        ("a.example:" + "9" * 60, "has a port above 65535, not 'a.example:" + "9" * 60 + "'"),
        ("a b.example", "is 'a b.example'"),
        ("A.*.example", "is 'A.*.example'"),
        ("é..example", "is 'é..example'"),
        ("x" * 5000 + "!", "is '" + "x" * 79 + "…"),
    ],
)
def test_a_bad_pattern_is_told_what_to_write_instead(pattern: str, message: str) -> None:
    assert url_problem(pattern) == message


def test_the_last_port_is_a_port() -> None:
    raw = service_to(known_services()["posthog"]) | {
        "urls": [{"match": "a.example:65535", "source": DECLARED}]
    }
    assert service_from(raw, "x")[1] == []


@pytest.mark.parametrize("text", ["", " ", " x", "x ", "a\x07b", "a\nb", "x" * 201, "\n" + "x" * 300])
@pytest.mark.parametrize("field", ["name", "vendor"])
def test_a_name_is_one_line_of_at_most_200_characters(field: str, text: str) -> None:
    raw = service_to(known_services()["posthog"]) | {field: text}
    assert [problem.path for problem in service_from(raw, "x")[1]] == [f"x.{field}"]
    assert service_from(raw | {field: "é x" + "x" * 197}, "x")[1] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example:65536/",
        "https://a.example/\x07",
        "https://a",
        "HTTP://a.example",
        "//a.example",
        "/\\a",
    ],
)
def test_a_policy_s_url_is_one_that_browsers_follow_safely(url: str) -> None:
    raw = service_to(known_services()["posthog"]) | {"policy_url": url}
    assert [problem.path for problem in service_from(raw, "x")[1]] == ["x.policy_url"]


@pytest.mark.parametrize("service", known_services().values(), ids=lambda s: s.id)
def test_a_known_service_s_policy_is_the_vendor_s_own_https_page(service: Service) -> None:
    assert service.policy_url.startswith("https://")


def test_purposes_that_are_no_list_are_one_mistake() -> None:
    raw = service_to(known_services()["posthog"]) | {"purposes": "fonts"}
    assert [problem.path for problem in service_from(raw, "x")[1]] == ["x.purposes"]


@pytest.mark.parametrize("lifetime", ["session", "P13M", "P2Y", "P390D", "PT30M", "PT20H", "P1W"])
def test_a_lifetime_is_a_session_or_one_period(lifetime: str) -> None:
    raw = service_to(known_services()["cloudflare"])
    raw["cookies"][0]["lifetime"] = lifetime
    assert service_from(raw, "x")[1] == []


@pytest.mark.parametrize(
    "lifetime",
    ["", "P", "PT", "P0D", "P1Y2M", "2Y", "P30S", "P1M\n", "Session", "P1٣M", "P" + "9" * 5_000 + "D"],
)
def test_another_lifetime_is_refused(lifetime: str) -> None:
    raw = service_to(known_services()["cloudflare"])
    raw["cookies"][0]["lifetime"] = lifetime
    assert [problem.path for problem in service_from(raw, "x")[1]] == ["x.cookies.0.lifetime"]


def test_a_bad_file_is_named_with_its_service_and_field() -> None:
    good = json.dumps([service_to(known_services()["posthog"])]).encode()
    worse = json.dumps([service_to(known_services()["matomo"]) | {"country": "Oz"}, 7]).encode()
    with pytest.raises(PolicyError) as caught:
        read_services({"c.json": b"{", "b.json": worse, "a.json": good, "d.json": good})
    paths = [problem.path for problem in caught.value.problems]
    assert paths == ["b.json[matomo].country", "b.json[1]", "c.json", "d.json[posthog].id"]
