"""axe-core, the checker of accessibility that most tools are made of, let loose on a page in a browser."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

SOURCE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""WCAG 2.2 AA, and what its makers advise beside."""
RUN = """([within, rules]) => axe.run(within ?? document, {
  runOnly: rules, resultTypes: ["violations"], elementRef: false,
}).then((result) => result.violations)"""


def axe(page: Page, within: str | None = None) -> list[str]:
    """Return the violations on a page as it is now, or in the element that `within` selects, one a line.

    Skips the test if axe-core isn't there.
    """
    if not SOURCE.exists():
        pytest.skip("node_modules/axe-core isn't there: run npm install, or python3 dev.py test")
    if not page.evaluate("!!window.axe"):
        page.evaluate(SOURCE.read_text("utf-8") + ";0")
    found: list[dict[str, Any]] = page.evaluate(RUN, [within, RULES])
    return [
        f"{each['id']} ({each['impact']}) at {node['target']}: {node['failureSummary']}"
        for each in found
        for node in each["nodes"]
    ]
