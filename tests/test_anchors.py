"""The anchors of trackers: first seen, never moved, ended once, begun anew only with a new value (B6, L4)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import samples

from consentkit.gate.anchors import (
    DONE,
    LONGEST_PAYLOAD,
    MOST,
    NEVER,
    Anchor,
    Ended,
    Seen,
    first_end,
    hint_records,
    key_of,
    mark_of,
    reissued,
    running_in,
)
from consentkit.gate.sightings import Sighting, observed, to_reissue

FIRST = 20779
"""2026-11-22, a Sunday."""
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def day(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1)).days  # noqa: DTZ001


def came(name: str = "_ga", value: bytes = b"one", months: int = 13, born: int | None = None) -> Sighting:
    return Sighting(name, value, months, born)


def told(name: str = "_ga", value: bytes = b"one") -> Sighting:
    return Sighting(name, value, 13, told=True)


def seen_on(today: int, *sightings: Sighting) -> Seen:
    return observed(None, sightings, today)


END = day("2027-12-22")
"""The end of what was first seen on FIRST and has thirteen months."""


def test_a_key_is_the_standard_hash_of_the_name() -> None:
    """The test vectors of FNV-1a (draft-eastlake-fnv, appendix C), and keys that JavaScript computed."""
    for name, number in (("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)):
        key = key_of(name)
        assert sum(DIGITS.index(digit) << 6 * at for at, digit in enumerate(reversed(key))) == number
        assert len(key) == 6
    assert [key_of(name) for name in ("_ga", "_gid", "é")] == ["DZ9r9-", "AJWwKm", "AenejB"]
    assert key_of("local:_ga") != key_of("session:_ga") != key_of("_ga")
    assert len(key_of("\ud800")) == 6


def test_a_mark_is_two_digits_and_never_the_one_that_says_done() -> None:
    marks = {mark_of(str(number)) for number in range(20_000)}
    assert DONE not in marks
    assert len(marks) == 4095
    assert all(len(mark) == 2 and set(mark) <= set(DIGITS) for mark in marks)
    assert mark_of("GA1.1.2.3") == mark_of(b"GA1.1.2.3") != mark_of(b"GA1.1.2.4")


def test_what_is_new_is_anchored_on_its_day() -> None:
    seen = seen_on(FIRST, came())
    assert seen == Seen(FIRST, {key_of("_ga"): Anchor(FIRST, 13, mark_of(b"one"))})
    assert seen.end_of("_ga") == END
    assert seen.end_of("_gid") is None


def test_what_was_born_before_is_anchored_on_the_day_of_its_birth() -> None:
    assert seen_on(FIRST, came(born=day("2026-03-31"))).end_of("_ga") == day("2027-04-30")
    assert seen_on(FIRST, came(born=FIRST + 1)).end_of("_ga") == END


def test_what_was_born_too_long_ago_ends_at_once() -> None:
    old = came(born=day("2024-11-01"))
    seen = seen_on(FIRST, old)
    assert seen.running == {}
    assert seen.ended == {key_of("_ga"): Ended(day("2025-12-01"), 13, mark_of(b"one"))}
    assert seen.has_ended("_ga", FIRST)
    assert seen.end_of("_ga") == day("2025-12-01")
    assert observed(seen, [old], FIRST + 1) is seen


def test_what_ends_on_the_very_day_it_comes_has_ended() -> None:
    ended = seen_on(FIRST, came(born=day("2025-10-22")))
    assert (ended.running, ended.has_ended("_ga", FIRST)) == ({}, True)
    assert not seen_on(FIRST, came(born=day("2025-10-23"))).has_ended("_ga", FIRST)


def test_no_birth_is_before_the_first_day_that_can_be_written() -> None:
    seen = seen_on(FIRST, came(born=-5))
    assert Seen.from_payload(seen.payload().encode()) == seen
    assert seen.end_of("_ga") == day("1971-02-01")


def test_a_value_that_is_new_but_says_an_old_birth_ends_again() -> None:
    """HubSpot's `__hstc` counts visits behind the first one: its values differ, its visitor doesn't."""
    seen = seen_on(FIRST, came(born=day("2024-11-01")))
    again = observed(seen, [came(value=b"two", born=day("2024-11-01"))], FIRST + 1)
    assert again.running == {}
    assert again.has_ended("_ga", FIRST + 1)


def test_seen_again_nothing_changes() -> None:
    seen = seen_on(FIRST, came())
    assert observed(seen, [came()], FIRST + 200) is seen
    assert observed(seen, [], FIRST + 200) is seen
    assert observed(seen, iter([came(born=FIRST + 100)]), FIRST + 200) is seen


def test_an_anchor_moves_back_to_an_older_birth() -> None:
    """A value that another script, or another tab, writes may be an older visitor's."""
    seen = seen_on(FIRST, came())
    older = observed(seen, [came(value=b"two", born=day("2026-03-31"))], FIRST + 1)
    assert older.end_of("_ga") == day("2027-04-30")
    oldest = observed(seen, [came(value=b"two", born=day("2024-11-01"))], FIRST + 1)
    assert oldest.has_ended("_ga", FIRST + 1)
    assert observed(oldest, [came(value=b"two", born=day("2024-11-01"))], FIRST + 2) is oldest


