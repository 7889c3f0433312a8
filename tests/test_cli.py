"""The command line as its users run it: exit code 0 good, 1 finding, 2 usage."""

import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sample import ORIGIN, SECRET, app, august, browsing, choose, policy, visits

from consentkit import setters
from consentkit.auditing import report_lines
from consentkit.cli import TEMPLATE, main
from consentkit.kit import read_policy, utc_now
from consentkit.policy.lint import lint
from consentkit.policy.registry import known_services
from consentkit.policy.unfilled import SOURCE as UNFILLED
from consentkit.policy.words import locales
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.verify import Report
from consentkit.tally import OTHER, Row
from consentkit.tally_stores import open_store


def run(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(main, list(arguments), **options)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a policy and a dozen answers."""
    folder = tmp_path_factory.mktemp("log")
    clock = august()
    with browsing(app(), folder, clock=clock) as client:
        for number in range(12):
            clock.move(hours=1)
            choose(client, *(["analytics"] if number % 2 else []))
    return folder


@pytest.fixture
def folder(seeded: Path, tmp_path: Path) -> Path:
    """A copy of that log, to tamper with."""
    shutil.copytree(seeded, tmp_path / "copy")
    return tmp_path / "copy"


def where(folder: Path) -> list[str]:
    return ["--store", f"sqlite:///{folder / 'log.db'}", "--keys", str(folder / "keys")]


def sql(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "log.db")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def last(folder: Path) -> int:
    return int(run("audit", "log", "--limit", "1", *where(folder)).stdout.split()[0])


# Policies -----------------------------------------------------------------------------------------------


def test_init_writes_a_policy_that_check_finds_good(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    assert run("init", str(path)).exit_code == 0
    checked = run("check", str(path))
    assert checked.exit_code == 0
    assert "is good" in checked.stdout
    assert run("init", str(path)).exit_code == 2  # never overwrites


def test_every_example_in_that_policy_is_one_that_check_finds_good(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    # Those that are alternatives to what stands beside them.
    text = TEMPLATE.read_text("utf-8").replace("# headless = true", "").replace("# regime = ", "#: ")
    examples = re.sub(r"(?m)^# (?=\[|\w+ = )", "", text)
    path.write_text(examples, "utf-8")
    policy = read_policy(path)
    visits = policy.services["visits"]
    assert all((visits.urls, visits.cookies, visits.storage))
    assert {"matomo", "youtube"} < policy.services.keys()
    assert policy.retention
    assert not re.search(r"(?m)^#.*[={\[]", examples)
    assert {each.source for each in lint(policy) if each.severity == "warning"} == {UNFILLED}
    assert "4 services declared" in run("check", str(path)).stdout


def test_a_policy_can_not_be_put_where_there_is_no_folder(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "no" / "x.toml"))
    assert result.exit_code == 2
    assert "x.toml can't be written: No such file or directory" in result.stderr


FIVE_MISTAKES = """
services = ["google-analytics", "gogle-ads"]
categories = ["analytics", "functional"]
colour = "red"
[site]
name = "Shop"
controller = "Shop SAS"
contact = "privacy@shop.example"
policy_url = "/privacy"
languages = ["en", "xx"]
[lifetimes]
consent_months = 12
"""


def test_five_mistakes_get_five_messages(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(FIVE_MISTAKES)
    checked = run("check", str(path))
    assert checked.exit_code == 1
    assert checked.stdout.count(str(path)) == 1
    head, *told = checked.stdout.splitlines()
    assert head == f"{path} isn't good:"
    assert len(told) == 5
    for place in (
        "services.gogle-ads",
        "categories.1",
        "colour",
        "site.languages.1",
        "lifetimes.consent_months",
    ):
        assert f"{place}: " in checked.stdout
    problems = json.loads(run("check", str(path), "--json").stdout)["problems"]
    assert len(problems) == 5
    assert {"path", "message", "allowed"} == set(problems[0])
    path.write_text("[site")
    [broken] = run("check", str(path)).stdout.splitlines()
    assert broken.startswith(f"{path}: is not valid TOML: ")


def test_check_tells_what_an_authority_asks_for_otherwise_and_still_passes(tmp_path: Path) -> None:
    path = tmp_path / "consent.json"
    kept = {"purposes": ["site-operation"], "cookies": [{"name": "basket", "lifetime": "P2Y"}]}
    basket = visits(id="basket", category="necessary", **kept)
    path.write_text(
        json.dumps(policy(services=[basket], lifetimes={"consent_months": 5, "refusal_months": 5}))
    )
    checked = run("check", str(path))
    assert checked.exit_code == 0
    good, *told = checked.stdout.splitlines()
    assert "is good" in good
    assert (
        "Warning: lifetimes.refusal_months: is 5: the authority of IT asks for 6 at least" in checked.stdout
    )
    assert [line.partition(":")[0] for line in told] == ["Warning"] * 4 + ["Note"] * 5
    found = json.loads(run("check", str(path), "--json").stdout)["findings"]
    assert {"source", "severity", "place", "message"} == set(found[0])
    assert "services.basket.cookies.basket" in {finding["place"] for finding in found}


def test_check_sees_what_the_application_declares_in_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "consent.toml").write_text(GOOD)
    (tmp_path / "tea_shop.py").write_text(
        "from consentkit import sets_cookie\nsets_cookie('_hjid', category='necessary')\napp = print\n"
    )
    (tmp_path / "broken_shop.py").write_text("import nothing_of_this_name\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(setters, "_declarations", setters._Declarations())
    assert "_hjid" not in run("check").stdout
    told = run("check", "--app", "tea_shop:app").stdout
    assert "Warning: @sets_cookie on tea_shop, line 2: '_hjid' is declared as necessary" in told
    for module in ("broken_shop", "no_such_shop"):
        refused = run("check", "--app", module)
        assert refused.exit_code == 2
        assert f"{module} can't be imported: ModuleNotFoundError" in refused.stderr
    nope = run("check", "--app", "tea_shop:nope")
    assert (nope.exit_code, nope.stdout) == (2, "")
    assert "tea_shop:nope can't be found: module 'tea_shop' has no attribute 'nope'" in nope.stderr


def test_the_known_services_are_listed_by_id() -> None:
    lines = run("services").stdout.splitlines()
    assert [line.split()[0] for line in lines] == sorted(known_services())
    assert json.loads(run("services", "--json").stdout.splitlines()[0]).keys() == {"id", "category", "name"}


def test_a_service_is_shown_with_the_exact_words_that_its_vendor_is_told(tmp_path: Path) -> None:
    told = run("services", "matomo").stdout.splitlines()
    assert told[0] == "matomo: Matomo, of InnoCraft (NZ), analytics"
    assert '  where the policy says so: [consent_mode] matomo = "cookieless"' in told
    assert 'no longer allowed:     _paq.push(["forgetCookieConsentGiven"])' in told[-4].strip()
    google = run("services", "google-analytics").stdout
    assert 'ad_storage:marketing?"granted":"denied",' in google
    assert "told nothing" in run("services", "youtube").stdout
    path = tmp_path / "consent.json"
    path.write_text(json.dumps(policy(consent_mode={"google": "advanced"})))
    chosen = run("services", "google-analytics", "--policy", str(path)).stdout
    assert 'google = "advanced"' in chosen
    assert 'google = "basic"' not in chosen
    plain = json.loads(run("services", "meta-pixel", "--json").stdout)
    assert plain["hooks"][0]["granted"] == [{"call": "fbq", "given": ["consent", "grant"]}]
    unknown = run("services", "meta")
    assert unknown.exit_code == 2
    assert "consentkit services lists them" in unknown.stderr


def test_languages_lists_those_with_texts_by_the_name_their_readers_give_them() -> None:
    assert "fr     Français" in run("languages").stdout.splitlines()
    listed = [json.loads(line)["code"] for line in run("languages", "--json").stdout.splitlines()]
    assert listed == list(locales())


def test_check_says_when_there_is_no_file(tmp_path: Path) -> None:
    missing = run("check", str(tmp_path / "nowhere.toml"))
    assert missing.exit_code == 2
    assert "nowhere.toml" in missing.stderr


def test_the_schema_is_json_in_words_for_users() -> None:
    text = run("check", "--schema").stdout
    assert json.loads(text)["title"] == "PolicyDocument"
    assert re.search(r"\b[A-HLQ]\d{1,2}\b|\bdesign\b|\\u00a7", text) is None


def test_keygen_makes_a_new_key_each_time() -> None:
    first, second = run("keygen").stdout.strip(), run("keygen").stdout.strip()
    assert first != second
    assert len(first) >= 32


# Reading ------------------------------------------------------------------------------------------------


def test_the_log_is_listed_newest_first(folder: Path) -> None:
    lines = run("audit", "log", *where(folder)).stdout.splitlines()
    indexes = [int(line.split()[0]) for line in lines]
    assert indexes == sorted(indexes, reverse=True)
    choices = run("audit", "log", "--kind", "choice", "--json", *where(folder)).stdout.splitlines()
    assert all(json.loads(line)["statement"]["categories"]["necessary"] for line in choices)


def test_an_entry_is_shown_with_the_words_the_visitor_saw(folder: Path) -> None:
    """Q1, Q2."""
    shown = json.loads(run("audit", "show", "--json", str(last(folder)), *where(folder)).stdout)
    assert shown["statement"]["mechanism"] == "banner"
    assert shown["notice_text"]["buttons"]["reject"] == "Reject all"


def test_an_entry_is_told_on_one_screen(folder: Path) -> None:
    """Q1, Q2: who isn't at home in JSON reads what was said, until when it counts, and what stood there."""
    told = run("audit", "show", str(last(folder)), *where(folder)).stdout.splitlines()
    assert told[0] == f"entry {last(folder) - 1}: choice, 2026-09-01T00:00:00Z"
    assert "  categories: analytics true, marketing false, necessary true, preferences false" in told
    until = next(line for line in told if line.startswith("  until: "))
    assert "granted 2027-03-01T00:00:00.000+00:00" in until
    screen = told[told.index("on the screen:") :]
    assert screen[1] == "  # Cookies on Corner Shop"
    assert "  - Analytics Measure how visitors use the site." in screen
    assert screen[-1] == "  [ Accept all ] [ Reject all ] [ Choose ]"
    document = run("audit", "show", "0", *where(folder)).stdout
    assert "subject" not in document
    assert '"format": "consentkit/policy/v1"' in document


def test_a_receipt_verifies_on_its_own(folder: Path) -> None:
    index = str(last(folder))
    value = json.loads(run("audit", "receipt", index, "--json", *where(folder)).stdout)
    exported = run("audit", "export", str(folder / "bundle"), "--json", *where(folder))
    vkey = json.loads(exported.stdout)["vkey"]
    assert verify_receipt(value["receipt"], vkey) == value["index"]
    path = folder / "receipt.txt"
    path.write_bytes(run("audit", "receipt", index, *where(folder)).stdout_bytes)
    assert verify_receipt(path.read_text(), vkey) == int(index)
    checked = run("audit", "verify", str(path), "--key", vkey)
    assert (checked.exit_code, checked.stdout[:4]) == (0, "GOOD")


@pytest.mark.parametrize("command", ["show", "receipt"])
@pytest.mark.parametrize("index", ["9999", "9" * 20])
def test_an_entry_that_is_not_there(folder: Path, command: str, index: str) -> None:
    result = run("audit", command, index, *where(folder))
    assert result.exit_code == 2
    assert f"no entry {index}" in result.stderr


def shown(folder: Path, kind: str) -> list[dict[str, Any]]:
    listed = run(
        "audit", "log", "--kind", kind, "--limit", "99", "--json", *where(folder)
    ).stdout.splitlines()
    indexes = [str(json.loads(line)["index"]) for line in listed]
    return [json.loads(run("audit", "show", "--json", index, *where(folder)).stdout) for index in indexes]


def test_documents_are_listed_by_name_and_shown_with_their_words(folder: Path) -> None:
    listed = run("audit", "log", "--kind", "document", "--limit", "99", *where(folder)).stdout
    assert "notice-fr.json" in listed
    documents = {value["statement"]["name"]: value["document_text"] for value in shown(folder, "document")}
    assert documents["notice-fr.json"]["buttons"]["reject"] == "Tout refuser"
    assert "consentkit" in documents["starter.js"]
    (policy,) = shown(folder, "policy")
    assert policy["statement"]["manifest"]["notices"].keys() == {"en", "fr", "de"}
    assert policy["policy_text"] in documents.values()
    assert policy["policy_text"]["site"]["name"] == "Corner Shop"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("stmt = x'ff'", "unknown"),
        ('stmt = CAST(\'{"categories":5,"notice":[1],"t":99999999999999999}\' AS BLOB)', "ms"),
    ],
)
def test_an_altered_entry_is_shown_as_altered(folder: Path, change: str, told: str) -> None:
    index = last(folder)
    sql(folder, f"UPDATE opening SET {change} WHERE idx = {index}")
    line = run("audit", "log", "--limit", "1", *where(folder)).stdout
    assert told in line
    assert "altered" in line
    assert json.loads(run("audit", "show", "--json", str(index), *where(folder)).stdout)["intact"] is False


