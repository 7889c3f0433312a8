"""What an answer's entry says: every field an auditor asks for, in less than a thousand bytes (§3.7)."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sample import Clock, august, policy

from consentkit.answer import Answer
from consentkit.errors import ChoiceError
from consentkit.kit import ConsentKit, Recorded
from consentkit.policy.months import milliseconds
from consentkit.proof.claims import claims
from consentkit.proof.entry import Kind
from consentkit.proof.statement import choices_of

T = 1788177600000  # the clock's first instant
SIX_MONTHS = 1803816000000


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def kit(tmp_path: Path, clock: Clock) -> Iterator[ConsentKit]:
    kit = opened(tmp_path, clock)
    yield kit
    kit.close()


def opened(folder: Path, clock: Clock, **changes: Any) -> ConsentKit:
    store = f"sqlite:///{folder / 'log.db'}"
    return ConsentKit(policy(**changes), store=store, keys=folder / "keys", clock=clock)


def answer(kit: ConsentKit, *granted: str, **changes: Any) -> Answer:
    choices = {category: category in granted for category in kit.edition.policy.categories}
    fields = {"version": kit.edition.policy.version, "mechanism": "banner", "locale": "en"} | changes
    return Answer(choices, **fields)


def record(kit: ConsentKit, before: Recorded | None, *granted: str, **changes: Any) -> Recorded:
    state = before.consent if before else None
    return asyncio.run(kit.record(state, answer(kit, *granted, **changes), {"ua": "Firefox"}, kit.clock()))


def said(kit: ConsentKit, recorded: Recorded) -> dict[str, Any]:
    entry = kit.log.get(recorded.consent.index)
    assert entry is not None
    assert entry.stmt is not None
    return entry.stmt


def test_a_record_says_what_how_where_when_until_when_and_on_what_basis(kit: ConsentKit) -> None:
    """A9, A14, Q1 to Q4: every category explicit, both clocks, and what was shown by whose code."""
    first = record(kit, None, "analytics", control="save", client=T + 5, mechanism="preferences")
    [announced] = kit.log.entries(kind=Kind.POLICY)
    assert announced.stmt is not None
    assert said(kit, first) == {
        "t": T,
        "client": T + 5,
        "categories": {"necessary": True, "preferences": False, "analytics": True, "marketing": False},
        "basis": {"necessary": "exempt", "others": "consent"},
        "until": {"granted": SIX_MONTHS, "refused": SIX_MONTHS},
        "policy": kit.edition.policy.version,
        "edition": announced.index,
        "notice": announced.stmt["manifest"]["notices"]["en"],
        "locale": "en",
        "mechanism": "preferences",
        "control": "save",
        "regime": "unknown",
        "previous": None,
    }
    assert said(kit, record(kit, first))["previous"] == first.consent.index


def test_the_edition_names_the_code_and_the_software_that_showed_the_notice(kit: ConsentKit) -> None:
    """L9: the hash of the collecting code, and what it ran in."""
    edition = kit.log.get(said(kit, record(kit, None))["edition"])
    assert edition is not None
    assert edition.stmt is not None
    manifest = edition.stmt["manifest"]
    document = kit.log.document(manifest["files"]["banner.js"])
    assert document is not None
    assert document.body == kit.edition.served[next(n for n in kit.edition.served if "banner." in n)].body
    assert manifest["software"].keys() == {"consentkit", "rewriter"}


def test_what_was_answered_before_keeps_its_instant_its_end_and_its_policy(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    first = record(kit, None, "analytics")
    clock.move(days=10)
    changed = opened(tmp_path, clock, services=["google-analytics", "youtube"])
    second = record(changed, first, "analytics", "preferences")
    stmt = said(changed, second)
    kept = {"analytics": T, "marketing": T}
    assert stmt["decided"] == kept
    assert stmt["versions"] == dict.fromkeys(kept, kit.edition.policy.version)
    assert stmt["until"] == {
        "granted": SIX_MONTHS + 10 * 86_400_000,
        "analytics": SIX_MONTHS,
        "refused": SIX_MONTHS,
    }
    assert changed.log.verify(checks=claims()).ok
    changed.close()


@pytest.mark.parametrize("microseconds", [0, 400, 499_999, 999_400, 999_999])
def test_a_state_read_back_from_the_log_is_the_one_in_the_cookie(
    kit: ConsentKit, clock: Clock, microseconds: int
) -> None:
    clock.now += timedelta(microseconds=microseconds)
    first = record(kit, None, "analytics")
    clock.move(minutes=1)
    second = record(kit, first, "analytics", "marketing")
    for recorded in (first, second):
        assert choices_of(said(kit, recorded)) == recorded.consent.choices


def test_so_it_is_where_the_log_s_clock_was_ahead(kit: ConsentKit, clock: Clock) -> None:
    record(kit, None)
    clock.move(minutes=-5)
    behind = record(kit, None, "analytics")
    assert said(kit, behind)["clock"] == milliseconds(clock.now) < said(kit, behind)["t"]
    assert choices_of(said(kit, behind)) == behind.consent.choices
    assert kit.log.verify(checks=claims()).ok


def test_a_cached_page_s_notice_is_the_one_that_is_recorded(
    tmp_path: Path, clock: Clock, kit: ConsentKit
) -> None:
    """Q2: the same policy, shown by another edition: here with the visitor's page under another prefix."""
    shown = kit.edition.notices["en"].sha256
    store, keys = f"sqlite:///{tmp_path / 'log.db'}", tmp_path / "keys"
    newer = ConsentKit(policy(), store=store, keys=keys, prefix="/choices", clock=clock)
    assert newer.edition.policy.version == kit.edition.policy.version
    cached = said(newer, record(newer, None, notice=shown[:16]))
    fresh = said(newer, record(newer, None))
    assert cached["notice"] == shown != fresh["notice"] == newer.edition.notices["en"].sha256
    assert cached["edition"] < fresh["edition"]
    newer.close()