def test_an_anchor_from_a_day_yet_to_come_moves_back_to_today() -> None:
    """The server's clock was ahead, and has been set right."""
    seen = seen_on(FIRST + 365, came())
    assert observed(seen, [came()], FIRST).end_of("_ga") == END


def test_a_value_that_changes_is_some_script_s_own() -> None:
    seen = observed(seen_on(FIRST, came()), [came(value=b"two")], FIRST + 1)
    assert seen == Seen(FIRST + 1, {key_of("_ga"): Anchor(FIRST, 13, DONE)})
    assert observed(seen, [came(value=b"three")], FIRST + 2) is seen
    both = seen_on(FIRST, came(), came(value=b"two"))
    assert both.running[key_of("_ga")].mark == DONE


def test_a_lower_cap_brings_the_end_nearer_and_a_higher_one_never_moves_it() -> None:
    seen = seen_on(FIRST, came())
    lower = observed(seen, [came(months=6)], FIRST + 30)
    assert lower.end_of("_ga") == day("2027-05-22")
    assert observed(lower, [came(months=13)], FIRST + 31) is lower
    gone = observed(seen, [came(months=1)], FIRST + 60)
    assert gone.has_ended("_ga", FIRST + 60)
    assert gone.ended[key_of("_ga")].day == day("2026-12-22")


def test_at_the_end_the_value_goes_and_a_new_one_begins_anew() -> None:
    seen = seen_on(FIRST, came())
    assert not seen.has_ended("_ga", END - 1)
    assert observed(seen, [came()], END - 1) is seen
    assert seen.has_ended("_ga", END)
    ended = observed(seen, [came()], END)
    assert ended == Seen(END, {}, {key_of("_ga"): Ended(END, 13, mark_of(b"one"))})
    for later in (END, END + 100, END + 1000):
        assert observed(ended, [came()], later) is ended
        assert ended.has_ended("_ga", later)
    anew = observed(ended, [came(value=b"two")], END + 1)
    assert anew == Seen(END + 1, {key_of("_ga"): Anchor(END + 1, 13, mark_of(b"two"))})


def test_a_new_value_right_at_the_end_is_new_where_the_old_one_is_known() -> None:
    """The browser dropped the cookie in time, and a script has set its next one."""
    seen = observed(seen_on(FIRST, came()), [came(value=b"two")], END + 3)
    assert seen.end_of("_ga") == day("2029-01-25")
    assert not seen.has_ended("_ga", END + 3)


def test_where_the_old_value_is_not_known_the_first_one_that_comes_is_taken_for_it() -> None:
    volatile = observed(seen_on(FIRST, came()), [came(value=b"two")], FIRST + 1)
    ended = observed(volatile, [], END)
    assert ended.ended == {key_of("_ga"): Ended(END, 13, DONE)}
    assert ended.has_ended("_ga", END)
    first = observed(ended, [came(value=b"three")], END + 5)
    assert first.ended == {key_of("_ga"): Ended(END, 13, mark_of(b"three"))}
    assert first.has_ended("_ga", END + 5)
    assert observed(first, [came(value=b"three")], END + 6) is first
    assert observed(first, [came(value=b"four")], END + 6).end_of("_ga") == day("2029-01-28")


