"""The visitor's page and the policy's: all that a visitor can see, do and take along without JavaScript."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import html5lib
import pytest
from axe import axe
from browser import launched, serving
from sample import Clock, app, august, browsing, choose, mounted, policy, visits
from starlette.testclient import TestClient

SAME = {"sec-fetch-site": "same-origin"}
READER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def clock() -> Clock:
    return august()


@pytest.fixture
def client(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    with browsing(app(), tmp_path, clock=clock) as browser:
        yield browser


def version(client: TestClient) -> str:
    return str(client.app.kit.edition.policy.version)  # type: ignore[attr-defined]


def post(client: TestClient, **fields: Any) -> Any:
    hidden = {"policy": version(client), "locale": "en"}
    return client.post("/consent/?lang=en", data=hidden | fields, headers=SAME)


def ticked(text: str) -> list[str]:
    return re.findall(r'name="choice" value="(\w+)" checked', text)


def history(text: str) -> list[str]:
    """Each entry's words, as somebody reads them."""
    listed = html5lib.parse(text).find(f".//{HTML}ol[@class='history']")
    return [" ".join(" ".join(each.itertext()).split()) for each in listed] if listed is not None else []


def test_one_click_withdraws_everything_and_is_there_only_when_it_has_something_to_do(
    client: TestClient,
) -> None:
    """A7."""
    assert "Withdraw everything" not in client.get("/consent/").text
    text = post(client, choice=["analytics", "marketing"]).text
    form = text.rpartition("<form")[2].partition("</form>")[0]
    button = re.search(r'<button name="(\w+)" value="(\w+)"[^>]*>Withdraw everything<', form)
    assert button is not None
    assert ticked(text) == ["analytics", "marketing"]
    text = post(client, **{button[1]: button[2]}).text
    assert client.get("/consent/state").json()["allowed"] == ["necessary"]
    assert "Withdraw everything" not in text
    assert ticked(text) == []


def test_the_history_tells_what_when_and_how(client: TestClient, clock: Clock) -> None:
    post(client, choice="analytics", action="save")
    clock.move(days=1)
    client.get("/consent/state", headers={"sec-gpc": "1"})
    clock.move(days=1)
    post(client, action="reject")
    clock.move(days=180)
    client.get("/consent/state")
    expired, withdrawn, objected, given = history(client.get("/consent/").text)
    assert given.startswith("31 August 2026 12:00 UTC Save choices")
    assert "Analytics Accepted until 28 February 2027" in given
    assert "Preferences Rejected until 28 February 2027" in given
    assert objected == "1 September 2026 12:00 UTC Marketing Off, because your browser objects to it"
    assert withdrawn.startswith("2 September 2026 12:00 UTC Reject all")
    assert "Analytics Withdrawn Rejected until 2 March 2027" in withdrawn
    assert "Marketing Rejected until 28 February 2027" in withdrawn
    assert expired.startswith("1 March 2027 12:00 UTC Preferences Expired until 28 February 2027")
    clock.move(days=30)
    post(client, choice="analytics", action="save")
    assert "Withdrawn" not in history(client.get("/consent/").text)[0]
    choose(client, choices={"marketing": True}, mechanism="placeholder", control="always")
    assert history(client.get("/consent/").text)[0].startswith(
        "31 March 2027 12:00 UTC Always allow “Marketing” Preferences"
    )


def states(text: str) -> list[str]:
    """What stands below each category's box."""
    found = html5lib.parse(text).findall(f".//{HTML}fieldset")[1:]
    return [
        " ".join(" ".join("".join(p.itertext()).split()) for p in each.findall(f"{HTML}p[@class]"))
        for each in found
    ]


