"""The kit: nothing is served that the log doesn't hold, and a choice is a record first (Q7, Q8, H19)."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sample import Clock, august, policy

from consentkit.answer import Answer
from consentkit.errors import ChoiceError, ConfigurationError, LogRefused, PolicyError
from consentkit.kit import ConsentKit, log_origin, read_policy
from consentkit.policy.decision import Reason
from consentkit.policy.lint import lint
from consentkit.policy.version import resolve
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind
from consentkit.proof.erasure import requested


@pytest.fixture
def clock() -> Clock:
    return august()


def opened(folder: Path, clock: Clock, **changes: Any) -> ConsentKit:
    store = f"sqlite:///{folder / 'log.db'}"
    return ConsentKit(policy(**changes), store=store, keys=folder / "keys", clock=clock)


@pytest.fixture
def kit(tmp_path: Path, clock: Clock) -> Iterator[ConsentKit]:
    kit = opened(tmp_path, clock)
    yield kit
    kit.close()


def answer(kit: ConsentKit, *granted: str, **changes: Any) -> Answer:
    choices = {category: category in granted for category in kit.edition.policy.categories}
    fields = {"version": kit.edition.policy.version, "mechanism": "banner", "locale": "en"} | changes
    return Answer(choices, **fields)


def kinds(kit: ConsentKit) -> list[str]:
    return [entry.kind.label for entry in kit.log.entries() if entry.kind is not Kind.DOCUMENT]


def test_opening_publishes_the_policy_and_every_word_and_file_before_use(kit: ConsentKit) -> None:
    """L9, Q2, Q7: what was shown, and the code that showed it, are entries."""
    announced = list(kit.log.entries(kind=Kind.POLICY))[-1]
    assert announced.stmt is not None
    assert announced.stmt["version"] == kit.edition.policy.version
    assert announced.subj == {"actor": "file"}
    digests = {*announced.stmt["manifest"]["notices"].values(), *announced.stmt["manifest"]["files"].values()}
    for digest in digests | {announced.stmt["version"]}:
        document = kit.log.document(digest)
        assert document is not None
        assert document.index < announced.index
    assert {"banner.js", "banner.css", "starter.js", "page.html"} <= set(announced.stmt["manifest"]["files"])


def test_opening_again_publishes_nothing_new(tmp_path: Path, clock: Clock, kit: ConsentKit) -> None:
    size = kit.log.size
    again = opened(tmp_path, clock)
    assert again.log.size == size
    again.log.close()


def test_a_changed_file_is_published_once_with_what_it_replaces(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    changed = opened(tmp_path, clock, services=["google-analytics"])
    first, second = kit.log.entries(kind=Kind.POLICY)
    assert second.stmt is not None
    assert first.stmt is not None
    assert second.stmt["previous"] == first.stmt["version"]
    assert set(changed.published.policies) == {first.stmt["version"], second.stmt["version"]}
    changed.log.close()


def test_files_of_an_earlier_edition_stay_served(tmp_path: Path, clock: Clock, kit: ConsentKit) -> None:
    """Cached pages go on working."""
    old = kit.edition.starter.served_name
    changed = opened(tmp_path, clock, services=["google-analytics"])
    assert changed.edition.starter.served_name != old
    document = changed.published.file(old)
    assert document is not None
    assert document.body == kit.edition.starter.body
    changed.log.close()


def test_a_colleague_process_s_new_version_is_learned(tmp_path: Path, clock: Clock, kit: ConsentKit) -> None:
    newer = opened(tmp_path, clock, services=["google-analytics"])
    version = newer.edition.policy.version
    clock.move(seconds=2)
    assert kit.published.knows(version)
    assert not kit.published.knows("f" * 64)
    newer.log.close()


def test_a_record_is_durable_when_it_is_answered(tmp_path: Path, clock: Clock, kit: ConsentKit) -> None:
    recorded = asyncio.run(kit.record(None, answer(kit, "analytics"), {"ua": "Firefox"}, clock()))
    other = opened(tmp_path, clock)
    entry = other.log.get(recorded.consent.index)
    assert entry is not None
    assert entry.stmt is not None
    assert entry.stmt["categories"]["analytics"] is True
    assert recorded.decision.allowed == {"necessary", "analytics"}
    other.log.close()


def test_every_kind_of_answer_passes_the_verifier_s_claims(kit: ConsentKit, clock: Clock) -> None:
    state = None
    for granted in (("analytics",), (), ("analytics", "marketing"), ("marketing",)):
        clock.move(days=1)
        state = asyncio.run(kit.record(state, answer(kit, *granted), {}, clock())).consent
    assert kinds(kit) == ["policy", "choice", "withdrawal", "choice", "withdrawal"]
    report = kit.log.verify(checks=claims())
    assert report.ok, report.findings


def test_a_log_says_of_which_environment_it_is_and_takes_no_other_s_answers(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    """H12. One that doesn't say may begin to."""

    def started(environment: str | None) -> ConsentKit:
        store = f"sqlite:///{tmp_path / 'log.db'}"
        return ConsentKit(policy(), store=store, keys=tmp_path / "keys", clock=clock, environment=environment)

    production = started("production")
    number = asyncio.run(production.record(None, answer(production), {}, clock())).consent.index
    answered = production.log.get(number)
    assert answered is not None
    announced = production.log.get((answered.stmt or {})["edition"])
    assert announced is not None
    assert (announced.stmt or {})["manifest"]["environment"] == "production"
    size = production.log.size
    for other in ("staging", None):
        with pytest.raises(ConfigurationError, match="needs a store of its own"):
            started(other)
    started("production").close()
    assert production.log.size == size
    assert production.log.verify(claims()).ok
    production.close()