def test_while_the_value_that_ended_still_comes_no_other_begins() -> None:
    """Two cookies of one name, on the host and on its domain."""
    ended = observed(seen_on(FIRST, came()), [came()], END)
    both = [came(value=b"two"), came()]
    assert observed(ended, both, END + 1) is ended
    assert observed(ended, both[:1], END + 2).end_of("_ga") is not None


def test_the_oldest_ended_is_forgotten_for_what_is_new() -> None:
    ends = [came(f"t{number}", months=1 + number % 3) for number in range(MOST)]
    ended = observed(seen_on(FIRST, *ends), [], FIRST + 100)
    assert len(ended.ended) == MOST
    oldest = [key_of(f"t{number}") for number in range(0, MOST, 3)]
    seen = observed(ended, [came("new")], FIRST + 101)
    assert seen.end_of("new") is not None
    assert len(seen.running) + len(seen.ended) == MOST
    assert (ended.ended.keys() - seen.ended.keys()) <= set(oldest)
    many = observed(seen, [came(f"n{number}") for number in range(len(oldest) - 1)], FIRST + 102)
    assert not set(oldest) & many.ended.keys()
    assert len(many.running) + len(many.ended) == MOST


def test_nothing_is_forgotten_that_still_comes() -> None:
    ended = observed(
        seen_on(FIRST, *[came(f"t{number}", months=1) for number in range(MOST)]), [], FIRST + 99
    )
    still = [came(f"t{number}") for number in range(MOST - 1)]
    seen = observed(ended, [*still, came("new"), came("newer")], FIRST + 100)
    assert all(seen.has_ended(each.name, FIRST + 100) for each in still)
    assert seen.end_of("new") is not None
    assert seen.end_of("newer") is None


def test_where_there_is_no_room_a_tracker_has_no_anchor_and_no_life() -> None:
    full = seen_on(FIRST, *[came(f"t{number}") for number in range(MOST)])
    assert observed(full, [came("one more"), told("another")], FIRST + 1) is full
    assert full.end_of("one more") is None
    assert full.has_ended("one more", FIRST + 1)
    assert len(full.payload()) == LONGEST_PAYLOAD


def test_what_is_only_told_gives_way_to_what_comes_the_last_told_first() -> None:
    """Any script of a page may tell any names."""
    first = observed(seen_on(FIRST, came()), [told("local:first")], FIRST + 1)
    full = observed(first, [told(f"_ga_{number}") for number in range(MOST)], FIRST + 2)
    assert len(full.running) == MOST
    assert observed(full, [told("local:late")], FIRST + 3) is full
    later = observed(full, [came("_fbp"), came("_gid"), told("local:late")], FIRST + 3)
    assert full.running.keys() - later.running.keys() == {key_of(f"_ga_{MOST - n}") for n in (3, 4)}
    assert later.running.keys() - full.running.keys() == {key_of("_fbp"), key_of("_gid")}
    crowd = observed(later, [came(f"t{number}") for number in range(MOST)], FIRST + 4)
    assert [key for key, each in crowd.running.items() if each.told] == []
    for name, day in (("_ga", FIRST), ("_fbp", FIRST + 3)):
        assert crowd.running[key_of(name)].day == day


def test_nothing_told_takes_the_place_of_what_ended() -> None:
    ended = observed(seen_on(FIRST, *[came(f"t{n}", months=1) for n in range(MOST)]), [], FIRST + 99)
    assert observed(ended, [told("local:new")], FIRST + 100) is ended
    assert observed(ended, [came("new")], FIRST + 100).end_of("new") is not None


def test_what_was_told_and_then_comes_keeps_its_day_and_its_place() -> None:
    seen = observed(None, [told(), told("local:k")], FIRST)
    assert all(each.told for each in seen.running.values())
    assert observed(seen, [told()], FIRST + 1) is seen
    both = observed(seen, [told(), came()], FIRST + 1)
    assert both.running[key_of("_ga")] == Anchor(FIRST, 13, mark_of(b"one"))
    assert both.running[key_of("local:k")].told
    assert Seen.from_payload(both.payload().encode()) == both