@pytest.mark.parametrize("notice", ["", "0" * 16, "f" * 64])
def test_a_notice_that_no_publication_holds_is_refused(kit: ConsentKit, notice: str) -> None:
    size = kit.log.size
    with pytest.raises(ChoiceError, match="never published"):
        record(kit, None, notice=notice)
    with pytest.raises(ChoiceError, match="never published"):
        record(kit, None, notice=kit.edition.notices["fr"].sha256)
    assert kit.log.size == size


@pytest.mark.parametrize("changes", [{"control": "nudge"}, {"client": -1}, {"client": 10**15}])
def test_a_control_or_a_clock_that_can_t_be_is_refused(kit: ConsentKit, changes: dict[str, Any]) -> None:
    with pytest.raises(ChoiceError, match=next(iter(changes))):
        record(kit, None, **changes)


def test_a_record_with_every_field_takes_at_most_a_thousand_bytes_of_the_store(
    tmp_path: Path, kit: ConsentKit
) -> None:
    """66 of them are the entry itself; a year has not a digit more in an index than this allows for."""
    full = {"mechanism": "preferences", "control": "accept-all", "client": T + 123}
    some = [answer(kit, "analytics", "marketing", **full), answer(kit, "preferences", **full)]
    subject = {"ua": "Samsung Internet for Android", "country": "FR"}

    async def answered(count: int) -> None:
        states = await asyncio.gather(
            *(kit.record(None, some[0], subject, kit.clock()) for _ in range(count))
        )
        again = (kit.record(each.consent, some[1], subject, kit.clock()) for each in states)
        await asyncio.gather(*again)

    def taken() -> int:
        with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return (tmp_path / "log.db").stat().st_size

    asyncio.run(answered(200))
    before = taken()
    asyncio.run(answered(400))
    entry = kit.log.get(kit.log.size - 1)
    assert entry is not None
    assert entry.opening is not None
    assert len(entry.entry) == 66
    room_for_digits = 2 * len("1000000")
    assert (taken() - before) / 800 + room_for_digits <= 1000
