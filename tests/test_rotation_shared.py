"""Several machines, each with a keys folder of its own, one log: the key changes without anybody stopping."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cluster import Cluster
from stores import place_in_postgres, store_url

from consentkit.cli import main
from consentkit.errors import LogRefused
from consentkit.proof.entry import Kind, Record
from consentkit.proof.log import ProofLog
from consentkit.proof.note import signers

ORIGIN = "shop.example/consent"
WAIT = 30


def append(log: ProofLog) -> int:
    """Append; returns how many keys signed."""
    receipt = log.append([Record(Kind.CHOICE, 1, {"n": 1})]).result(WAIT)[0].receipt
    return len(signers(receipt.partition("\n\n")[2]))


class Machine:
    """A machine of the site's: its own keys folder, the log that all share."""

    def __init__(self, folder: Path, first: Path) -> None:
        folder.mkdir()
        shutil.copytree(first / "keys", folder / "keys")
        shutil.copy(first / "store", folder / "store")
        self.keys = folder / "keys"
        self.url = store_url(folder)

    def opened(self) -> ProofLog:
        return ProofLog.open(self.url, self.keys, origin=ORIGIN)

    def run(self, *arguments: str) -> Any:
        where = ["--store", self.url, "--keys", str(self.keys), "--json"]
        done = CliRunner().invoke(main, [*arguments, *where])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def files(self) -> set[str]:
        return {file.name.partition("-")[0] for file in self.keys.glob("*.pem")}


@pytest.fixture
def machines(tmp_path: Path, cluster: Cluster) -> list[Machine]:
    place_in_postgres(tmp_path, cluster, ORIGIN)
    return [Machine(tmp_path / name, tmp_path) for name in ("one", "two", "three")]


@pytest.fixture
def logs(machines: list[Machine]) -> Iterator[list[ProofLog]]:
    with ExitStack() as stack:
        yield [stack.enter_context(machine.opened()) for machine in machines]


def test_machines_that_have_the_new_key_sign_with_it_as_soon_as_one_of_them_says_so(
    machines: list[Machine], logs: list[ProofLog]
) -> None:
    one, two, _ = machines
    made = one.run("key", "rotate")
    assert [append(log) for log in logs] == [1, 1, 1]
    for machine in machines[1:]:
        shutil.copy(one.keys / "signing-2.pem", machine.keys)
    assert [append(log) for log in logs] == [1, 1, 1]
    assert one.run("key", "rotate", "--copied") == {"vkey": made["vkey"], "signs": True}
    assert [append(log) for log in logs] == [2, 2, 2]
    one.run("key", "retire")
    assert [append(log) for log in logs] == [1, 1, 1]
    assert {log.vkey for log in logs} == {made["vkey"]}
    assert len({log.keys.identity for log in logs}) == 1
    assert two.files() == {"signing.pem", "signing"}
    two.run("key", "retire")
    assert two.files() == {"retired", "signing"}
    changes = list(logs[0].entries(kind=Kind.KEY))
    assert len(changes) == 2  # the second machine's was no second change
    for machine, log in zip(machines, logs, strict=True):
        assert log.verify().findings == []
        machine.opened().close()


def test_a_machine_without_the_new_key_signs_nothing_until_it_has_it(
    machines: list[Machine], logs: list[ProofLog]
) -> None:
    """Else it would sign as if the key had never been named. Copied, it goes on without a restart."""
    one, two, three = machines
    one.run("key", "rotate", "--copied")
    assert append(logs[0]) == 2
    for log, machine in ((logs[1], two), (logs[2], three)):
        failed = log.append([Record(Kind.CHOICE, 1, {"n": 1})]).exception(WAIT)
        assert failed
        assert isinstance(failed.__cause__, LogRefused)
        assert "isn't in the keys folder" in str(failed.__cause__)
        shutil.copy(one.keys / "signing-2.pem", machine.keys)
        assert append(log) == 2
    assert logs[0].verify().findings == []