def test_forty_trackers_have_room_in_a_kilobyte() -> None:
    names = [f"_ga_{number:010}" for number in range(MOST)]
    cookie = "consentkit_seen={}." + "s" * 43
    assert len(cookie.format(seen_on(FIRST, *map(came, names[:40])).payload())) <= 1024
    assert len(cookie.format(seen_on(FIRST, *map(came, names)).payload())) <= 1024


def test_the_payload_of_one_tracker() -> None:
    """Byte for byte: other versions, and the tests of other rooms, read it."""
    seen = Seen(FIRST, {key_of("_ga"): Anchor(FIRST, 13, "Ab")}, {key_of("_gid"): Ended(FIRST, 6, DONE)})
    assert seen.payload() == "1.FErFEr.DZ9r9-FErNAb.AJWwKmFErG__"
    assert Seen(FIRST).payload() == "1.FEr___.."


records = st.dictionaries(
    st.text(alphabet=DIGITS, min_size=6, max_size=6),
    st.tuples(
        st.integers(0, 30_000),
        st.integers(1, 31),
        st.text(alphabet=DIGITS, min_size=2, max_size=2),
        st.booleans(),
    ),
    max_size=MOST,
)


@given(records, st.integers(0, MOST), st.integers(0, NEVER))
@samples(200, derandomize=True)
def test_a_payload_says_all_that_was_seen(
    drawn: dict[str, tuple[int, int, str, bool]], split: int, issued: int
) -> None:
    items = list(drawn.items())
    running = {key: Anchor(*record) for key, record in items[:split]}
    ended = {key: Ended(*record[:3]) for key, record in items[split:]}
    seen = Seen(issued, running, ended)
    payload = seen.payload().encode("ascii")
    assert Seen.from_payload(payload) == seen
    ends = [anchor.end for anchor in running.values()] + [gone.day for gone in ended.values()]
    assert first_end(payload) == seen.first_end == min(ends, default=NEVER)


GOOD = b"1.FErFHg.DZ9r9-FErNAb.AJWwKmFHgG__"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"1",
        b"1.",
        b"1...",
        GOOD[:-1],
        GOOD + b"A",
        GOOD + b".",
        GOOD + b"\n",
        b"2" + GOOD[1:],
        b" " + GOOD,
        GOOD.replace(b"FErFHg", b"FErFHh"),
        GOOD.replace(b"FErFHg", b"FErFH"),
        GOOD.replace(b"N", b"\xff"),
        GOOD.replace(b"NAb", b"AAb"),
        GOOD.replace(b"G__", b"A__"),
        GOOD.replace(b"NAb", b"gAb"),
        GOOD.replace(b"G__", b"g__"),
        GOOD.replace(b"AJWwKm", b"DZ9r9-"),
        GOOD.replace(b"r9-FErNAb.", b"r9-FErNAbDZ9r9-FErNAb."),
        GOOD.replace(b".AJWw", b".AJW="),
        b"1.FErFEr.DZ9r9-FErAAb.",
        b"1.FErFK2." + b"".join(b"k%05dFErNAb" % number for number in range(MOST + 1)) + b".",
    ],
)
def test_an_odd_payload_says_nothing(payload: bytes) -> None:
    assert Seen.from_payload(payload) is None


@given(st.binary(max_size=40) | st.binary(max_size=6).map(lambda odd: GOOD[:20] + odd + GOOD[22:]))
@samples(300, derandomize=True)
def test_no_payload_can_do_harm(payload: bytes) -> None:
    seen = Seen.from_payload(payload)
    assert seen is None or seen.payload().encode() == payload
    early = first_end(payload)
    assert early is None or 0 <= early <= NEVER
    assert seen is None or early == seen.first_end


def test_the_first_end_is_read_without_the_rest() -> None:
    assert Seen.from_payload(GOOD) is not None
    assert first_end(GOOD) == first_end(GOOD[:8]) == day("2027-05-22")
    assert first_end(b"1.FEr___..") == NEVER
    for odd in (b"", b"1.", GOOD[:7], b"2" + GOOD[1:], b"1.FErF.g", b"1.FErF\xffg"):
        assert first_end(odd) is None


