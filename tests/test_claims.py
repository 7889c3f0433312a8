"""What an answer must say to be believed: one case for every word the checks can object to."""

from datetime import UTC, datetime
from typing import Any

import pytest

from consentkit.policy.bounds import OPT_OUT_RULES, RULES
from consentkit.policy.months import add_months, milliseconds
from consentkit.proof.claims import LONGEST, claims
from consentkit.proof.entry import Kind, Stored
from consentkit.proof.statement import ANSWERS

INDEX = 50
CATEGORIES = {"necessary": True, "analytics": False, "marketing": True}
OPTIONAL = ("analytics", "marketing")
ANSWER: dict[str, Any] = {
    "t": 2000,
    "policy": "v1",
    "notice": "n-en",
    "categories": CATEGORIES,
    "decided": {"analytics": 2000, "marketing": 1000},
    "until": {"analytics": 9000, "marketing": 9000},
    "versions": {"analytics": "v1", "marketing": "v1"},
    "basis": {"necessary": "exempt", "others": "consent"},
    "mechanism": "banner",
    "regime": "fr",
    "locale": "en",
    "previous": INDEX - 1,
}
POLICY = {"t": 1, "version": "v1", "manifest": {"notices": {"en": "n-en", "fr": "n-fr"}}}


def entry(kind: Kind, stmt: dict[str, Any] | None) -> Stored:
    return Stored(INDEX, kind, 0, b"", stmt, {})


TEXTS = [entry(Kind.DOCUMENT, {"sha256": text}) for text in ("v1", "v2", "n-en", "n-fr", "n2-en")]


def said(*entries: Stored) -> list[str]:
    checks = claims()
    """What is said of these entries where all texts were logged before them."""
    return [words for item in (*TEXTS, *entries) for check in checks for words in check(item)]


def about(**changes: Any) -> list[str]:
    """What is said of an answer, after its policy, with some of its members replaced."""
    return said(entry(Kind.POLICY, POLICY), entry(Kind.CHOICE, {**ANSWER, **changes}))


@pytest.mark.parametrize("kind", [Kind.CHOICE, Kind.WITHDRAWAL])
def test_an_answer_to_what_was_published_before_it_is_believed(kind: Kind) -> None:
    assert said(entry(Kind.POLICY, POLICY), entry(kind, ANSWER)) == []


@pytest.mark.parametrize("kind", [Kind.CHOICE, Kind.WITHDRAWAL])
def test_an_answer_before_its_policy_is_not(kind: Kind) -> None:
    assert said(entry(kind, ANSWER), entry(Kind.POLICY, POLICY)) == [
        "answers policy version v1, which was not published before it",
        "answers notice n-en, which was not published before it",
    ]


def test_every_notice_and_every_version_of_the_past_counts() -> None:
    later = {"t": 2, "version": "v2", "manifest": {"notices": {"en": "n2-en"}}}
    published = [entry(Kind.POLICY, POLICY), entry(Kind.POLICY, later)]
    for policy, notice in (("v1", "n-fr"), ("v2", "n2-en"), ("v1", "n-en")):
        assert said(*published, entry(Kind.CHOICE, {**ANSWER, "policy": policy, "notice": notice})) == []


PLAIN: dict[str, Any] = {
    "policy": "v1",
    "notice": "n-en",
    "categories": CATEGORIES,
    "basis": {"necessary": "exempt", "analytics": "consent", "marketing": "consent"},
    "until": {"granted": 9000, "refused": 5000},
    "mechanism": "banner",
    "regime": "fr",
    "locale": "en",
}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Kind.CHOICE, {"policy": "v2"}),
        (Kind.CHOICE, {"notice": "n-de"}),
        (Kind.CHOICE, {"categories": {**CATEGORIES, "marketing": 1}}),
        (Kind.CHOICE, {"categories": {"necessary": True, "analytics": False}}),
        (Kind.CHOICE, {"until": {"granted": 9000}}),
        (Kind.CHOICE, {"versions": {"marketing": "v2"}}),
        (Kind.CHOICE, {"decided": {"marketing": 4000}}),
        (Kind.OPERATOR, {}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else value.label,
)
def test_what_held_of_an_answer_goes_for_another_only_if_it_says_the_same(
    kind: Kind, change: dict[str, Any]
) -> None:
    held = [
        entry(Kind.CHOICE, {**PLAIN, "t": t, "previous": t, "until": {"granted": t + 1, "refused": 9}})
        for t in (7, 8)
    ]
    other = entry(kind, {**PLAIN, "t": 3000, **change})
    before = entry(Kind.CHOICE, {**PLAIN, "t": 1})
    policy = entry(Kind.POLICY, POLICY)
    assert said(before, policy) == said(before) != []
    assert said(before, policy, *held, *held) == said(before)
    assert said(policy, *held, other) == said(policy, other) != []


