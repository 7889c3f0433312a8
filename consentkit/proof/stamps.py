"""RFC 3161 time stamps over published checkpoints: asking for one, and checking who signed it.

Here and nowhere else is the extra `stamp` (rfc3161-client) needed.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerifierBuilder,
    decode_timestamp_response,
)
from rfc3161_client import VerificationError as Untrusted

from consentkit.errors import ConfigurationError, OutsideRefused, VerificationError
from consentkit.proof.posting import post
from consentkit.proof.timestamp import read_stamp
from consentkit.proof.witnessed import ReadStamp

_QUERY = "application/timestamp-query"
_OK = 200


def stamp(url: str, note: bytes, seconds: float) -> bytes:
    """Ask the authority at `url` for a time stamp over `note`; returns its response, in DER.

    OutsideRefused when there is no answer, or one that doesn't answer this very question. Who signed it is
    for those to check who know the authority's root.
    """
    request = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256).build()
    status, response = post(url, request.as_bytes(), _QUERY, seconds)
    if status != _OK:
        raise OutsideRefused(f"answered with status {status}")
    try:
        read_stamp(response, note)
        nonce = decode_timestamp_response(response).tst_info.nonce
    except (VerificationError, ValueError) as error:
        raise OutsideRefused(f"answered with no time stamp of ours: {error}") from error
    if nonce != request.nonce:
        raise OutsideRefused("answered another question than ours")
    return response


def roots_in(files: Sequence[Path]) -> list[Certificate]:
    """The certificates in PEM files; ConfigurationError when there is none in one of them."""
    roots: list[Certificate] = []
    for file in files:
        try:
            roots += load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{file} has no certificate in PEM: {error}") from error
    return roots


def stamped_by(roots: Sequence[Certificate]) -> ReadStamp:
    """What reads a time stamp as `read_stamp` does, if its signature leads to one of these roots."""
    builder = VerifierBuilder(roots=list(roots))

    def read(response: bytes, stamped: bytes) -> int:
        moment = read_stamp(response, stamped)
        try:
            builder.build().verify_message(decode_timestamp_response(response), stamped)
        except (Untrusted, ValueError) as error:
            raise VerificationError(f"the time stamp isn't by an authority you trust: {error}") from error
        return moment

    return read
