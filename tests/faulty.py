"""Runs in a process of its own, `faults.c` preloaded: python faulty.py LIBRARY FOLDER MODE...; prints JSON.

Each mode strikes at the first write or sync of an append, then at the second, and so on until an append gets
through untouched, always on the same log.
"""

import ctypes
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from consentkit.errors import StoreUnavailable
from consentkit.proof import sqlite
from consentkit.proof.bundle import verify_receipt
from consentkit.proof.entry import Kind, Record
from consentkit.proof.erasure import requested
from consentkit.proof.log import ProofLog
from consentkit.proof.request import Appended

WRITES, SYNCS = 1, 2
WAIT = 30
MOST = 300  # points, should an append never get through
MANY = 64


def opened(folder: Path, **options: float) -> ProofLog:
    return ProofLog.open(f"sqlite:///{folder / 'log.db'}", folder / "keys", origin="shop/consent", **options)  # type: ignore[arg-type]


def append(log: ProofLog, number: int) -> Appended:
    return log.append([Record(Kind.CHOICE, number, {"n": number}, {"ua": "x"})]).result(WAIT)[0]


def wrong(log: ProofLog, acknowledged: list[tuple[int, int, str]]) -> list[str]:
    """Return what of all that was answered isn't there, or isn't so."""
    found = [str(finding) for finding in log.verify().findings]
    for index, number, receipt in acknowledged:
        entry = log.get(index)
        there = entry is not None and entry.stmt is not None and entry.stmt["n"] == number
        if not there or verify_receipt(receipt, log.vkey) != index:
            found.append(f"entry {index} isn't what was answered for")
    return found


def failing(
    faults: ctypes.CDLL, folder: Path, kinds: int, what: int, act: Callable[[ProofLog, int], object]
) -> object:
    """An error at every point of `act`: it may be told, and the log must go on."""
    points, told, acknowledged = 0, 0, list[tuple[int, int, str]]()
    with opened(folder) as log:
        for number in range(MOST):
            acknowledged.append(_acknowledged(log, 2 * number))
            faults.faults_arm(number, kinds, what)
            try:
                act(log, number)
            except StoreUnavailable:
                told += 1
            faults.faults_disarm()
            if not ctypes.c_int.in_dll(faults, "faults_fired").value:
                break
            points += 1
        acknowledged.append(_acknowledged(log, 2 * MOST))
        return {
            "points": points,
            "told": told,
            "wrong": wrong(log, acknowledged),
            "answered": len(acknowledged),
        }


def _acknowledged(log: ProofLog, number: int) -> tuple[int, int, str]:
    item = append(log, number)
    return item.index, number, item.receipt


def killed(faults: ctypes.CDLL, folder: Path) -> object:
    """SIGKILL at every point of an append: what was answered is there afterwards."""
    points, acknowledged, problems = 0, list[tuple[int, int, str]](), list[str]()
    opened(folder).close()
    for number in range(MOST):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            with opened(folder) as log, os.fdopen(writer, "w") as out:
                for i in range(2):
                    if i:
                        faults.faults_arm(number, WRITES | SYNCS, -signal.SIGKILL)
                    print(json.dumps(_acknowledged(log, 2 * number + i)), file=out, flush=True)
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answers:
            acknowledged += [tuple(json.loads(line)) for line in answers]
        status = os.waitpid(child, 0)[1]
        with opened(folder) as log:
            problems += wrong(log, acknowledged[-2:])
        if not os.WIFSIGNALED(status):
            break
        points += 1
    with opened(folder) as log:
        return {"points": points, "wrong": problems + wrong(log, acknowledged), "answered": len(acknowledged)}


