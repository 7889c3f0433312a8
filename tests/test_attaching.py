"""Screenshots of a published version: attached once, kept by their hash, said by whom, verified."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import app, august, browsing, choose, policy
from starlette.testclient import TestClient

from consentkit.cli import main
from consentkit.proof.entry import Kind, Record
from consentkit.proof.erasure import aged, requested

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63600000000200 01 48afa471 0000000049454e44ae426082".replace(" ", "")
)
YEAR_2100 = 4_102_444_800_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TestClient]:
    with browsing(app(), tmp_path, clock=august()) as client:
        yield client


def run(folder: Path, *arguments: str) -> Result:
    where = ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]
    return CliRunner().invoke(main, ["audit", *arguments, *where])


def picture(folder: Path, name: str = "desktop.png", body: bytes = PNG) -> str:
    (folder / name).write_bytes(body)
    return str(folder / name)


def listed(folder: Path) -> Any:
    return json.loads(run(folder, "attached", "--json").stdout)["versions"]


def test_what_is_attached_is_listed_with_who_and_when_and_comes_back_byte_for_byte(
    site: TestClient, tmp_path: Path
) -> None:
    """Q9: and the versions that lack one are named."""
    log = site.app.kit.log  # type: ignore[attr-defined]
    version = site.app.kit.edition.policy.version  # type: ignore[attr-defined]
    assert run(tmp_path, "attached").exit_code == 1
    assert "nothing is attached" in run(tmp_path, "attached").stdout
    files = [picture(tmp_path), picture(tmp_path, "mobile.png"), picture(tmp_path, "axe.json", b"{}")]
    done = run(tmp_path, "attach", version[:12], *files, "--actor", "Ada")
    assert done.exit_code == 0, done.output
    new = [each.stmt["name"] for each in log.entries(kind=Kind.DOCUMENT) if "attached" in each.stmt]
    assert new == ["desktop.png", "axe.json"]
    [row] = listed(tmp_path)
    assert row["version"] == version
    assert [(file["name"], file["actor"]) for file in row["files"]] == [
        ("desktop.png", "Ada"),
        ("mobile.png", "Ada"),
        ("axe.json", "Ada"),
    ]
    assert run(tmp_path, "attached", version[:12], "--to", str(tmp_path / "out")).exit_code == 0
    assert sorted(each.read_bytes() for each in (tmp_path / "out").iterdir()) == sorted([PNG, PNG, b"{}"])
    shown = run(tmp_path, "show", str(row["files"][0]["index"])).stdout
    assert f"image/png, {len(PNG)} bytes" in shown


def test_a_notice_is_named_by_its_hash(site: TestClient, tmp_path: Path) -> None:
    kit = site.app.kit  # type: ignore[attr-defined]
    _, notice = kit.published.shown(kit.edition.policy.version, "fr")
    assert run(tmp_path, "attach", notice[:16], picture(tmp_path)).exit_code == 0
    assert listed(tmp_path)[0]["files"][0]["notice"] == notice


@pytest.mark.parametrize(
    ("version", "name", "body"),
    [
        ("current", "a.png", b"GIF89a"),
        ("current", "a.exe", b"MZ"),
        ("current", "a.txt", b""),
        ("0" * 64, "a.png", PNG),
        ("", "a.png", PNG),
        ("current", "front\u202egnp.png", PNG),
    ],
)
def test_what_is_no_such_file_or_version_is_refused_and_nothing_is_written(
    site: TestClient, tmp_path: Path, version: str, name: str, body: bytes
) -> None:
    log = site.app.kit.log  # type: ignore[attr-defined]
    size = log.size
    assert run(tmp_path, "attach", version, picture(tmp_path, name, body)).exit_code == 2
    assert log.size == size


def test_both_verifiers_hold_it_to_its_hash_and_to_a_version_that_was_published(
    site: TestClient, tmp_path: Path
) -> None:
    log = site.app.kit.log.newest.log  # type: ignore[attr-defined]
    assert run(tmp_path, "attach", "current", picture(tmp_path)).exit_code == 0
    bundle = tmp_path / "bundle"
    assert run(tmp_path, "export", str(bundle)).exit_code == 0
    [stored] = [each for each in (bundle / "documents").iterdir() if each.read_bytes() == PNG]
    assert both(bundle, log.vkey) == (0, 0)
    stored.write_bytes(PNG[:-1] + b"\0")
    assert both(bundle, log.vkey) == (1, 1)
    stored.unlink()
    assert both(bundle, log.vkey) == (1, 1)
    forged = {"policy": "0" * 64, "sha256": hashlib.sha256(PNG).hexdigest()}
    log.append([Record(Kind.ATTACHMENT, YEAR_2100, forged)]).result()
    assert run(tmp_path, "export", str(tmp_path / "other")).exit_code == 0
    assert both(tmp_path / "other", log.vkey) == (1, 1)


def both(bundle: Path, vkey: str) -> tuple[int, int]:
    """The exit codes of ours and of the file that travels in the bundle."""
    ours = CliRunner().invoke(main, ["audit", "verify", str(bundle), "--key", vkey])
    command = [sys.executable, "-I", str(bundle / "verify.py"), "--key", vkey]
    done = subprocess.run(command, capture_output=True, check=False)
    return ours.exit_code, done.returncode


def test_no_retention_rule_and_no_request_takes_it(site: TestClient, tmp_path: Path) -> None:
    choose(site, "analytics")
    assert run(tmp_path, "attach", "current", picture(tmp_path)).exit_code == 0
    log = site.app.kit.log.newest.log  # type: ignore[attr-defined]
    [entry] = log.entries(kind=Kind.ATTACHMENT)
    plan = log.erase(aged(YEAR_2100, {}, None), YEAR_2100, pretend=True)
    assert plan.indexes
    assert entry.index not in plan.indexes
    with pytest.raises(ValueError, match="nothing about a visitor"):
        log.erase(requested([entry.index], "both"), YEAR_2100, pretend=True)


def test_the_next_log_begins_without_the_pictures_and_they_are_listed_all_the_same(
    site: TestClient, tmp_path: Path
) -> None:
    """What answers name goes over; what only shows it stays where it is."""
    assert run(tmp_path, "attach", "current", picture(tmp_path)).exit_code == 0
    site.app.kit.close()  # type: ignore[attr-defined]
    for yes in ([], ["--yes"]):
        run(tmp_path, "close", "--next", "corner-shop/2027", *yes)
    with browsing(app(), tmp_path, clock=august(), policy=policy()) as client:
        newest = client.app.kit.log.newest  # type: ignore[attr-defined]
        assert newest.first > 0
        assert [each.name for each in documents(newest.log)] != []
        assert PNG not in [each.body for each in documents(newest.log)]
        assert [file["name"] for file in listed(tmp_path)[0]["files"]] == ["desktop.png"]


def documents(log: Any) -> list[Any]:
    return [log.document(entry.stmt["sha256"]) for entry in log.entries(kind=Kind.DOCUMENT)]