def test_each_category_has_its_state_with_the_day_on_which_that_ends(tmp_path: Path, clock: Clock) -> None:
    """B18: answered, run out, never answered, or ended because more is covered now."""
    with browsing(app(), tmp_path, clock=clock) as client:
        assert states(client.get("/consent/").text) == ["Not chosen"] * 3
        post(client, choice="analytics")
        end = "until 28 February 2027"
        assert states(client.get("/consent/").text) == [
            f"Rejected {end}",
            f"Accepted {end}",
            f"Rejected {end}",
        ]
    more = policy(services=["google-analytics", "matomo", "youtube"])
    with browsing(app(), tmp_path, clock=clock, policy=more) as later:
        later.cookies = client.cookies
        changed = "Ended, because what it covers has changed"
        assert states(later.get("/consent/").text) == [f"Rejected {end}", changed, f"Rejected {end}"]
        clock.move(days=200)
        assert states(later.get("/consent/").text) == [f"Expired {end}"] * 3


def test_a_browser_s_objection_is_told_and_takes_no_answer_away(client: TestClient) -> None:
    """D1: the answer counts again as soon as the signal is gone, so its box stays ticked."""
    post(client, action="accept")
    text = client.get("/consent/?lang=de", headers={"sec-gpc": "1"}).text
    assert "Widerspruch des Browsers beachtet" in text
    assert "bleibt aus: Marketing." in text
    assert "marketing" in ticked(text)
    assert "Widerspruch" not in client.get("/consent/?lang=de").text


@pytest.mark.parametrize("wrong", [{"policy": "0" * 64}, {"locale": "xx"}])
def test_what_was_ticked_stays_ticked_when_it_can_t_be_saved(
    client: TestClient, wrong: dict[str, str]
) -> None:
    post(client, choice="analytics")
    assert ticked(post(client, action="accept", **wrong).text) == ["analytics"]
    answer = post(client, choice=["marketing", "preferences"], action="save", **wrong)
    assert answer.status_code == 422
    assert ticked(answer.text) == ["preferences", "marketing"]
    assert 'role="alert"' in answer.text


def test_a_browser_without_cookies_is_told_no_lie_and_goes_round_no_loop(client: TestClient) -> None:
    """D2: its choice is on record, and nothing will know it by that."""
    answer = post(client, action="accept")
    assert [each.status_code for each in answer.history] == [303]
    client.cookies.clear()
    text = client.get(answer.url.raw_path.decode()).text
    assert 'role="status"' not in text
    assert "You have not chosen yet." in text
    assert "No choice has been recorded for this browser." in text
    assert client.get("/consent/", headers={"user-agent": "Googlebot/2.1"}).status_code == 200


def test_the_export_holds_all_that_is_kept_here_and_there(client: TestClient) -> None:
    """A16, Q28: entries, and each of our cookies as it is and opened."""
    choose(client, "analytics")
    client.cookies.set("_ga", "GA1.1.1.1", domain="shop.example")
    headers = {**SAME, "content-type": "application/json"}
    client.post("/consent/sync", json={"trackers": {"_ga": "abc"}}, headers=headers)
    names = {cookie.name for cookie in client.cookies.jar} - {"_ga"}
    answer = client.get("/consent/export")
    held = answer.json()["cookies"]
    assert names == held.keys() == {"consentkit", "consentkit_allows", "consentkit_seen"}
    said = held["consentkit"]["choices"]["analytics"]
    assert (said["granted"], said["decided"]) == (True, "2026-08-31T12:00:00Z")
    assert [*held["consentkit_seen"]["running"].values()] == [{"since": "2026-08-31", "until": "2027-09-30"}]
    assert [each["kind"] for each in answer.json()["records"]] == ["choice"]
    client.cookies.set("consentkit_seen", "forged", domain="shop.example")
    forged = client.get("/consent/export", headers={"cookie": "consentkit_seen=forged"})
    assert forged.json()["cookies"]["consentkit_seen"] is None


def test_the_receipt_holds_by_what_the_page_offers(client: TestClient, tmp_path: Path) -> None:
    """Nothing but Python, the file behind the link, and the key on the page."""
    choose(client, "analytics")
    command = re.search(r"python3 (-I verify\.py receipt\.txt --key) '(.*)'", client.get("/consent/").text)
    assert command is not None
    (tmp_path / "verify.py").write_bytes(client.get("/consent/log/verify.py").content)
    receipt = client.get("/consent/receipt").text
    for text, good in ((receipt, True), (receipt.replace("\nindex ", "\nindex 1"), False), ("", False)):
        (tmp_path / "receipt.txt").write_text(text)
        arguments = [sys.executable, *command[1].split(), command[2]]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.split(":")[0]) == ((0, "GOOD") if good else (1, "BAD"))