def test_bytes_that_are_no_entry_are_a_finding(folder: Path) -> None:
    index = last(folder)
    sql(folder, f"UPDATE leaf SET entry = x'02' WHERE idx = {index}")
    result = run("audit", "show", str(index), *where(folder))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "not an entry" in result.stderr
    assert run("audit", "log", *where(folder)).exit_code == 0


def test_a_log_that_is_not_there(tmp_path: Path) -> None:
    result = run("audit", "log", *where(tmp_path))
    assert result.exit_code == 2
    assert "--keys" in result.stderr


# What was seen ------------------------------------------------------------------------------------------

GOOD = """
services = ["youtube"]
[site]
name = "Shop"
controller = "Shop SAS"
contact = "privacy@shop.example"
policy_url = "/privacy"
"""


def seen(folder: Path, *pairs: tuple[Any, str], days_ago: int = 0) -> None:
    version = json.loads(run("audit", "log", "--kind", "policy", "--json", *where(folder)).stdout)[
        "statement"
    ]["version"]
    day = utc_now().date() - timedelta(days=days_ago)
    rows = [Row(day, version, kind, name, 2) for kind, name in pairs]
    open_store(where(folder)[1]).add(rows, day - timedelta(days=400))


def test_trackers_are_listed_by_kind_with_category_count_and_days(folder: Path) -> None:
    seen(folder, ("blocked", "youtube"), ("overridden", "matomo"), days_ago=3)
    seen(folder, ("blocked", "youtube"), ("undeclared", "cdn.example.net"), ("blocked", ""))
    text = run("audit", "trackers", *where(folder)).stdout
    assert "own mark" in text
    assert "(can't be told which)" in text
    value = json.loads(run("audit", "trackers", "--json", *where(folder)).stdout)
    today, before = (str(utc_now().date() - timedelta(days=days)) for days in (0, 3))
    stranger, youtube, *others = value["rows"]
    assert stranger == {
        "kind": "undeclared",
        "group": "undeclared",
        "name": "cdn.example.net",
        "category": None,
        "count": 2,
        "first": today,
        "last": today,
    }
    assert (youtube["category"], youtube["count"]) == ("marketing", 4)
    assert (youtube["first"], youtube["last"]) == (before, today)
    assert [row["category"] for row in others] == [None, "analytics"]
    recent = json.loads(run("audit", "trackers", "--days", "3", "--json", *where(folder)).stdout)["rows"]
    assert [row["count"] for row in recent] == [2, 2, 2]


