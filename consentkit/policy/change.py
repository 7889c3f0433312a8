"""What differs between two policy versions, and who must therefore be asked again (E9)."""

from collections.abc import Iterator

from consentkit.policy.registry import Service
from consentkit.policy.version import Policy


def still_counts(old: Policy, new: Policy, category: str) -> bool:
    """Return whether an answer given under `old` still answers what `new` asks about `category`.

    It does as long as nobody new is let in: every service of the category was already in it, for the
    same vendor and no further purpose. Words, removed services and shorter lives change nothing
    (EDPB 05/2020 §110: the processing must change, not the wording).
    """
    if old.version == new.version:
        return True
    before = {(s.id, s.vendor): set(s.purposes) for s in _of(old, category)}
    return category in old.categories and all(
        (s.id, s.vendor) in before and set(s.purposes) <= before[s.id, s.vendor] for s in _of(new, category)
    )


def _of(policy: Policy, category: str) -> Iterator[Service]:
    return (service for service in policy.services.values() if service.category == category)
