"""Entries: canonical bytes, commitments, and what may never be public."""

import json
from hashlib import sha256

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from samples import samples

from consentkit.errors import VerificationError
from consentkit.proof.canonical import canonical
from consentkit.proof.entry import (
    Draft,
    Kind,
    Opening,
    Record,
    commit_stmt,
    commit_subj,
    committed_lookup,
    glance,
    kind_of,
    opens_stmt,
    opens_subj,
    read,
    subject_id,
)

SALTS = bytes(range(64))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


@given(VALUES)
@samples(300)
def test_canonical_is_rfc8785_and_sorted_json(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert canonical(value).decode() == json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53, {"é": 1}, {1: 2}, "\ud800", b"x", object(), {"a": [{"b": {2.5}}]}]
)
def test_what_has_no_single_form_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"\$|canonical"):
        canonical(value)


def test_values_may_lie_in_each_other_only_so_deep() -> None:
    for shell in ('{"a":', "["):
        close = "}" if shell[0] == "{" else "]"
        deepest, deeper = (orjson.loads(shell * depth + "1" + close * depth) for depth in (64, 65))
        assert canonical(deepest) == (shell * 64 + "1" + close * 64).encode()
        with pytest.raises(ValueError, match="lie in each other"):
            canonical(deeper)


def test_refusals_say_where() -> None:
    with pytest.raises(ValueError, match=r"\$\.choices\[1\]\.x: float"):
        canonical({"choices": [{}, {"x": 0.5}]})


def test_a_committed_entry_is_two_salted_hashes() -> None:
    record = Record(Kind.CHOICE, 7, {"b": 1, "a": True}, {"country": "FR"}, b"l" * 16)
    sealed = Draft.of(record).seal(7, SALTS)
    c1 = sha256(b"consentkit/v1/stmt\0" + SALTS[:32] + b'{"a":true,"b":1,"t":7}').digest()
    subj = b'{"country":"FR","tag":"%s"}' % (b"l" * 16).hex().encode()
    c2 = sha256(b"consentkit/v1/subj\0" + SALTS[32:] + subj).digest()
    assert sealed.entry == b"\x01\x01" + c1 + c2
    assert len(sealed.entry) == 66
    assert sealed.opening == Opening(7, b"l" * 16, SALTS[:32], b'{"a":true,"b":1,"t":7}', SALTS[32:], subj)


def test_the_tag_an_entry_is_found_by_is_committed_to() -> None:
    sealed = Draft.of(Record(Kind.CHOICE, 7, {}, {"sub": "x"}, b"l" * 16)).seal(7, SALTS)
    opening = sealed.opening
    assert opening
    assert committed_lookup(opening.subj) == b"l" * 16
    assert read(0, sealed.entry, opening).intact
    for lookup in (None, b"m" * 16, b""):
        assert not read(0, sealed.entry, opening._replace(lookup=lookup)).intact
    assert read(0, sealed.entry, opening._replace(lookup=None, salt2=None, subj=None)).intact  # erased
    untagged = Draft.of(Record(Kind.POLICY, 7, {})).seal(7, SALTS)
    assert untagged.opening
    assert read(0, untagged.entry, untagged.opening).intact
    assert not read(0, untagged.entry, untagged.opening._replace(lookup=b"l" * 16)).intact


@pytest.mark.parametrize("subj", [None, b"", b"[]", b"5", b"{}", b'{"tag":5}', b'{"tag":"xyz"}', b"\xff"])
def test_a_subject_without_a_tag_commits_to_none(subj: bytes | None) -> None:
    assert committed_lookup(subj) is None


def test_a_time_that_had_to_be_clamped_says_what_the_caller_s_clock_said() -> None:
    """prooflog §6: clamped and flagged."""
    record = Record(Kind.CHOICE, 7, {"a": 1})
    assert read(0, b"\x01\x01" + bytes(64), Draft.of(record).seal(9, SALTS).opening).stmt == {
        "a": 1,
        "clock": 7,
        "t": 9,
    }
    on_time = Draft.of(record).seal(7, SALTS)
    assert read(0, on_time.entry, on_time.opening).stmt == {"a": 1, "t": 7}
    longest = Record(Kind.KEY, 1, {"vkey": "x" * (0xFFFF - 64 - len('{"t":1,"vkey":""}'))})
    assert len(Draft.of(longest).seal(2**53 - 1, b"").entry) <= 0xFFFF


def test_an_entry_whose_payload_can_not_be_read_is_still_an_entry() -> None:
    sealed = Draft.of(Record(Kind.CHOICE, 7, {"a": 1})).seal(7, SALTS)
    assert sealed.opening
    assert glance(0, sealed.entry, sealed.opening) == read(0, sealed.entry, sealed.opening)
    for payload in (b"", b"[]", b'{"t":"noon"}'):
        seen = glance(4, sealed.entry, sealed.opening._replace(stmt=payload))
        assert (seen.index, seen.kind, seen.t, seen.stmt, seen.intact) == (4, Kind.CHOICE, None, None, False)
    assert not glance(4, b"\x01\x12{", None).intact
    with pytest.raises(VerificationError):
        glance(4, b"\x02", None)


