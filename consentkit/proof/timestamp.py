"""RFC 3161: what a time stamp says, read from its bytes. Who signed it isn't asked here: `stamps` does that.

A response holds a token, the token holds what is signed (TSTInfo): the hash of what was stamped, and when.
"""

from datetime import UTC, datetime
from hashlib import sha256

from consentkit.errors import VerificationError

_SEQUENCE, _INTEGER, _OCTETS, _OID, _TIME, _TAGGED = 0x30, 0x02, 0x04, 0x06, 0x18, 0xA0
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_SHA256 = bytes.fromhex("608648016503040201")
_GRANTED = (b"\x00", b"\x01")  # as asked, or with modifications


def read_stamp(response: bytes, stamped: bytes) -> int:
    """When a TimeStampResp (DER) says that `stamped` was there, in UTC ms.

    VerificationError when it is none, grants nothing, or is over something else than the SHA-256 of that.
    """
    try:
        info = _info(response)
        algorithm = _at(info, (2, _SEQUENCE), (0, _SEQUENCE), (0, _OID))
        digest = _at(info, (2, _SEQUENCE), (1, _OCTETS))
        moment = _moment(_at(info, (4, _TIME)).decode("ascii"))
    except (LookupError, ValueError, OverflowError):
        raise VerificationError("not a time stamp (RFC 3161)") from None
    if (algorithm, digest) != (_SHA256, sha256(stamped).digest()):
        raise VerificationError("the time stamp is over something else")
    return moment


def _info(response: bytes) -> bytes:
    """The TSTInfo of a response (RFC 3161 §2.4.2; the way in is RFC 5652's)."""
    whole, *more = _parts(response)
    if more or whole[0] != _SEQUENCE or _at(whole[1], (0, _SEQUENCE), (0, _INTEGER)) not in _GRANTED:
        raise ValueError
    token = _at(whole[1], (1, _SEQUENCE))
    content = _at(token, (1, _TAGGED), (0, _SEQUENCE), (2, _SEQUENCE))
    if (_at(token, (0, _OID)), _at(content, (0, _OID))) != (_SIGNED_DATA, _TST_INFO):
        raise ValueError
    return _at(content, (1, _TAGGED), (0, _OCTETS), (0, _SEQUENCE))


def _at(data: bytes, *way: tuple[int, int]) -> bytes:
    """What stands in DER at the end of a way: at each step the place among its neighbours, and its tag."""
    for place, tag in way:
        found, data = _parts(data)[place]
        if found != tag:
            raise ValueError
    return data


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of what stands side by side in DER."""
    found = []
    while data:
        start, length = 2, data[1]
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            raise ValueError
        found.append((data[0], data[start : start + length]))
        data = data[start + length :]
    return found


def _moment(text: str) -> int:
    """UTC ms of a GeneralizedTime such as 20260831120000.25Z."""
    whole, dot, part = text.removesuffix("Z").partition(".")
    if len(whole) != 14 or not text.endswith("Z") or not (whole + (part if dot else "0")).isdecimal():
        raise ValueError
    moment = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + int(part[:3].ljust(3, "0"))
