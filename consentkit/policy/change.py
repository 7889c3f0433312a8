"""What differs between two policy versions, and who must therefore be asked again (E9)."""

from collections.abc import Iterator
from functools import lru_cache

from consentkit.policy.notice import told
from consentkit.policy.periods import months_of
from consentkit.policy.registry import Service
from consentkit.policy.version import Policy


def still_counts(old: Policy, new: Policy, category: str, *, granted: bool) -> bool:
    """Return whether an answer given under `old`, a yes or a no, still answers what `new` asks of `category`.

    It does as long as nobody new is let in: every service of the category was already in it, for the same
    vendor and no further purpose. Words, removed services and shorter lives change nothing (EDPB 05/2020
    §110: the processing must change, not the wording). Nor does a yes cover a longer life than it was given
    on: how long a cookie lives is what visitors must be told before they consent (L20: Planet49, §81). A new
    name, also a renamed one, may live as long as the longest of its service did. Who said no to less isn't
    asked whether more would do. A tag that loads before any choice, where it used to wait for one, is let in
    by whoever answers, so both are asked again.
    """
    return old.version == new.version or _covers(old, new, category, granted)


# Most visitors' answers are from before the last change, and asked for with every request.
@lru_cache(maxsize=256)
def _covers(old: Policy, new: Policy, category: str, granted: bool) -> bool:
    before = {(s.id, s.vendor): set(s.purposes) for s in _of(old, category)}
    alike = category in old.categories and all(
        (s.id, s.vendor) in before
        and set(s.purposes) <= before[s.id, s.vendor]
        and (s.id in old.early or s.id not in new.early)
        for s in _of(new, category)
    )
    return alike and not (granted and _lives_longer(old, new, category))


def _lives_longer(old: Policy, new: Policy, category: str) -> bool:
    before, now = _lives(old, category), _lives(new, category)
    longest: dict[str, float] = {}
    for (id_, _), months in before.items():
        longest[id_] = max(months, longest.get(id_, 0.0))
    return any(months > before.get(each, longest.get(each[0], 0.0)) for each, months in now.items())


def _lives(policy: Policy, category: str) -> dict[tuple[str, str], float]:
    """How many months each service's cookies and storage keys live, as visitors are told."""
    cap = policy.lifetimes.cap(category)
    facts = ((service.id, each) for service in _of(policy, category) for each in told(service, cap))
    return {(id_, each.name): min(months_of(each.lifetime), each.most) for id_, each in facts}


def _of(policy: Policy, category: str) -> Iterator[Service]:
    return (service for service in policy.services.values() if service.category == category)
