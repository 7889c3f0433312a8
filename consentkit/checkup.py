"""What `consentkit check` looks at beside the policy file: the site's code, its pages, what was seen."""

import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from http.client import HTTPException
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from urllib.request import urlopen

import click

from consentkit.desk import trackers
from consentkit.errors import ConsentKitError
from consentkit.kit import utc_now
from consentkit.policy.coded import Declared
from consentkit.policy.leftovers import leftovers
from consentkit.policy.version import Policy
from consentkit.setters import declared_cookies
from consentkit.tally_stores import open_store

PAGE_SECONDS, PAGE_MOST = 10, 1 << 22
"""How long a step of fetching a page may take, and how many bytes of it are read."""

MOST_NAMED = 5
"""A warning names so many and counts the rest."""


def declared_by(app: str | None) -> tuple[Declared, ...]:
    """Return the cookies that an application declares in its code (@sets_cookie); none without one.

    `app` is a module that can be imported from here, as in `app` or `app:app`. Raises ClickException if it
    can't be, or has no such attribute.
    """
    if app is None:
        return ()
    sys.path.insert(0, str(Path.cwd()))
    module, _, attribute = app.partition(":")
    try:
        found = import_module(module)
    except Exception as error:  # whatever the application's own code raises
        raise click.ClickException(f"{app} can't be imported: {type(error).__name__}: {error}") from error
    try:
        _ = attribute and attrgetter(attribute)(found)
    except AttributeError as error:
        raise click.ClickException(f"{app} can't be found: {error}") from error
    return declared_cookies()


def missing_from(store: str, policy: Policy) -> tuple[list[str], list[str], list[str]]:
    """Return what the store's site has seen lately that `policy` doesn't name, and warnings about it.

    First the hosts and cookies, then the services that are known and therefore blocked for good.
    """
    since = utc_now().date() - timedelta(days=trackers.DAYS)
    try:
        rows = open_store(store).read(since)
    except ConsentKitError as error:
        return [], [], [f"what the site has seen can't be read: {error}"]
    undeclared, blocked = trackers.undeclared(rows, policy), trackers.staying_off(rows, policy)
    lately = f"seen in the last {trackers.DAYS} days"
    warnings = []
    if undeclared:
        where = "List them: consentkit audit trackers"
        warnings.append(f"{lately}, but not in this policy: {_some(undeclared)}. {where}")
    if blocked:
        why = "blocked even after a yes, because this policy doesn't declare it"
        warnings.append(f"{lately}, {why}: {_some(blocked)}. Add it to services, or take it off the pages")
    return undeclared, blocked, warnings


def still_in(pages: Iterable[str]) -> Iterator[str]:
    """Yield a warning for each other consent tool whose own script a page still has.

    `pages` are files, or http and https addresses. Raises ClickException for one that can't be read.
    """
    for page in pages:
        for tool, address in leftovers(_text_of(page)):
            yield (
                f"{page} still has {tool}'s own script ({address}): visitors would be asked twice, and by it"
                " in its own way. Take it off; its marks may stay, with pages.aliases"
            )


def _text_of(page: str) -> str:
    try:
        if not page.startswith(("http://", "https://")):
            return Path(page).read_bytes()[:PAGE_MOST].decode("utf-8", "replace")
        with urlopen(page, timeout=PAGE_SECONDS) as answer:  # noqa: S310 - http or https, just seen
            read: bytes = answer.read(PAGE_MOST)
    except (OSError, HTTPException, ValueError) as error:
        raise click.ClickException(f"{page} can't be read: {error}") from error
    return read.decode("utf-8", "replace")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