def test_while_anything_ended_is_remembered_every_day_is_worth_a_look() -> None:
    """On the days before the first end a request needn't read the records: nothing in them may have ended."""
    seen = seen_on(FIRST, came("long"), came("short", months=1))
    short = day("2026-12-22")
    assert seen.first_end == short
    ended = observed(seen, [came("short", months=1)], short)
    assert ended.first_end == short


def test_what_was_anchored_before_and_is_unchanged_may_be_issued_again_once() -> None:
    seen = seen_on(FIRST, came(), came("_fbp"), came("_gid"))
    arrived = [came(), came("_fbp", b"changed"), came("unknown")]
    assert to_reissue(seen, arrived, FIRST + 1) == [came()]
    done = reissued(seen, ["_ga", "unknown"], FIRST + 1)
    assert done.running[key_of("_ga")] == Anchor(FIRST, 13, DONE)
    assert done.running[key_of("_gid")] == seen.running[key_of("_gid")]
    assert done.issued == FIRST + 1
    assert to_reissue(done, arrived, FIRST + 2) == []
    assert reissued(done, ["_ga", "unknown"], FIRST + 2) is done


def test_a_name_that_arrives_twice_is_never_issued_again() -> None:
    seen = seen_on(FIRST, came())
    assert to_reissue(seen, [came(), came()], FIRST + 1) == []
    assert to_reissue(seen, [came(), came(value=b"two")], FIRST + 1) == []


def test_what_ended_is_never_issued_again() -> None:
    seen = seen_on(FIRST, came())
    assert to_reissue(seen, [came()], END - 1) == [came()]
    assert to_reissue(seen, [came()], END) == []
    assert to_reissue(observed(seen, [came()], END), [came()], END) == []


def test_a_value_that_a_script_goes_on_writing_is_never_issued_again() -> None:
    """`_ga_*` changes with each hit: whatever the server sent back could overwrite a newer one."""
    seen = seen_on(FIRST, came("_ga_X", b"GS2.1.s1$o1"))
    seen = observed(seen, [came("_ga_X", b"GS2.1.s1$o1$t2")], FIRST)
    assert to_reissue(seen, [came("_ga_X", b"GS2.1.s1$o1")], FIRST + 1) == []


def test_the_hint_tells_the_end_of_all_that_runs() -> None:
    seen = seen_on(FIRST, came(), came("_gid", months=6))
    assert hint_records(seen, FIRST + 9) == "FE0" + "DZ9r9-" + "FK2" + "AJWwKm" + "FHg"
    assert hint_records(Seen(FIRST), FIRST) == "FEr"


def test_the_hint_tells_what_ended_on_the_day_it_did() -> None:
    """So the page clears what it stored, and may store something new from the next day on."""
    ended = observed(seen_on(FIRST, came(), came("_gid", months=6)), [], day("2027-06-01"))
    told = key_of("_gid") + "FHg"
    assert told in hint_records(ended, day("2027-06-01"))
    assert told not in hint_records(ended, day("2027-06-02"))
    assert key_of("_ga") in hint_records(ended, day("2027-06-02"))


# Years of visits, whatever comes.

VISITS = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.lists(
            st.builds(
                Sighting,
                st.sampled_from(["_ga", "_ga_X", "_fbp", "local:k", "e"]),
                st.sampled_from([b"1", b"2", b"3"]),
                st.integers(1, 13),
                st.none() | st.integers(FIRST - 800, FIRST + 2000),
            ),
            max_size=4,
        ),
        st.booleans(),
    ),
    max_size=60,
)


def lived(visits: list[tuple[int, list[Sighting], bool]]) -> list[tuple[int, list[Sighting], Seen]]:
    """What is remembered after each visit; each comes some days later, and goes through the cookie."""
    today, seen, told = FIRST, None, []
    for later, sightings, issue in visits:
        today += later
        seen = observed(seen, sightings, today)
        if issue:
            seen = reissued(seen, [each.name for each in to_reissue(seen, sightings, today)], today)
        told.append((today, sightings, seen))
        seen = Seen.from_payload(seen.payload().encode())
        assert seen == told[-1][2]
    return told