def test_every_version_is_a_page_for_people_and_bytes_for_programs(tmp_path: Path, clock: Clock) -> None:
    """E1, E2, E5."""
    with browsing(app(), tmp_path, clock=clock) as old:
        first = version(old)
    clock.move(days=30)
    changed = policy(services=["google-analytics", visits(country="NZ", cookies=["_visit"])])
    with browsing(app(), tmp_path, clock=clock, policy=changed) as client:
        answer = client.get("/consent/policy?lang=en", headers=READER)
        assert answer.headers["vary"] == client.get("/consent/policy").headers["vary"]
        assert "no-store" not in answer.headers["cache-control"]
        assert '30 September 2026</time> <code dir="ltr">' + version(client)[:16] in answer.text
        assert "New Zealand" in answer.text
        assert "<h1>All companies and cookies</h1>" in answer.text
        assert '<a href="/privacy">Cookie policy – ' in answer.text, "the site's own is another document"
        added = re.findall("<ins>(.*?)</ins>", answer.text)
        assert "<bdi>Corner Shop SAS</bdi> <bdi>New Zealand</bdi> <bdi>/privacy</bdi>" in added
        assert "<bdi>_visit</bdi> <bdi>13 months</bdi>" in added
        french = client.get("/consent/policy?lang=fr", headers=READER).text
        assert "<ins><bdi>_visit</bdi> <bdi>13 mois</bdi></ins>" in french
        gone = re.findall("<del>(.*?)</del>", answer.text)
        assert any("_fbp" in each for each in gone)
        assert not any("_ga" in each for each in added + gone)
        told = answer.text.partition('<h2 id="changes">')[2].partition("<ol")[0]
        named = re.findall("<h3><bdi>(.*?)</bdi>", told)
        assert len(named) == len(set(named)), "each service once"
        earlier = re.findall(r'href="(/consent/policy/(\w{64})\?lang=en)"', answer.text)
        assert [each for _, each in earlier] == [version(client), first]
        then = client.get(earlier[1][0], headers=READER)
        assert "31 August 2026</time> <code" in then.text
        assert "Meta Pixel" in then.text
        assert "<ins>" not in then.text
        assert client.get(f"/consent/policy/{first}").json()["site"]["name"] == "Corner Shop"
        assert 'href="/consent/policy/' + first in client.get("/consent/").text


def test_a_policy_with_regimes_says_what_holds_where_and_what_changed_there(
    tmp_path: Path, clock: Clock
) -> None:
    for regimes in ({}, {"gb": {"consent_months": 3}, "ca-qc": {"refusal_months": 9}}):
        with browsing(app(), tmp_path, clock=clock, policy=policy(regimes=regimes)) as client:
            told = client.get("/consent/policy?lang=fr", headers=READER).text
        clock.move(days=1)
    places = re.split("<h2>|<h2 id", told)
    by_name = {each.partition("</bdi>")[0].removeprefix("<bdi>"): each for each in places}
    assert "3 mois si vous acceptez et 6 mois si vous refusez" in by_name["Royaume-Uni"]
    assert "6 mois si vous acceptez et 9 mois si vous refusez" in by_name["Canada (QC)"]
    assert "6 mois." in places[0]
    added = re.findall("<ins><bdi>(.*?)</bdi></ins>", told)
    assert len([each for each in added if "9 mois si vous refusez" in each]) == 1


