"""Shared by all tests: the `--full` switch for complete samples, and a fixed instant."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="every case instead of seeded samples")


def pytest_configure(config: pytest.Config) -> None:
    """Make generated cases the same in every run; new ones come with `--full`."""
    settings.register_profile("here", derandomize=not config.getoption("--full"), deadline=None)
    settings.load_profile("here")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """True when every case is wanted, not a seeded sample."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def noon() -> datetime:
    """An instant at a month's end, so that calendar arithmetic has to clamp."""
    return datetime(2026, 8, 31, 12, 0, 0, tzinfo=UTC)