def test_a_page_view_never_writes_to_the_log(kit: ConsentKit, clock: Clock) -> None:
    size = kit.log.size
    for _ in range(50):
        kit.decide(None, clock())
    assert kit.log.size == size


def test_closing_writes_what_was_counted(tmp_path: Path, clock: Clock, kit: ConsentKit) -> None:
    other = opened(tmp_path, clock)
    other.tally.count(other.edition.policy.version, [("blocked", "youtube")])
    assert kit.tally.rows() == []
    other.close()
    assert [(row.name, row.count) for row in kit.tally.rows()] == [("youtube", 1)]


def test_after_a_material_change_only_that_category_is_asked(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    """E9."""
    granted = answer(kit, "analytics", "marketing", "preferences")
    state = asyncio.run(kit.record(None, granted, {}, clock())).consent
    changed = opened(tmp_path, clock, services=["google-analytics", "meta-pixel", "youtube", "hotjar"])
    decision = changed.decide(state, clock())
    assert decision.allowed == {"necessary", "marketing", "preferences"}
    assert decision.reasons["analytics"] == Reason.CHANGED
    changed.log.close()


def test_an_impossible_answer_changes_nothing(kit: ConsentKit, clock: Clock) -> None:
    size = kit.log.size
    odd = answer(kit, version="0" * 64)
    with pytest.raises(ChoiceError, match="not a version"):
        asyncio.run(kit.record(None, odd, {}, clock()))
    assert kit.log.size == size


def test_the_log_keeps_its_name_when_the_site_changes_its_own(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    renamed = opened(tmp_path, clock, site=policy()["site"] | {"name": "Another Name"})
    assert renamed.log.origin == kit.log.origin == "corner-shop/consent"
    renamed.log.close()


def test_a_log_cut_back_to_an_older_copy_is_refused(tmp_path: Path, clock: Clock) -> None:
    """prooflog I6: a restored backup must not become a second history."""
    kit = opened(tmp_path, clock)
    kit.log.close()
    copy = (tmp_path / "log.db").read_bytes()
    kit = opened(tmp_path, clock)
    asyncio.run(kit.record(None, answer(kit, "analytics"), {}, clock()))
    kit.log.close()
    (tmp_path / "log.db").write_bytes(copy)
    for side in tmp_path.glob("log.db-*"):
        side.unlink()
    with pytest.raises(LogRefused, match="found"):
        opened(tmp_path, clock)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("Corner Shop", "corner-shop/consent"),
        ("shop.example", "shop.example/consent"),
        ("A+B  & C", "a-b-c/consent"),
        ("店", "site/consent"),
    ],
)
def test_a_log_s_name_is_one_that_checkpoints_allow(name: str, origin: str) -> None:
    assert log_origin(name) == origin


def test_a_policy_is_read_from_toml_or_json(tmp_path: Path) -> None:
    import json

    (tmp_path / "p.json").write_text(json.dumps(policy()))
    (tmp_path / "p.toml").write_text(
        'services = ["google-analytics", "meta-pixel", "youtube"]\n[site]\nname = "Corner Shop"\n'
        'controller = "Corner Shop SAS"\ncontact = "privacy@shop.example"\npolicy_url = "/privacy"\n'
        'languages = ["en", "fr", "de"]\n'
    )
    assert read_policy(tmp_path / "p.json") == read_policy(tmp_path / "p.toml") == read_policy(policy())