def end(first: int, months: int) -> int:
    """The end that dateutil gives."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return (epoch + timedelta(first) + relativedelta(months=months) - epoch).days


@given(VISITS)
@samples(100, derandomize=True)
def test_the_end_of_an_anchor_never_moves_away(visits: list[tuple[int, list[Sighting], bool]]) -> None:
    """Only the policy and an older birth bring it nearer; what runs with another day had ended first."""
    for (_, _, before), (today, sightings, after) in pairwise([(0, [], Seen(0)), *lived(visits)]):
        for key, anchor in after.running.items():
            same = [each for each in sightings if key_of(each.name) == key]
            caps = [each.months for each in same]
            old = before.running.get(key)
            first = min([old.day, *(each.born for each in same if each.born is not None)]) if old else 0
            if old and (old_end := end(first, min([old.months, *caps]))) > today:
                assert (anchor.day, anchor.end) == (first, old_end)
            else:
                assert (anchor.months, anchor.end) == (min(caps), end(anchor.day, min(caps)))
                assert anchor.day <= today < anchor.end


@given(VISITS)
@samples(100, derandomize=True)
def test_whatever_is_let_through_has_an_anchor_that_runs(
    visits: list[tuple[int, list[Sighting], bool]],
) -> None:
    for today, sightings, seen in lived(visits):
        for each in sightings:
            if not seen.has_ended(each.name, today):
                anchor = seen.running[key_of(each.name)]
                assert today < end(anchor.day, min(anchor.months, each.months))


@given(VISITS)
@samples(80, derandomize=True)
def test_seen_twice_on_a_day_changes_nothing_more(visits: list[tuple[int, list[Sighting], bool]]) -> None:
    for today, sightings, seen in lived(visits):
        once = observed(seen, sightings, today)
        assert observed(once, sightings, today) is once


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 40)), max_size=200))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_there_is_never_more_than_there_is_room_for(visits: list[tuple[int, int]]) -> None:
    today, seen = FIRST, Seen(FIRST)
    for number, later in visits:
        today += later
        seen = observed(seen, [came(f"t{number}", str(today).encode(), 1 + number % 13)], today)
        assert len(seen.running) + len(seen.ended) <= MOST


def steady(values: Callable[[int], bytes], until: int) -> list[int]:
    """The days on which a daily visitor's tracker was ended; its script sets a new value the next day."""
    seen, ends, value = None, [], 0
    for today in range(FIRST, until):
        sighting = came(value=values(value))
        seen = observed(seen, [sighting], today)
        if seen.has_ended(sighting.name, today):
            ends.append(today)
            value += 1
    return ends


def test_a_daily_visitor_of_five_years_has_a_new_value_every_thirteen_months() -> None:
    ends = steady(lambda number: b"value %d" % number, FIRST + 1826)
    assert ends == [day("2027-12-22"), day("2029-01-23"), day("2030-02-24"), day("2031-03-25")]


def test_a_value_that_never_changes_is_ended_once_and_for_all() -> None:
    ends = steady(lambda number: b"for ever", FIRST + 1000)
    assert ends == list(range(END, FIRST + 1000))


@given(st.lists(st.tuples(st.text(max_size=12), st.integers(1, 13), st.booleans()), max_size=40))
@samples(200, derandomize=True)
def test_one_anchor_found_without_the_rest_is_what_reading_all_finds(
    told: list[tuple[str, int, bool]],
) -> None:
    running = {key_of(name): Anchor(FIRST, months, "ab") for name, months, runs in told if runs}
    ended = {key_of(name): Ended(FIRST, months, "ab") for name, months, runs in told if not runs}
    payload = Seen(FIRST, running, ended).payload().encode()
    for name in ("", "_ga", *(name for name, _, _ in told)):
        assert running_in(payload, name) == running.get(key_of(name))


def test_an_anchor_is_only_found_where_a_record_begins() -> None:
    key = key_of("_ga")
    assert running_in(f"1.AAAAAA.xxx{key}DNNxxxxxxAAANab.".encode(), "_ga") is None
    assert running_in(f"1.AAAAAA.xxx{key}DNN{key}AAANab.".encode(), "_ga") == Anchor(0, 13, "ab")
    assert running_in(b"1.AAAAAA", "_ga") is None
