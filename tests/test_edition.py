"""An edition: what visitors of one policy version are served; nothing a policy says breaks out of it."""

from itertools import chain

import orjson
import pytest
from sample import policy, visits

from consentkit.assets import Asset
from consentkit.edition import Edition, compile_edition, held_back
from consentkit.front import CONFIG_MARK, STARTER_MARK
from consentkit.policy.version import resolve

OWN = visits(cookies=["_visit", "_visit_*"], storage=[{"area": "local", "key": "</script><img src=x>*"}])


@pytest.fixture(scope="module")
def edition() -> Edition:
    return compile_edition(resolve(policy(services=[OWN, "google-analytics", "cloudflare"])), "/consent")


def kernel_of(edition: Edition) -> Asset:
    return next(each for each in edition.served.values() if each.name == "kernel.js")


def test_no_word_of_a_policy_can_end_the_script_it_stands_in(edition: Edition) -> None:
    for script in (edition.starter, kernel_of(edition)):
        assert b"</script" not in script.body
        assert CONFIG_MARK not in script.body
        assert STARTER_MARK not in script.body
    assert b"\\u003c/script>" in kernel_of(edition).body


def test_the_kernel_knows_what_the_site_declares_and_only_that(edition: Edition) -> None:
    body = kernel_of(edition).body
    assert orjson.dumps(edition.policy.version) in body
    assert b'"visits":"analytics"' in body
    assert b'"@analytics":"analytics"' in body  # what other tools' marks are translated into
    assert b'"trackers":{"analytics":[["cookie:_visit","cookie:_visit_*","local:\\u003c/script>' in body
    assert b'"cloudflare":"necessary"' in body  # a site may ask of every service that it declares
    assert b"meta-pixel" not in body  # known, but not declared


def test_the_starter_names_the_kernel_by_its_content(edition: Edition) -> None:
    assert f'"/consent/static/{kernel_of(edition).served_name}"'.encode() in edition.starter.body


def test_everything_that_needs_consent_is_held_back_declared_or_not(edition: Edition) -> None:
    held = {service.id for service in held_back(edition.policy)}
    assert {"visits", "google-analytics", "meta-pixel"} <= held
    assert "cloudflare" not in held
    assert edition.category_of("meta-pixel") == ""


def test_the_manifest_names_every_document_by_its_hash(edition: Edition) -> None:
    digests = {*chain(*(edition.manifest[part].values() for part in ("notices", "renderings", "files")))}
    assert {part.sha256 for part in edition.documents()} == digests | {edition.policy.version}


def test_another_prefix_is_another_edition_of_the_same_policy() -> None:
    resolved = resolve(policy())
    one, other = compile_edition(resolved, "/consent"), compile_edition(resolved, "/cookies")
    assert one.policy.version == other.policy.version
    assert one.starter.sha256 != other.starter.sha256
    assert other.starter_address.startswith("/cookies/static/starter.")


def test_the_guard_is_a_file_of_the_edition_unless_the_policy_does_without(edition: Edition) -> None:
    assert edition.guard is not None
    assert edition.guard_address == f"/consent/static/{edition.guard.served_name}"
    assert edition.served[edition.guard.served_name] is edition.guard
    assert edition.manifest["files"]["guard.js"] == edition.guard.sha256
    body = edition.guard.body
    assert b"__GUARD__" not in body
    assert b'"analytics","google-analytics"' in body
    assert b"_visit_.*" in body
    assert b"hotjar" not in body  # known and not declared: held as every stranger, until it is known
    ways = next(item for item in edition.served.values() if item.name == "ways.js")
    assert f'"/consent/static/{ways.served_name}"'.encode() in body
    assert b"hotjar" in ways.body
    without = compile_edition(resolve(policy(pages={"guard": False})), "/consent")
    assert without.guard is None
    assert without.guard_address is None
    assert not {"guard.js", "ways.js"} & without.manifest["files"].keys()


def test_the_rules_of_an_edition_are_one_object_for_a_host(edition: Edition) -> None:
    assert edition.rules("shop.example") is edition.rules("other.example")
    assert edition.rules("").url("https://connect.facebook.net/en_US/fbevents.js") == "meta-pixel"
    strict = compile_edition(resolve(policy(pages={"third_parties": "strict"})), "/consent")
    assert strict.rules("shop.example") is strict.rules("www.shop.example:443")
    assert strict.rules("shop.example") is not strict.rules("other.example")
    assert strict.rules("shop.example").url("https://cdn.test/") == "?cdn.test"
    assert strict.rules("cdn.test").url("https://cdn.test/") is None