def test_a_policy_that_can_t_be_read_says_which(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml"):
        read_policy(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"bad\.toml"):
        read_policy(tmp_path / "bad.toml")
    with pytest.raises(PolicyError):
        read_policy({})


def test_what_a_policy_departs_from_is_logged_at_the_start_and_many_are_counted(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Visitors come before anybody runs `check`; notes are for those who do."""

    def told(folder: str, **changes: Any) -> list[str]:
        caplog.clear()
        opened(tmp_path / folder, clock, **changes).close()
        return [message for message in caplog.messages if message.startswith("consent policy: ")]

    assert told("good") == []
    [guard] = told("one", pages={"guard": False})
    assert guard.startswith("consent policy: pages.guard: is off")
    known = [{"id": id_, "category": "necessary"} for id_ in ("hotjar", "matomo", "criteo")]
    few = {"consent_months": 2, "refusal_months": 2}
    changes = {"services": known, "lifetimes": few, "pages": {"guard": False}}
    warnings = [each for each in lint(resolve(policy(**changes))) if each.severity == "warning"]
    lines = told("many", **changes)
    assert len(lines) == 6
    assert len(warnings) > 6
    assert lines[-1] == f"consent policy: {len(warnings) - 5} more: consentkit check lists them"


def test_in_a_partial_re_ask_reject_all_still_refuses_every_optional_category(
    tmp_path: Path, clock: Clock
) -> None:
    """Marketing alone is asked about, as a vendor has come; the others' yes, which still counts, ends too."""
    first = opened(tmp_path, clock)
    granted = answer(first, "analytics", "marketing", "preferences")
    state = asyncio.run(first.record(None, granted, {}, clock())).consent
    first.close()
    clock.move(days=1)
    kit = opened(tmp_path, clock, services=["google-analytics", "meta-pixel", "youtube", "tiktok-pixel"])
    before = kit.decide(state, clock())
    assert (before.ask, before.allowed) == (True, {"necessary", "analytics", "preferences"})
    refused = asyncio.run(kit.record(state, answer(kit), {}, clock()))
    [*_, entry] = kit.log.entries()
    kit.close()
    assert refused.decision.allowed == {"necessary"}
    assert not refused.decision.ask
    assert {choice.decided for choice in refused.consent.choices.values()} == {clock()}
    assert entry.stmt is not None
    assert entry.kind is Kind.WITHDRAWAL
    assert entry.stmt["categories"] == {"necessary": True} | dict.fromkeys(
        kit.edition.policy.categories, False
    )


def test_a_version_that_asks_people_again_says_so_once_and_whom(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """E9."""

    def told(**changes: Any) -> list[tuple[str, str]]:
        caplog.clear()
        with caplog.at_level(logging.INFO, "consentkit"):
            kit = opened(tmp_path, clock, **changes)
        kit.close()
        version = f"consent policy: version {kit.edition.policy.version[:16]} "
        of_it = [each for each in caplog.records if each.getMessage().startswith(version)]
        return [(each.levelname, each.getMessage().removeprefix(version)) for each in of_it]

    nobody = [("INFO", "is published; nobody is asked again")]
    asked = "asks visitors again about {}: an earlier yes doesn't count"
    assert told(services=["hotjar"]) == nobody
    assert told(services=["hotjar"]) == []
    assert told(services=["hotjar", "matomo", "meta-pixel"]) == [
        ("WARNING", asked.format("analytics, marketing"))
    ]
    assert told(services=["matomo", "meta-pixel"]) == nobody
    assert told(services=["hotjar", "meta-pixel"]) == [("WARNING", asked.format("analytics"))]


def test_after_an_erasure_a_visitor_goes_on_and_nothing_names_what_was_erased(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    """A later entry that named an erased one as the visitor's previous would say whose that was."""
    state = asyncio.run(kit.record(None, answer(kit, "analytics"), {}, clock())).consent
    kit.log.newest.log.erase(requested([state.index]), 0)
    assert kit.history.records(state) == []
    assert kit.history.latest(state) == state
    assert kit.decide(state, clock()).allowed == {"necessary", "analytics"}
    clock.move(days=1)
    later = asyncio.run(kit.record(state, answer(kit), {}, clock())).consent
    last = asyncio.run(kit.record(later, answer(kit, "marketing"), {}, clock())).consent
    records = kit.history.records(last)
    assert [(record.stmt or {})["previous"] for record in records] == [None, later.index]
    assert kinds(kit) == ["policy", "choice", "tombstone", "withdrawal", "choice"]
    report = kit.log.verify(checks=claims())
    assert report.ok, report.findings