def test_an_answer_to_an_unknown_policy_or_notice_is_named() -> None:
    assert about(policy="v9") == ["answers policy version v9, which was not published before it"]
    assert about(notice="n-de") == ["answers notice n-de, which was not published before it"]
    assert len(about(policy=None, notice=None)) == 2


@pytest.mark.parametrize("manifest", [{}, {"notices": None}, {"notices": ["n-en"]}])
def test_a_policy_without_notices_publishes_none(manifest: dict[str, Any]) -> None:
    published = entry(Kind.POLICY, {**POLICY, "manifest": manifest})
    assert said(published, entry(Kind.CHOICE, ANSWER)) == [
        "answers notice n-en, which was not published before it"
    ]


@pytest.mark.parametrize(
    "categories",
    [
        {**CATEGORIES, "necessary": False},
        {**CATEGORIES, "necessary": 1},
        {name: yes for name, yes in CATEGORIES.items() if name != "necessary"},
        {**CATEGORIES, "analytics": None},
        {**CATEGORIES, "marketing": 1},
    ],
)
def test_an_answer_says_yes_or_no_about_every_category(categories: dict[str, Any]) -> None:
    assert about(categories=categories) == ["does not say yes or no about every category"]


@pytest.mark.parametrize("field", ["decided", "versions", "until", "basis"])
def test_instants_ends_and_versions_are_of_the_categories_answered(field: str) -> None:
    named = {**ANSWER.get(field, {}), "preferences": "v1" if field == "versions" else 1}
    assert f"gives {field} for other categories than it answers" in about(**{field: named})


def test_what_every_category_shares_is_said_once_and_an_end_never_missing() -> None:
    shared = {"decided": {}, "versions": {}, "until": {"granted": 9000, "refused": 9000}}
    assert about(**shared) == []
    assert about(**shared | {"until": {"granted": 9000}}) == [
        "does not say until when its answer about analytics counts"
    ]
    assert about(until={}) == [f"does not say until when its answer about {c} counts" for c in OPTIONAL]


def test_an_earlier_answer_s_policy_too_was_published() -> None:
    assert about(versions={"marketing": "v9"}) == [
        "answers policy version v9, which was not published before it"
    ]


def test_each_category_has_a_basis() -> None:
    basis = {"necessary": "exempt", "analytics": "consent", "marketing": "consent"}
    assert about(basis=basis) == []
    assert about(basis={"necessary": "exempt", "others": "consent"}) == []
    del basis["analytics"]
    assert about(basis=basis) == ["does not say on what basis each category is answered"]


def test_an_operator_is_shown_no_notice_and_says_no_yes() -> None:
    """A12."""
    published = entry(Kind.POLICY, POLICY)
    no = {**ANSWER, "notice": None, "categories": dict.fromkeys(CATEGORIES, False) | {"necessary": True}}
    assert said(published, entry(Kind.OPERATOR, no)) == []
    kept = {**no, "categories": CATEGORIES, "decided": {"marketing": 1000}}
    assert said(published, entry(Kind.OPERATOR, kept)) == [], "what the visitor said before"
    yes = {**kept, "decided": {}}
    assert said(published, entry(Kind.OPERATOR, yes)) == [
        "is an operator's yes, which only a visitor can say"
    ]


