"""The hosts a site lets through though no service names them, and which of them it can't let through."""

from collections.abc import Iterator, Mapping

from consentkit.errors import Problem
from consentkit.policy.declared import pattern_problems
from consentkit.policy.match import Places
from consentkit.policy.registry import Service, known_services, shown
from consentkit.policy.urls import split_url


def allow_problems(patterns: object, where: str, services: Mapping[str, Service]) -> Iterator[Problem]:
    """Yield what is wrong with a list of hosts to let through, beside `services`, the declared ones by id.

    Patterns as in a service's `urls`. One that lies within a tracker's would let nothing through: known
    trackers wait for consent whatever the list says.
    """
    listed = patterns if isinstance(patterns, list) else []
    if not listed:
        return
    faults = {problem.path: problem for problem in pattern_problems(patterns, where)}
    owners = {**known_services(), **services}
    places = Places((url.match, each.id) for each in owners.values() for url in each.urls)
    for place, pattern in enumerate(listed):
        path, fault = f"{where}.{place}", faults.get(f"{where}.{place}")
        if fault is not None and fault.message.startswith("is "):
            wanted = "a host such as cdn.example.com or *.example.com, without https://"
            yield Problem(path, f"must be {wanted}, not {shown(pattern)}", fault.allowed)
        elif fault is not None:
            yield fault
        elif isinstance(pattern, str):
            owner = _owner(pattern, places)
            if owner is not None and owners[owner].category != "necessary":
                known = f"is a known tracker's ({owner!r}): declare the service instead"
                declared = f"is of {owner!r}, which is declared: take it off this list"
                yield Problem(path, declared if owner in services else known)


def _owner(pattern: str, places: Places) -> str | None:
    """The service within whose pattern all of this one lies."""
    # What lies below a host may be any; a service's own wildcard covers them all.
    address = split_url("//" + pattern.replace("*.", "any.", 1))
    found = places.covering(address) if address is not None else None
    return found.owner if found is not None else None
