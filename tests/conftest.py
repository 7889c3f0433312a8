"""Shared by all tests: the `--full` switch for complete samples, a fixed instant, the stores of a log."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from cluster import Cluster


# The files that take longest, in their order.
LONGEST = [
    f"test_{name}"
    for name in (
        "demo", "ways", "markup_oracle", "banner", "guard", "sync", "readme", "accessibility", "demo_control",
        "log", "chunking", "markup_pages", "withdrawal", "api", "still", "migrating", "standalone", "house",
        "browser", "tally", "postgres", "visitors_page", "static", "exchange", "plain_page", "message",
        "months", "shared_cache", "match", "ways_at_runtime", "forms", "setcookie", "cli", "bundle",
        "two_clocks", "checkers", "expiries", "urls_oracle", "other_browsers", "anchors",
    )
]  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every case instead of seeded samples")


@pytest.hookimpl(trylast=True)  # when there is a terminal to write to
def pytest_configure(config: pytest.Config) -> None:
    """Make generated cases the same in every run; new ones come with `--full`."""
    settings.register_profile("here", derandomize=not config.getoption("--full"), deadline=None)
    settings.load_profile("here")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Herald(terminal))


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """True when every case is wanted, not a seeded sample."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def noon() -> datetime:
    """An instant at a month's end, so that calendar arithmetic has to clamp."""
    return datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def cluster() -> "Iterator[Cluster]":
    """A PostgreSQL server of this run."""
    from cluster import Cluster

    cluster = Cluster()
    yield cluster
    cluster.remove()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `--full` shows, and begin with the files that take longest.

    So all workers are done at about the same time.
    """
    if not config.getoption("--full"):
        left = set(repeated(items)) | {item for item in items if item.get_closest_marker("variant")}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


def repeated(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """What PostgreSQL needn't be shown, as SQLite sees it anyway.

    Of the cases marked "sampled" it sees every sixth, of a test's others the first.
    """
    again = [item for item in items if "[postgres" in item.name and hasattr(item, "callspec")]
    again = [item for item in again if "database" in item.callspec.params]
    sampled = [item for item in again if item.get_closest_marker("sampled")]
    yield from set(sampled) - set(sampled[::6])
    seen = set()
    for item in again:
        name = item.nodeid.partition("[")[0]
        if name in seen and item not in sampled:
            yield item
        seen.add(name)


class Herald:
    """Says what failed as soon as it is known: a run that is cut off shows no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self.terminal = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = crash.message if crash else report.longreprtext.rstrip().rpartition("\n")[2]
            reason = next(iter(said.splitlines()), "")[:200]
            self.terminal.write_line(f"\nFAILED {report.nodeid} in {report.when}: {reason}", red=True)
            self.terminal.flush()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what asks for `database` over both stores, and what is about SQLite's files over that."""
    if "database" in metafunc.fixturenames:
        alone = metafunc.definition.get_closest_marker("sqlite")
        metafunc.parametrize("database", ["sqlite"] if alone else ["sqlite", "postgres"], scope="module")