def test_the_time_that_counts_is_the_logs() -> None:
    sealed = Draft.of(Record(Kind.CHOICE, 7, {"t": 1})).seal(9, SALTS)
    assert read(0, sealed.entry, sealed.opening).t == 9


def test_a_public_entry_carries_its_payload() -> None:
    sealed = Draft.of(Record(Kind.DOCUMENT, 5, {"name": "n", "media_type": "text/plain"}, body=b"hi")).seal(
        6, b""
    )
    digest = sha256(b"hi").hexdigest()
    assert (
        sealed.entry
        == b'\x01\x12{"clock":5,"media_type":"text/plain","name":"n","sha256":"%s","t":6}' % digest.encode()
    )
    assert sealed.opening is None
    stored = read(3, sealed.entry, None)
    assert (stored.kind, stored.t, stored.stmt and stored.stmt["name"]) == (Kind.DOCUMENT, 6, "n")


@pytest.mark.parametrize(
    "record",
    [
        Record(Kind.KEY, 1, {}, {"who": "x"}),
        Record(Kind.TOMBSTONE, 1, {}, lookup=b"0" * 16),
        Record(Kind.CHOICE, 1, {}, lookup=b"short"),
        Record(Kind.CHOICE, 1, {}, {"sub": "x"}),
        Record(Kind.CHOICE, 1, {"clock": 1}),
        Record(Kind.CHOICE, 1, {}, {"tag": "00"}),
        Record(Kind.CHOICE, 1, {}, body=b"x"),
        Record(Kind.DOCUMENT, 1, {"name": "n", "media_type": "m"}),
        Record(Kind.KEY, 1, {"vkey": "x" * 70_000}),
        Record(Kind.CHOICE, 1, {"ratio": 0.5}),
    ],
)
def test_a_malformed_record_is_refused_before_it_waits(record: Record) -> None:
    with pytest.raises(ValueError, match=r"."):
        Draft.of(record)


def test_any_changed_bit_of_salt_or_payload_breaks_the_commitment() -> None:
    sealed = Draft.of(Record(Kind.CHOICE, 7, {"a": 1}, {"c": "FR"})).seal(7, SALTS)
    entry, opening = sealed.entry, sealed.opening
    assert opening
    assert opens_stmt(entry, opening)
    assert opens_subj(entry, opening)
    assert opening.stmt
    assert opening.subj
    flip = lambda data: bytes([data[0] ^ 1]) + data[1:]  # noqa: E731
    s1, s2 = SALTS[:32], SALTS[32:]
    for salt, stmt in ((flip(s1), opening.stmt), (s1, flip(opening.stmt)), (s2, opening.stmt), (s1, None)):
        assert not opens_stmt(entry, Opening(7, None, salt, stmt, s2, opening.subj))
    for salt, subj in ((flip(s2), opening.subj), (s2, flip(opening.subj)), (None, opening.subj)):
        assert not opens_subj(entry, Opening(7, None, s1, opening.stmt, salt, subj))
    assert opens_stmt(entry, Opening(7, None, None, None, s2, opening.subj))
    # A longer salt that steals bytes from the payload would hash the same.
    assert not opens_stmt(entry, Opening(7, None, s1 + opening.stmt[:1], opening.stmt[1:], s2, opening.subj))


def test_statement_and_subject_can_not_be_exchanged() -> None:
    assert commit_stmt(SALTS[:32], b"{}") != commit_subj(SALTS[:32], b"{}")


def test_an_altered_payload_is_read_but_not_called_intact() -> None:
    sealed = Draft.of(Record(Kind.CHOICE, 7, {"a": 1})).seal(7, SALTS)
    forged = Opening(7, None, SALTS[:32], b'{"a":2,"t":7}', SALTS[32:], b"{}")
    assert read(0, sealed.entry, sealed.opening).intact
    assert not read(0, sealed.entry, forged).intact


@pytest.mark.parametrize(
    "entry", [b"", b"\x01", b"\x02\x01" + bytes(64), b"\x01\x0f" + bytes(64), b"\x01\x01" + bytes(63)]
)
def test_foreign_bytes_are_no_entry(entry: bytes) -> None:
    with pytest.raises(VerificationError):
        kind_of(entry)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b'{"t":"noon"}'])
def test_a_payload_that_is_no_object_with_a_time_is_refused(payload: bytes) -> None:
    with pytest.raises(VerificationError):
        read(0, b"\x01\x11" + payload, None)


def test_a_visitor_is_named_by_a_hash_of_the_cookie_id() -> None:
    assert subject_id(b"cid") == sha256(b"consentkit/v1/sub\0cid").hexdigest()
    public = [Kind.TOMBSTONE, Kind.KEY, Kind.DOCUMENT, Kind.CLOSE, Kind.SUCCESSION]
    assert [kind for kind in Kind if kind.public] == public
    assert Kind.CHOICE.label == "choice"
