"""The demonstration on two loopback origins, with and without consentkit, as the browser's tests need it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from browser import Clock, Visit, serving
from starlette.applications import Starlette

from consentkit import ConsentMiddleware
from consentkit.demo.run import POLICY
from consentkit.demo.shop import shop
from consentkit.demo.snippets import PARTS, TRACKER
from consentkit.demo.tracker import tracker

COLLECTORS = {"/posthog/e/", "/snowplow/com.snowplowanalytics.snowplow/tp2"}
HOSTS = {host for part in PARTS for host in part.hosts + part.quiet_hosts} - {TRACKER}
TRACKER_COOKIES = ("ph_", "_sp_", "_shop_visit", "_ga", "_cl", "_fbp", "li_")
# Where Chromium itself calls home, whatever page is open.
OWN_CALLS = (".google.com", ".googleapis.com", ".gvt1.com", ".gstatic.com")


@dataclass(frozen=True)
class Stage:
    """A running shop and tracker: their origins, the tracker's application, and the log's store."""

    shop: str
    tracker: str
    app: Starlette
    store: Path | None = None

    def reached(self) -> list[str]:
        """The paths that the tracker has served."""
        return [str(row["path"]) for row in self.app.state.ledger.rows()]

    def at(self, host: str) -> str:
        return self.tracker.removeprefix("http://") if host == TRACKER else host


@contextmanager
def bare() -> Iterator[Stage]:
    """The shop as it is without consentkit: the control."""
    app = tracker()
    with serving(app, "127.0.0.1") as there, serving(shop(there), "localhost") as here:
        yield Stage(here, there, app)


@contextmanager
def gated(folder: Path, clock: Clock) -> Iterator[Stage]:
    """The same shop behind the middleware, with log and keys in `folder` and the server's clock in hand."""
    app = tracker()
    store = folder / "consentkit.db"
    with serving(app, "127.0.0.1") as there:
        site = ConsentMiddleware(
            shop(there),
            policy=POLICY,
            secret_key="a secret for this test",
            store=f"sqlite:///{store}",
            keys=folder / "keys",
            clock=clock,
        )
        with serving(site, "localhost") as here:
            yield Stage(here, there, app, store)
        site.kit.close()


def strangers(visit: Visit) -> set[str]:
    """The hosts that were called and aren't the browser's own business."""
    return {host for host in visit.calls.hosts() if host != "?" and not host.endswith(OWN_CALLS)}


def tracker_cookies(names: set[str] | list[str]) -> set[str]:
    """The names that belong to a tracker of the demonstration."""
    return {name for name in names if name.startswith(TRACKER_COOKIES)}