@pytest.mark.parametrize("field", ["mechanism", "regime", "locale", "basis"])
def test_an_answer_says_how_it_came_about_and_under_which_law(field: str) -> None:
    """A9. An operator's was answered in no language."""
    stmt = {name: value for name, value in ANSWER.items() if name != field}
    published, no = entry(Kind.POLICY, POLICY), dict.fromkeys(CATEGORIES, False) | {"necessary": True}
    assert len(said(published, entry(Kind.CHOICE, stmt))) == 1
    operator = entry(Kind.OPERATOR, {**stmt, "notice": None, "categories": no})
    assert len(said(published, operator)) == (field != "locale")


@pytest.mark.parametrize("previous", [INDEX, INDEX + 1, -1, True, "3"])
def test_the_entry_before_an_answer_is_before_it(previous: Any) -> None:
    assert about(previous=previous) == [
        f"names as the visitor's entry before it {previous}, which is not before it"
    ]
    assert about(previous=None) == about(previous=0) == []


def test_entries_of_the_logs_before_count_as_before() -> None:
    going_on = entry(Kind.SUCCESSION, {"first": 1000})
    for previous, wrong in ((1000 + INDEX, 1), (999 + INDEX, 0)):
        answer = entry(Kind.CHOICE, {**ANSWER, "previous": previous})
        assert len(said(going_on, entry(Kind.POLICY, POLICY), answer)) == wrong


def test_an_answer_ends_after_it_was_given_and_before_any_law_would_have_it() -> None:
    """L24; an answer that was kept may have run out, and a clock may have run behind the log's."""
    kept = 1000
    for begun, changes in ((2000, {}), (kept, {"decided": {"marketing": kept}}), (5, {"clock": 5})):
        stmt = {"decided": {}, "until": {"granted": begun, "refused": 9000}} | changes
        for end, wrong in ((begun, 1), (begun + 1, 0), (begun + LONGEST, 0), (begun + LONGEST + 1, 1)):
            stmt["until"] = {"granted": end, "refused": 9000}
            assert len(about(**stmt)) == wrong, (begun, end)


def test_no_months_that_a_law_names_are_too_many() -> None:
    most = max(rule.most or rule.least or 0 for rule in (*RULES, *OPT_OUT_RULES))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    assert milliseconds(add_months(start, most)) - milliseconds(start) <= LONGEST


@pytest.mark.parametrize("missing", ["v1", "n-en"])
def test_a_policy_is_published_after_its_texts(missing: str) -> None:
    """Prooflog §3.10 rule 6."""
    [check] = claims()
    texts = [text for text in TEXTS if text.stmt != {"sha256": missing}]
    assert [words for text in texts for words in check(text)] == []
    assert list(check(entry(Kind.POLICY, POLICY))) == [
        f"publishes the text {missing}, which is not logged before it"
    ]


def test_nothing_is_decided_after_it_was_logged() -> None:
    decided = {"analytics": 2001, "marketing": 1000}
    assert about(decided=decided) == ["was decided after it was logged"]


def test_what_is_attached_and_the_version_it_shows_are_logged_before() -> None:
    attached = entry(Kind.ATTACHMENT, {"t": 2, "policy": "v1", "sha256": "n-en"})
    assert said(entry(Kind.POLICY, POLICY), attached) == []
    assert said(attached) == ["attaches to policy version v1, which was not published before it"]
    other = entry(Kind.ATTACHMENT, {"t": 2, "policy": "v1", "sha256": "png"})
    assert said(entry(Kind.POLICY, POLICY), other) == ["attaches the file png, which is not logged before it"]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (*ANSWERS, Kind.ATTACHMENT)])
def test_other_entries_answer_nothing(kind: Kind) -> None:
    assert said(entry(kind, POLICY)) == []


@pytest.mark.parametrize("kind", [Kind.POLICY, Kind.CHOICE, Kind.WITHDRAWAL])
def test_what_is_erased_is_not_objected_to(kind: Kind) -> None:
    assert said(entry(kind, None)) == []


def test_each_verification_starts_from_nothing() -> None:
    assert about() == []
    assert said(entry(Kind.CHOICE, ANSWER)) != []