def stopped(faults: ctypes.CDLL, folder: Path) -> object:
    """One of two workers is stopped inside its batch; the other one says it can't, or does it; both go on."""
    points, waited, acknowledged = 0, 0, list[tuple[int, int, str]]()
    with opened(folder, timeout=0.05) as log:
        acknowledged.append(_acknowledged(log, 0))
    for number in range(0, MOST, 3):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            with opened(folder, timeout=WAIT) as log, os.fdopen(writer, "w") as out:
                append(log, 1)
                faults.faults_arm(number, WRITES | SYNCS, -signal.SIGSTOP)
                print(json.dumps(_acknowledged(log, 3 * number + 2)), file=out, flush=True)
                os._exit(0)
        os.close(writer)
        status = os.waitpid(child, os.WUNTRACED)[1]
        if os.WIFSTOPPED(status):
            points += 1
            waited += _other(folder, 3 * number + 3, acknowledged)
            os.kill(child, signal.SIGCONT)
            os.waitpid(child, 0)
        with os.fdopen(reader) as answers:
            acknowledged += [tuple(json.loads(line)) for line in answers]
        if not os.WIFSTOPPED(status):
            break
    with opened(folder) as log:
        return {
            "points": points,
            "waited": waited,
            "wrong": wrong(log, acknowledged),
            "answered": len(acknowledged),
        }


def _other(folder: Path, number: int, acknowledged: list[tuple[int, int, str]]) -> bool:
    try:
        with opened(folder, timeout=0.02) as log:
            acknowledged.append(_acknowledged(log, number))
    except StoreUnavailable:
        return True
    return False


def slow(faults: ctypes.CDLL, folder: Path, microseconds: int) -> object:
    """Each sync takes so long: what came meanwhile is committed together, and a service that stops waits."""
    log = opened(folder)
    acknowledged = [_acknowledged(log, 0)]
    faults.faults_delay(microseconds)
    futures = [log.append([Record(Kind.CHOICE, n, {"n": n})]) for n in range(1, MANY)]
    log.close()
    done = [future.result(0)[0] for future in futures]
    faults.faults_delay(0)
    acknowledged += [(item.index, number, item.receipt) for number, item in enumerate(done, 1)]
    batches = {item.receipt.rpartition("\n\nshop/consent\n")[2].partition("\n")[0] for item in done}
    with opened(folder) as again:
        return {"batches": len(batches), "wrong": wrong(again, acknowledged), "answered": len(acknowledged)}


def traced(faults: ctypes.CDLL, folder: Path, synchronous: int) -> object:
    """Append, erase, close and open again, while all that reaches the disk is written down."""
    sqlite._WRITER_PRAGMAS["synchronous"] = synchronous
    opened(folder / "log").close()
    shutil.copytree(folder / "log", folder / "before")
    below = str(folder / "log").encode()
    faults.faults_trace(str(folder / "trace").encode(), below)
    erased = []
    for start in (0, 12):
        with opened(folder / "log") as log:
            for number in range(start, start + 12):
                faults.faults_mark(ctypes.c_long(append(log, number).index + 1))
            entry = log.get(log.size - 5)
            assert entry
            assert entry.salts[1]
            log.erase(requested([entry.index]), number)
            faults.faults_mark(ctypes.c_long(log.size))
            erased.append((log.size, entry.salts[1].hex()))
    faults.faults_trace(None, below)
    return erased


def erase(log: ProofLog, number: int) -> object:
    """Erase who the newest entry was about; cut off, it is done again before the log is looked at."""
    newest = log.size - 1
    try:
        return log.erase(requested([newest]), number)
    except StoreUnavailable:
        log.erase(requested([newest]), number)
        entry = log.get(newest)
        assert entry
        assert entry.subj is None
        raise


def main(library: str, folder: Path, mode: str) -> object:
    faults = ctypes.CDLL(library)
    if mode.startswith("traced"):
        return traced(faults, folder, int(mode.removeprefix("traced")))
    if mode.startswith("slow"):
        return slow(faults, folder, int(mode.removeprefix("slow")))
    if mode == "killed":
        return killed(faults, folder)
    if mode == "stopped":
        return stopped(faults, folder)
    if mode == "erasing":
        return failing(faults, folder, WRITES | SYNCS, errno.ENOSPC, erase)
    kinds, what = (SYNCS, errno.EIO) if mode == "unsynced" else (WRITES, errno.ENOSPC)
    return failing(faults, folder, kinds, what, lambda log, number: append(log, 2 * number + 1))


if __name__ == "__main__":
    library, folder, *modes = sys.argv[1:]
    for mode in modes:
        (Path(folder) / mode).mkdir()
    sys.stdout.write(json.dumps({mode: main(library, Path(folder) / mode, mode) for mode in modes}))
