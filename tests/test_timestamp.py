"""Time stamps (RFC 3161): what their bytes say, and what OpenSSL's authority answers and believes."""

import runpy
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from outside import Authority, answering, unsigned_stamp

import consentkit.proof
from consentkit.errors import ConfigurationError, OutsideRefused, VerificationError
from consentkit.proof.timestamp import read_stamp

ALONE = runpy.run_path(str(Path(consentkit.proof.__file__).with_name("verify.py.txt")))
T = 1_788_177_600_250
NOTE = "a signed note — in UTF-8\n".encode()


def test_a_time_stamp_says_when_what_was_there() -> None:
    for t in (T, T - T % 1000, 0, 7_258_118_400_001):
        assert read_stamp(unsigned_stamp(NOTE, t), NOTE) == t
        assert ALONE["read_stamp"](unsigned_stamp(NOTE, t), NOTE) == t
    assert read_stamp(unsigned_stamp(NOTE, T, status=1), NOTE) == T
    assert read_stamp(unsigned_stamp(NOTE, T, time="20260831120000Z"), NOTE) == T - 250


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        (unsigned_stamp(NOTE + b"x", T), "something else"),
        (unsigned_stamp(NOTE, T, algorithm="608648016503040203"), "something else"),
        (unsigned_stamp(NOTE, T, status=2), "not a time stamp"),
        (unsigned_stamp(NOTE, T, time="20260831120000"), "not a time stamp"),
        (unsigned_stamp(NOTE, T, time="20261331120000Z"), "not a time stamp"),
        (unsigned_stamp(NOTE, T) + b"\0\0", "not a time stamp"),
        (unsigned_stamp(NOTE, T)[:-1], "not a time stamp"),
        (b"", "not a time stamp"),
        (b"0\x80", "not a time stamp"),
    ],
    ids=["other", "hash", "refused", "zone", "month", "more", "less", "nothing", "endless"],
)
def test_what_is_no_time_stamp_over_this_is_refused_by_both(response: bytes, problem: str) -> None:
    with pytest.raises(VerificationError, match=problem):
        read_stamp(response, NOTE)
    with pytest.raises(ALONE["Bad"], match=problem):
        ALONE["read_stamp"](response, NOTE)


def test_bytes_changed_anywhere_are_read_alike_by_both_and_never_crash() -> None:
    whole = unsigned_stamp(NOTE, T)
    for at in range(len(whole)):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        told: list[object] = []
        for read, bad in ((read_stamp, VerificationError), (ALONE["read_stamp"], ALONE["Bad"])):
            try:
                told.append(read(bytes(data), NOTE))
            except bad as error:
                told.append(str(error))
        assert told[0] == told[1], at


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "here")


@pytest.fixture(scope="module")
def address(authority: Authority) -> Iterator[str]:
    with answering(authority.answer) as url:
        yield url


def test_an_authority_is_asked_and_its_answer_holds_to_its_own_tool_and_to_us(
    authority: Authority, address: str, tmp_path: Path
) -> None:
    from consentkit.proof.stamps import roots_in, stamp, stamped_by

    before = datetime.now(UTC).timestamp()
    response = stamp(address, NOTE, 5)
    trusted = stamped_by(roots_in([authority.root]))
    assert int(before) * 1000 <= trusted(response, NOTE) <= datetime.now(UTC).timestamp() * 1000
    (tmp_path / "note").write_bytes(NOTE)
    (tmp_path / "tsr").write_bytes(response)
    files = ["-data", str(tmp_path / "note"), "-in", str(tmp_path / "tsr"), "-CAfile", str(authority.root)]
    done = subprocess.run(["openssl", "ts", "-verify", *files], capture_output=True, text=True, check=False)
    assert "Verification: OK" in done.stdout + done.stderr
    with pytest.raises(VerificationError, match="something else"):
        trusted(response, NOTE + b"x")
    with pytest.raises(VerificationError, match="authority you trust"):
        trusted(unsigned_stamp(NOTE, T), NOTE)
    spoiled = bytearray(response)
    spoiled[-1] ^= 1  # the signature's last byte
    assert read_stamp(bytes(spoiled), NOTE)
    with pytest.raises(VerificationError, match="authority you trust"):
        trusted(bytes(spoiled), NOTE)


def test_another_authority_s_time_stamp_is_not_the_trusted_one_s(
    authority: Authority, address: str, tmp_path: Path
) -> None:
    from consentkit.proof.stamps import roots_in, stamp, stamped_by

    other = Authority(tmp_path / "other")
    with pytest.raises(VerificationError, match="authority you trust"):
        stamped_by(roots_in([other.root]))(stamp(address, NOTE, 5), NOTE)
    with pytest.raises(ConfigurationError, match="no certificate"):
        roots_in([other.folder / "serial"])


def test_an_answer_that_answers_something_else_is_refused(authority: Authority, address: str) -> None:
    from consentkit.proof.stamps import stamp

    answers = {
        "another question": stamp(address, NOTE, 5),
        "no time stamp": b"busy",
        "something else": stamp(address, NOTE + b"x", 5),
    }
    said = [(200, answer, problem) for problem, answer in answers.items()]
    said += [(303, b"", "status 303"), (500, b"", "status 500"), (200, bytes(1 << 19), "more than")]
    for status, answer, problem in said:
        reply = (status, "x/y", answer)
        with answering(lambda *_, reply=reply: reply) as url, pytest.raises(OutsideRefused, match=problem):
            stamp(url, NOTE, 5)
    with pytest.raises(OutsideRefused, match="no answer"):
        stamp(url, NOTE, 5)
