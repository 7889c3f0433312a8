"""Who speaks for a log from outside, in small: a witness of our own make, and OpenSSL's time stamp authority.

The witness shares no code with consentkit: keys, notes and the consistency of trees are read here anew.
"""

import base64
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Answer = tuple[int, str, bytes]
EMPTY = sha256().digest()


@contextmanager
def answering(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    """Yield the address of a server on this machine that answers each POST by what `answer` returns."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, kind, data = answer(self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            if status == 303:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# A witness


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def follows(old: tuple[int, bytes], new: tuple[int, bytes], path: list[bytes]) -> bool:
    """True when a proof (RFC 6962 §2.1.2, read as it is defined there) leads from one tree to the other."""
    proof = iter(path)

    def roots(before: int, now: int, known: bool) -> tuple[bytes, bytes]:
        if before == now:
            own = old[1] if known else next(proof)
            return own, own
        split = 1 << (now - 1).bit_length() - 1
        if before <= split:
            left_old, left_new = roots(before, split, known)
            return left_old, node(left_new, next(proof))
        right_old, right_new = roots(before - split, now - split, False)
        left = next(proof)
        return node(left, right_old), node(left, right_new)

    try:
        return roots(old[0], new[0], True) == (old[1], new[1]) and next(proof, None) is None
    except StopIteration:
        return False


class LocalWitness:
    """Cosigns checkpoints of one log whose key it knows, each a continuation of the one before."""

    def __init__(self, name: str, vkey: str = "none+00+") -> None:
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.public = b"\4" + self.key.public_key().public_bytes_raw()
        self.id = sha256(name.encode() + b"\n" + self.public).digest()[:4]
        self.now = 1_800_000_000
        self.asked: list[int] = []
        self.seen = (0, EMPTY)
        self.trust(vkey)

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.public).decode()}"

    def trust(self, vkey: str) -> None:
        self.origin, _, encoded = vkey.split("+", 2)
        self.log = base64.b64decode(encoded)[1:]

    def answer(self, path: str, body: bytes) -> Answer:
        """What tlog-witness says to answer."""
        head, _, note = body.decode().partition("\n\n")
        old, *proof = head.split("\n")
        size, hashes_ = int(old.removeprefix("old ")), [base64.b64decode(line) for line in proof]
        self.asked.append(size)
        text = note.rpartition("\n\n")[0] + "\n"
        origin, count, root, _ = text.split("\n")
        now = (int(count), base64.b64decode(root))
        if path != "/add-checkpoint" or len(proof) > 63 or size > now[0]:
            return 400, "text/plain", b""
        if origin != self.origin:
            return 404, "text/plain", b""
        if not self._signed(text, note):
            return 403, "text/plain", b""
        if size != self.seen[0]:
            return 409, "text/x.tlog.size", b"%d\n" % self.seen[0]
        if not (follows(self.seen, now, hashes_) if size else not hashes_):
            return 422, "text/plain", b""
        self.seen = now
        return 200, "text/plain", self.cosignature(text).encode()

    def _signed(self, text: str, note: str) -> bool:
        for line in note.rpartition("\n\n")[2].splitlines():
            mark, name, encoded = line.split(" ")
            try:
                key = Ed25519PublicKey.from_public_bytes(self.log)
                key.verify(base64.b64decode(encoded)[4:], text.encode())
                return (mark, name) == ("—", self.origin)
            except (InvalidSignature, ValueError):
                continue
        return False

    def cosignature(self, text: str) -> str:
        """The line under a checkpoint's text."""
        signature = self.key.sign(f"cosignature/v1\ntime {self.now}\n{text}".encode())
        blob = self.id + self.now.to_bytes(8, "big") + signature
        return f"— {self.name} {base64.b64encode(blob).decode()}\n"


# A time stamp authority

CONFIG = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    """`openssl ts -reply` with a key and a root of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("rfc3161_client", reason="the extra `stamp` isn't installed")
        if shutil.which("openssl") is None:
            pytest.skip("OpenSSL isn't installed")
        folder.mkdir()
        self.folder, self.root = folder, folder / "root.pem"
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = certificate("Test Root", root_key, "Test Root", root_key)
        self.root.write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "tsa.pem").write_bytes(
            certificate("Test TSA", key, "Test Root", root_key).public_bytes(Encoding.PEM)
        )
        (folder / "tsa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "serial").write_text("01\n")
        (folder / "tsa.cnf").write_text(CONFIG.format(folder=folder))

    def answer(self, _: str, body: bytes) -> Answer:
        """What RFC 3161 says to answer."""
        (self.folder / "query").write_bytes(body)
        command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)
        return 200, "application/timestamp-reply", (self.folder / "reply").read_bytes()


def certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """A certificate for `key`: a root's when it signs itself, else one for time stamps."""
    root, now = name == issuer, datetime.now(UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(root, None), critical=True)
    if not root:
        stamping = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(stamping, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(by, hashes.SHA256())


def der(tag: int, *parts: bytes) -> bytes:
    """One value of DER."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + length + body


def unsigned_stamp(
    stamped: bytes, t: int, *, status: int = 0, algorithm: str = "608648016503040201", time: str = ""
) -> bytes:
    """A TimeStampResp over `stamped` at `t` (UTC ms) that nobody signed."""
    moment = datetime.fromtimestamp(t // 1000, UTC).strftime("%Y%m%d%H%M%S") + f".{t % 1000:03d}Z"
    imprint = der(48, der(48, der(6, bytes.fromhex(algorithm))), der(4, sha256(stamped).digest()))
    info = der(
        48,
        der(2, b"\1"),
        der(6, b"\x2a\3\4"),
        imprint,
        der(2, b"\7"),
        der(24, (time or moment).encode()),
    )
    content = der(48, der(6, bytes.fromhex("2a864886f70d0109100104")), der(160, der(4, info)))
    signed = der(160, der(48, der(2, b"\3"), der(49), content))
    token = der(48, der(6, bytes.fromhex("2a864886f70d010702")), signed)
    return der(48, der(48, der(2, bytes([status]))), token)