def test_a_policy_that_comes_back_is_listed_again_and_new_software_alone_is_no_change(
    tmp_path: Path, clock: Clock
) -> None:
    other = policy(services=["youtube"])
    for each, prefix in (
        (policy(), "/consent"),
        (policy(), "/privacy"),
        (other, "/consent"),
        (policy(), "/consent"),
    ):
        with browsing(app(), tmp_path, clock=clock, policy=each, prefix=prefix) as client:
            dated = client.app.kit.published.dated()  # type: ignore[attr-defined]
        clock.move(days=1)
    versions = [each for _, each in dated]
    assert versions == [versions[0], versions[1], versions[0]] != [versions[0]] * 3
    assert [when.day for when, _ in dated] == [3, 2, 31]


def test_an_older_version_speaks_its_own_languages(tmp_path: Path, clock: Clock) -> None:
    with browsing(app(), tmp_path, clock=clock) as old:
        first = version(old)
    own = policy()
    own["site"]["languages"] = ["el"]
    with browsing(app(), tmp_path, clock=clock, policy=own) as client:
        assert '<html lang="fr"' in client.get(f"/consent/policy/{first}?lang=fr", headers=READER).text
        text = client.get("/consent/policy?lang=fr", headers=READER).text
        assert '<html lang="el"' in text
        assert "<ins>" in text
        assert "<del>" not in text


def test_everything_works_in_a_small_dark_window_from_right_to_left_without_a_script(tmp_path: Path) -> None:
    own = policy()
    own["site"]["languages"] = ["ar", "de", "el", "en", "fr", "ja"]
    site = mounted(app(), tmp_path, policy=own)
    with serving(site, "localhost") as origin, launched() as browser:
        small: dict[str, Any] = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
        page = browser.new_context(java_script_enabled=False, **small).new_page()
        page.goto(f"{origin}/consent/?lang=ar")
        page.locator("input[value=analytics]").check()
        page.get_by_role("button", name="حفظ الاختيارات").click()
        assert page.locator("input[value=analytics]").is_checked()
        cookies = page.context.cookies()
        page.get_by_role("button", name="سحب كل الموافقات").click()
        assert not page.locator("input[value=analytics]").is_checked()
        seeing = browser.new_context(**small)
        seeing.add_cookies([{k: each[k] for k in ("name", "value", "domain", "path")} for each in cookies])  # type: ignore[misc]
        page = seeing.new_page()
        for path in ("/consent/", "/consent/policy"):
            page.goto(f"{origin}{path}?lang=ar")
            page.locator("summary").evaluate_all("all => all.forEach((each) => each.click())")
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") == 320
    site.kit.close()


def test_the_page_names_who_is_responsible_and_how_to_reach_them(tmp_path: Path) -> None:
    """E14; names keep their own direction in a language from right to left (UAX #9)."""
    own = policy()
    own["site"]["languages"] = ["en", "ar"]
    with browsing(app(), tmp_path, policy=own) as client:
        text = client.get("/consent/?lang=en").text
        assert "<p>Responsible for your data: Corner Shop SAS. Contact: privacy@shop.example</p>" in text
        text = client.get("/consent/?lang=ar").text
        assert "\u2068Corner Shop SAS\u2069" in text
        assert "\u2068privacy@shop.example\u2069" in text
        assert "\u2068Corner Shop\u2069</title>" in text
        assert text.count("\u2068") == text.count("\u2069")


def test_what_changed_of_one_tracker_is_one_line_and_versions_of_a_day_say_when(
    tmp_path: Path, clock: Clock
) -> None:
    """E2: services whose lives grew are told of each on its own, whatever was told between them."""
    for life in ("P1M", "P3M"):
        own = visits(cookies=[{"name": name, "lifetime": life} for name in ("_visit", "_visitor")])
        with browsing(app(), tmp_path, clock=clock, policy=policy(services=[own])) as client:
            text = client.get("/consent/policy?lang=en", headers=READER).text
        clock.move(hours=1)
    told = text.partition('<h2 id="changes">')[2]
    line = "<bdi>_visit</bdi> <del><bdi>1 month</bdi></del> <ins><bdi>3 months</bdi></ins>"
    assert line in " ".join(told.split())
    assert told.count("<h3>") == 1
    assert re.findall(r'<bdi dir="ltr">(..:..) UTC', told.partition("<ol")[2])[-2:] == ["13:00", "12:00"]
