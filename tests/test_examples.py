"""Each framework's example is imported as its server would, and asked for its page."""

import importlib
import re
from pathlib import Path

import pytest
from sample import SECRET
from starlette.testclient import TestClient

from consentkit.cli import main

EXAMPLES = Path(__file__).parent.parent / "examples"
FRAMEWORKS = sorted(path.stem for path in EXAMPLES.glob("*_app.py"))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_s_example_asks_for_consent_and_heeds_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(name.removesuffix("_app"), reason=f"{name} needs a framework that isn't installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("CONSENTKIT_SECRET_KEY", SECRET)
    main(["init"], standalone_mode=False)
    app = importlib.import_module(name).app
    with TestClient(app, base_url="https://localhost") as client:
        first = client.get("/")
        assert "You are not counted." in first.text
        assert "data-consentkit-starter" in first.text
        assert 'data-consent="open"' in first.text
        form = client.get("/consent/").text
        posted = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)) | {"action": "accept"}
        client.post("/consent/", data=posted, headers={"sec-fetch-site": "same-origin"})
        assert "You are counted." in client.get("/").text
