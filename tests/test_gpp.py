"""The Global Privacy Platform's words: what the reference encoder writes, bit for bit (IAB Tech Lab, GPP)."""

import json
import shutil
import subprocess
from typing import Any, get_args

import pytest
from sample import policy
from shop_stub import ROOT

from consentkit.edition import compile_edition
from consentkit.errors import PolicyError
from consentkit.gate.state import hint
from consentkit.policy.decision import Decision
from consentkit.policy.tables import Section
from consentkit.policy.version import resolve

ORACLE = ROOT / "node_modules" / "@iabgpp" / "cmpapi" / "lib" / "mjs" / "index.js"
OPTED_OUT = {
    "usnat": "DBABLA~CVQVAAAAAACA.YA",
    "usca": "DBABBg~BUUAAACA.YA",
    "usva": "DBABRg~BVUAACA",
    "usco": "DBABJg~BVUAAIA.YA",
    "usut": "DBABFg~BVFAAAgA",
    "usct": "DBABVg~BVUAAAIA.YA",
    "usfl": "DBABAw~BVUAAACA",
    "usmt": "DBABQw~BVUAAACA.YA",
    "usor": "DBABIw~BVUAAAACAA.YA",
    "ustx": "DBABEw~BVUAAAgA.YA",
    "usde": "DBABUw~BVUAAAACAA.YA",
    "usia": "DBABCw~BVFAAAgA.YA",
    "usne": "DBABSw~BVUAAAgA.YA",
    "usnh": "DBABKw~BVUAAACA.YA",
    "usnj": "DBABAYA~BVUAAAAAgA.YA",
    "ustn": "DBABQYA~BVUAAAgA.YA",
    "usmn": "DBABIYA~BVUAAAgA.YA",
    "usmd": "DBABEYA~BhVQ.YA",
    "usin": "DBABUYA~BhVQ.AAA",
    "usky": "DBABCYA~BhVQ.AAA",
    "usri": "DBABSYA~BhVQ.AAA",
}
"""What @iabgpp/cmpapi 3.2.0 writes of somebody who has opted out and whose browser says so."""
OURS = """
const { header, section } = await import(process.argv[1]);
const names = JSON.parse(process.argv[2]);
const one = (name, i, sold, gpc) => {
  const [values, text] = section(name, sold, gpc);
  return { name, values, text: header([i + 7]) + "~" + text };
};
const cases = [[1, true], [2, false], [0, false]];
const made = names.flatMap((name, i) => cases.map((each) => one(name, i, ...each)));
"""
THEIRS = """
const { GppModel } = await import(process.argv[3]);
const wrong = made.filter(({ name, values, text }) => {
  const model = new GppModel();
  for (const [field, value] of Object.entries(values)) model.setFieldValue(name, field, value);
  const read = new GppModel(text).toObject()[name];
  const differs = Object.entries(values).some(([field, value]) => `${value}` !== `${read[field]}`);
  return model.encode() !== text || differs;
});
const headers = [[7, 8, 9, 12, 15, 16, 27], [8], [26, 27], names.map((_, i) => i + 7)].filter((ids) => {
  const model = new GppModel();
  for (const id of ids) model.setFieldValue(names[id - 7], "SaleOptOut", 1);
  return model.encode().split("~")[0] !== header(ids);
});
console.log(JSON.stringify([wrong, headers]));
"""


def run(script: str, *more: str) -> Any:
    if shutil.which("node") is None:
        pytest.skip("node is missing")
    source = (ROOT / "static" / "src" / "gpp.js").as_uri()
    command = ["node", "--input-type=module", "-e", script, source, json.dumps([*OPTED_OUT]), *more]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def test_every_section_is_written_as_the_reference_does() -> None:
    made = run(OURS + "console.log(JSON.stringify(made))")
    assert {each["name"]: each["text"] for each in made[::3]} == OPTED_OUT
    assert [made[i]["values"]["SaleOptOut"] for i in range(3)] == [1, 2, 0]
    assert tuple(OPTED_OUT) == get_args(Section)


@pytest.mark.skipif(not ORACLE.is_file(), reason="@iabgpp/cmpapi is missing: npm install")
def test_the_reference_reads_what_was_written_and_would_write_the_same() -> None:
    assert run(OURS + THEIRS, ORACLE.as_uri()) == [[], []]


@pytest.mark.parametrize(
    ("site", "there"), [({}, False), ({"regime": "us"}, True), ({"regimes": {"us": {}}}, True)]
)
def test_only_a_site_with_visitors_under_that_law_knows_of_it(site: dict[str, Any], there: bool) -> None:
    edition = compile_edition(resolve(policy(**site, signals={"gpp": ["usca", "usnat"]})), "/consent")
    kernel = next(each.body for each in edition.served.values() if each.name == "kernel.js")
    assert (b'"sections":["usnat","usca"]' in kernel) is there
    assert (b'"gpp":"/consent/static/gpp.' in kernel) is there


def test_a_section_that_is_none_is_told() -> None:
    with pytest.raises(PolicyError, match=r"signals\.gpp"):
        resolve(policy(signals={"gpp": ["uswy"]}))


def test_the_hint_says_of_whom_a_page_must_know_without_asking() -> None:
    for regime, found in (("us", ".us."), ("fr", ".~")):
        decision = Decision(frozenset(), False, {}, {}, regime)
        assert hint("0" * 64, decision, "").startswith("0" * 16 + found)
