"""Another consent tool's own script, left in a page, is told of; what stands in for it isn't."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample import policy

from consentkit.cli import main
from consentkit.policy.leftovers import leftovers

PAGES = sorted((Path(__file__).parent.parent / "examples" / "migrating").glob("*.html"))
CDN = "https://cdn.jsdelivr.net"
SNIPPETS = {
    "Cookiebot": '<script id="Cookiebot" src="https://consent.cookiebot.com/uc.js" data-cbid="0"></script>',
    "OneTrust": '<script src="https://cdn.cookielaw.org/scripttemplates/otSDKStub.js"></script>',
    "Klaro": '<script defer data-config="klaroConfig" src="/js/klaro-no-css.js"></script>',
    "tarteaucitron": '<script src="/tarteaucitron/tarteaucitron.min.js"></script>',
    "vanilla-cookieconsent": f'<link href="{CDN}/gh/orestbida/cookieconsent@3.1.0/dist/cookieconsent.css">',
    "Osano": f'<script data-src="{CDN}/npm/cookieconsent@3/build/cookieconsent.min.js"></script>',
    "Usercentrics": '<link rel="preload" href="//web.cmp.usercentrics.eu/ui/loader.js" as="script">',
    "Didomi": '<script>s.src = "https://sdk.privacy-center.org/" + key + "/loader.js";</script>',
}


@pytest.mark.parametrize("tool", SNIPPETS)
def test_a_tool_s_own_script_is_told_once_and_as_nobody_else_s(tool: str) -> None:
    page = f"<!doctype html><head>{SNIPPETS[tool] * 2}</head>"
    assert [each.tool for each in leftovers(page)] == [tool]


def test_a_module_that_imports_one_and_words_that_only_name_one_are_told_apart() -> None:
    address = "/js/cookieconsent.esm.js"
    page = f"<p>uc.js</p><script type=module>// not otSDKStub.js\nimport '{address}';</script>"
    assert leftovers(page) == [("vanilla-cookieconsent", address)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_that_has_moved_here_has_nothing_left(page: Path) -> None:
    assert leftovers(page.read_text("utf-8")) == []


def test_check_warns_of_what_a_page_still_has(tmp_path: Path) -> None:
    path, page = tmp_path / "consent.json", tmp_path / "index.html"
    path.write_text(json.dumps(policy()))
    page.write_text(SNIPPETS["Cookiebot"])
    store = ["--store", f"sqlite:///{tmp_path / 'none.db'}"]
    found = CliRunner().invoke(main, ["check", str(path), *store, "--page", str(page)])
    assert found.exit_code == 0
    assert "still has Cookiebot's own script (https://consent.cookiebot.com/uc.js)" in found.stdout
    for missing in (str(tmp_path / "no.html"), "http://127.0.0.1:1/"):
        refused = CliRunner().invoke(main, ["check", str(path), *store, "--page", missing])
        assert refused.exit_code == 2
        assert "can't be read" in refused.stderr
