"""Cookies that are declared twice over, and differently: what needs consent comes first (A17)."""

from collections.abc import Iterator, Sequence

from consentkit.policy.coded import SITE, Declared
from consentkit.policy.declared import claims
from consentkit.policy.names import Stated, cookie_names
from consentkit.policy.registry import DECLARED, Service
from consentkit.policy.version import Policy


class Owners:
    """Whose a cookie is where several claim its name: first of all, who needs consent for it."""

    def __init__(self, policy: Policy) -> None:
        everybody = (*policy.services.values(), *policy.known.values())
        self._waiting = cookie_names(each for each in everybody if each.category != "necessary")
        self._declared = cookie_names(policy.services.values())

    def __call__(self, name: str) -> Stated | None:
        """Return whose a cookie is, by its name or the glob that stands for it; None for nobody's."""
        return self._waiting(name) or self._declared(name)


def contested(policy: Policy, coded: Sequence[Declared] = ()) -> Iterator[tuple[str, str]]:
    """Yield (where, what to know and do) for each cookie that isn't treated as the site itself declares it.

    `coded` are the declarations in code that `policy` was resolved with.
    """
    owners = Owners(policy)
    for each in coded:
        message = _of_code(policy, owners(each.name), each)
        if message:
            yield each.place, message
    joined = {(SITE + each.category, each.name) for each in coded}
    for service in policy.services.values():
        for cookie in service.cookies:
            own = cookie.domain == "site" and cookie.source == DECLARED
            if own and (service.id, cookie.name) not in joined:
                owner = owners(cookie.name)
                if owner is not None and policy.category_of(owner.service) != service.category:
                    place = f"services.{service.id}.cookies.{cookie.name}"
                    yield place, _clash(policy, cookie.name, service.category, owner.service)


def _of_code(policy: Policy, owner: Stated | None, declared: Declared) -> str:
    if owner is None:
        return ""
    if policy.category_of(owner.service) != declared.category:
        return _clash(policy, declared.name, declared.category, owner.service)
    cookie = owner.cookie
    said = (declared.name, declared.lifetime, declared.why, declared.path)
    if said != (cookie.name, cookie.lifetime, cookie.why, cookie.path):
        return (
            f"{declared.name!r} is a cookie of {owner.service!r} in the policy too, with another life, path"
            " or reason: the policy counts. Say the same in both, or only in one"
        )
    other = next((each.id for each in policy.services.values() if _says_else(each, declared)), None)
    return _clash(policy, declared.name, declared.category, other) if other is not None else ""


def _says_else(service: Service, declared: Declared) -> bool:
    return service.category != declared.category and any(claims(c, declared.name) for c in service.cookies)


def _clash(policy: Policy, name: str, said: str, other: str) -> str:
    rival = policy.services.get(other) or policy.known[other]
    both = f"{name!r} is declared as {said}, but is {rival.category} as a cookie of {other!r}"
    if other not in policy.services:
        return (
            f"{both}, which this policy doesn't declare: nothing of it passes, even after a yes."
            f" Give yours another name, or add {other!r} to services"
        )
    first = "what needs consent" if "necessary" in (said, rival.category) else "the policy file"
    waits = rival.category if rival.category != "necessary" else said
    return (
        f"{both}: {first} comes first, so it waits for {waits}."
        " Give one of them another name, or say the same of both"
    )
