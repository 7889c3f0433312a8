"""The gate against html5lib on pages of real sites, with every service the registry knows.

The pages are those of the npm package htmlparser-benchmark; they belong to their publishers and aren't kept
in this repository.
"""

import random
from pathlib import Path

import oracle
import pytest

from consentkit.policy.registry import known_services
from consentkit.policy.whose import Whose

FOLDER = Path(__file__).parent.parent / "node_modules" / "htmlparser-benchmark" / "files"
PAGES = sorted(FOLDER.glob("*.html"))
SAMPLE = 25
SERVICES = [each for each in known_services().values() if each.category != "necessary"]
RULES = Whose((), SERVICES)
JUDGE = oracle.Judge(SERVICES)

pytestmark = pytest.mark.skipif(
    not PAGES, reason="node_modules/htmlparser-benchmark isn't there: run npm install, or python3 dev.py test"
)


@pytest.fixture(scope="module")
def pages(full: bool) -> list[Path]:
    """All pages, or a sample that is always the same."""
    return PAGES if full else random.Random("pages").sample(PAGES, SAMPLE)  # noqa: S311


@pytest.fixture(scope="module")
def verdicts(pages: list[Path]) -> list[tuple[str, str, oracle.Owners]]:
    """Of each page its name, what comes out wrong, and whom it reaches: read once, as that takes long."""
    found = []
    for path in pages:
        page = path.read_bytes()
        problem = oracle.fault(page, RULES, JUDGE) or oracle.fault(page, RULES, JUDGE, noscript=True)
        found.append((path.name, (problem or "")[:600], JUDGE.reached(oracle.elements(page))))
    return found


def test_on_real_pages_exactly_what_the_registry_knows_is_blocked(
    verdicts: list[tuple[str, str, oracle.Owners]],
) -> None:
    assert {name: problem for name, problem, _ in verdicts if problem} == {}


def test_real_pages_hold_enough_to_block(verdicts: list[tuple[str, str, oracle.Owners]]) -> None:
    reached = [owners for _, _, owners in verdicts]
    assert sum(map(bool, reached)) > len(verdicts) / 2
    assert len(frozenset().union(*reached)) >= 10


def test_real_pages_come_out_the_same_in_chunks_of_any_size(pages: list[Path]) -> None:
    for path in pages:
        page = path.read_bytes()
        whole = oracle.rewrite(page, RULES)
        for size in (4096, 509):
            assert oracle.rewrite(page, RULES, [size] * (len(page) // size)) == whole, (path.name, size)