def test_no_trackers_are_told_as_none(folder: Path) -> None:
    assert "Nothing was counted in the last 30 days." in run("audit", "trackers", *where(folder)).stdout


def test_check_warns_of_strangers_that_were_seen_and_still_passes(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(GOOD)
    store = where(folder)[:2]
    assert "Warning" not in run("check", str(path), *store).stdout
    hosts = [("undeclared", f"h{number}.example") for number in range(5)]
    seen(folder, ("undeclared", "cdn.example.net"), ("undeclared", "cdn.example.net"), days_ago=1)
    seen(
        folder,
        *hosts,
        ("blocked", "?strict.example"),
        ("undeclared", "www.youtube.com"),
        ("undeclared", OTHER),
    )
    seen(folder, ("undeclared", "long.example"), days_ago=31)
    result = run("check", str(path), *store)
    assert result.exit_code == 0
    assert "Warning: seen in the last 30 days, but not in this policy: cdn.example.net" in result.stdout
    assert "and 2 more" in result.stdout
    value = json.loads(run("check", str(path), "--json", *store).stdout)
    assert value["ok"] is True
    assert set(value["undeclared"]) == {"cdn.example.net", "strict.example", *(name for _, name in hosts)}


def test_check_warns_of_services_that_stay_off_because_nobody_declared_them(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(GOOD)
    seen(folder, ("blocked", "youtube"), ("blocked", "hotjar"), ("blocked", "@analytics"), ("blocked", ""))
    seen(folder, ("blocked", "cdn.example.net"), ("blocked", OTHER))
    result = run("check", str(path), *where(folder)[:2])
    assert result.exit_code == 0
    assert "blocked even after a yes, because this policy doesn't declare it: hotjar. Add it" in result.stdout
    value = json.loads(run("check", str(path), "--json", *where(folder)[:2]).stdout)
    assert (value["undeclared"], value["blocked"]) == (["cdn.example.net"], ["hotjar"])
    assert len(value["warnings"]) == 2
    text = run("audit", "trackers", *where(folder)).stdout
    assert "blocked, not declared: Stays off even after a yes" in text
    assert "blocked, host that nobody declared: Stays off" in text
    path.write_text(GOOD.replace('"youtube"', '"youtube", "hotjar"'))
    value = json.loads(run("check", str(path), "--json", *where(folder)[:2]).stdout)
    assert value["blocked"] == []


def test_check_is_quiet_about_what_the_policy_now_names(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(GOOD + '[pages]\nallow = ["*.example.net"]\n')
    seen(folder, ("undeclared", "cdn.example.net"))
    assert json.loads(run("check", str(path), "--json", *where(folder)[:2]).stdout)["undeclared"] == []


def test_a_store_that_can_t_be_read_is_a_warning_for_check(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    path.write_text(GOOD)
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    for store in ("sqlite:///broken.db", "postgresql:///x?host=/nowhere"):
        result = run("check", str(path), "--store", store)
        assert result.exit_code == 0
        assert "Warning: what the site has seen can't be read" in result.stdout
    assert "Warning" not in run("check", str(path)).stdout


# Verifying ----------------------------------------------------------------------------------------------


def test_an_untouched_log_is_good(folder: Path) -> None:
    result = run("audit", "verify", *where(folder))
    assert result.exit_code == 0
    assert result.stdout.startswith("GOOD: ")


def edited(folder: Path, index: int) -> None:
    sql(folder, f"UPDATE opening SET stmt = CAST(replace(stmt, 'false', 'true') AS BLOB) WHERE idx = {index}")


def edited_entry(folder: Path, index: int) -> None:
    # Always another byte: one written over blindly is the byte that stood there once in 256 runs.
    other = "CASE WHEN substr(entry, 3, 1) = x'00' THEN x'01' ELSE x'00' END"
    entry = f"substr(entry, 1, 2) || {other} || substr(entry, 4)"
    sql(folder, f"UPDATE leaf SET entry = CAST({entry} AS BLOB) WHERE idx = {index}")


def deleted(folder: Path, index: int) -> None:
    sql(folder, f"DELETE FROM leaf WHERE idx = {index}", f"DELETE FROM opening WHERE idx = {index}")


def deleted_payload(folder: Path, index: int) -> None:
    sql(folder, f"DELETE FROM opening WHERE idx = {index}")


def reordered(folder: Path, index: int) -> None:
    moves = [(index, -1), (index - 1, index), (-1, index - 1)]
    for table in ("leaf", "opening"):
        sql(folder, *(f"UPDATE {table} SET idx = {to} WHERE idx = {at}" for at, to in moves))


def inserted(folder: Path, index: int) -> None:
    for table in ("leaf", "opening"):
        rows = [f"UPDATE {table} SET idx = -idx WHERE idx >= {index}"]
        rows += [f"UPDATE {table} SET idx = 1 - idx WHERE idx < 0"]
        sql(folder, *rows)
    leaf = "INSERT INTO leaf SELECT idx - 1, entry FROM leaf WHERE idx = "
    columns = "idx - 1, created_ms, NULL, salt1, stmt, salt2, subj"
    opening = f"INSERT INTO opening SELECT {columns} FROM opening WHERE idx = "
    sql(folder, f"{leaf}{index + 1}", f"{opening}{index + 1}")


def unfound(folder: Path, index: int) -> None:
    sql(folder, f"UPDATE opening SET lookup = randomblob(16) WHERE idx = {index}")


def appended(folder: Path, index: int) -> None:
    size = last(folder) + 1
    sql(folder, f"INSERT INTO leaf SELECT {size}, entry FROM leaf WHERE idx = {index}")


TAMPERING: list[Callable[[Path, int], None]] = [
    edited, edited_entry, deleted, deleted_payload, reordered, inserted, unfound,
]  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda tamper: tamper.__name__)
def test_verify_names_the_entry_that_was_tampered_with(folder: Path, tamper: Callable[..., None]) -> None:
    """Q5, Q6."""
    index = last(folder) - 3
    tamper(folder, index)
    result = run("audit", "verify", *where(folder))
    assert result.exit_code == 1
    assert f"entry {index}: " in result.stdout
    findings = json.loads(run("audit", "verify", "--json", *where(folder)).stdout)["findings"]
    assert index in [finding["index"] for finding in findings]


def test_verify_names_a_row_added_at_the_end(folder: Path) -> None:
    size = last(folder) + 1
    appended(folder, size - 2)
    result = run("audit", "verify", *where(folder))
    assert result.exit_code == 1
    assert f"entry {size}: " in result.stdout


def test_a_bundle_verifies_offline_and_only_with_the_right_key(folder: Path) -> None:
    """Q39, H8."""
    bundle = folder / "bundle"
    vkey = json.loads(run("audit", "export", str(bundle), "--json", *where(folder)).stdout)["vkey"]
    shutil.rmtree(folder / "keys")
    assert run("audit", "verify", str(bundle), "--key", vkey).exit_code == 0
    assert run("audit", "verify", str(bundle)).exit_code == 2
    assert run("audit", "verify", str(bundle), "--key", "nonsense").exit_code == 2
    openings = bundle / "openings.jsonl"
    openings.write_text(openings.read_text().replace("e", "f", 1))
    assert run("audit", "verify", str(bundle), "--key", vkey).exit_code == 1


def test_an_older_checkpoint_kept_outside_catches_a_rewritten_log(seeded: Path, tmp_path: Path) -> None:
    """prooflog §1 P2: even with the key, history can't be changed behind an anchor."""
    other = tmp_path / "other"
    other.mkdir()
    shutil.copytree(seeded / "keys", other / "keys")
    (other / "keys" / "guard").unlink()
    with browsing(app(), other, clock=august()) as client:
        for _ in range(5):
            choose(client, "marketing")
    anchor = tmp_path / "kept"
    anchor.write_text((seeded / "keys" / "guard").read_text())
    assert run("audit", "verify", *where(other)).exit_code == 0
    assert run("audit", "verify", "--anchor", str(anchor), *where(other)).exit_code == 1


def test_an_anchor_that_is_no_text_is_a_finding(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(bytes(range(256)))
    result = run("audit", "verify", "--anchor", str(tmp_path / "kept"), *where(folder))
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert "(anchor)" in result.stdout


DAMAGE: list[Callable[[Path], object]] = [
    lambda file: file.write_bytes(b"\xff\xfe"),
    lambda file: (file.unlink(), file.mkdir(mode=0o700)),
]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("name", "code", "told"), [("guard", 1, "BAD"), ("origin", 2, "origin")])
def test_damaged_keys_are_told_in_words(
    folder: Path, damage: Callable[[Path], object], name: str, code: int, told: str
) -> None:
    damage(folder / "keys" / name)
    result = run("audit", "verify", *where(folder))
    assert (result.exit_code, result.exception.__class__) == (code, SystemExit)
    assert told in result.output


def rebuilt(folder: Path, table: str, *changes: str) -> None:
    sql(folder, f"CREATE TABLE loose AS SELECT * FROM {table}", f"DROP TABLE {table}")
    sql(folder, f"ALTER TABLE loose RENAME TO {table}", *changes)


@pytest.mark.parametrize("value", ["'text'", "NULL", "x''", "7"])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        *(("leaf", column) for column in ("idx", "entry")),
        *(
            ("opening", column)
            for column in ("idx", "created_ms", "lookup", "salt1", "stmt", "salt2", "subj")
        ),
        *(("tile", column) for column in ("level", "n", "hashes")),
        *(("head", column) for column in ("size", "frontier", "checkpoint")),
        *(("published", column) for column in ("size", "note")),
        *(("document", column) for column in ("sha256", "idx", "body")),
    ],
)
def test_a_table_rebuilt_to_hold_anything_is_a_finding(
    folder: Path, table: str, column: str, value: str
) -> None:
    where_ = "rowid = (SELECT max(rowid) FROM loose)".replace("loose", table)
    rebuilt(folder, table, f"UPDATE {table} SET {column} = {value} WHERE {where_}")
    result = run("audit", "verify", *where(folder))
    assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
    assert f"log: {table} isn't declared as this version declares it (schema)" in result.stdout
    for command in (["log"], ["show", "1"], ["receipt", "1"]):
        assert run("audit", *command, *where(folder)).exception.__class__ in (type(None), SystemExit)


def test_findings_beyond_a_thousand_are_counted() -> None:
    report = Report(2000)
    for index in range(1003):
        report.add(index, "leaf", "no")
    assert list(report_lines(report))[-2] == "and 3 findings more"


def test_a_link_to_the_desk_needs_the_site_s_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSENTKIT_SECRET_KEY", raising=False)
    assert run("audit", "link", ORIGIN).exit_code == 2
    result = run("audit", "link", ORIGIN, env={"CONSENTKIT_SECRET_KEY": SECRET})
    assert result.stdout.startswith(f"{ORIGIN}/consent/audit/?token=")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
