"""What anybody may read below the prefix: policies, browser files, and what checks the log (E1, Q38)."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from consentkit.gate.declaration import VARY, declaration, wanted
from consentkit.gate.reply import FOR_EVER, Json
from consentkit.gate.wellknown import gpc_support
from consentkit.kit import ConsentKit
from consentkit.proof.export import VERIFIER

FRESH = {"cache-control": "no-cache", "x-content-type-options": "nosniff"}


class Public:
    """Answers what is about no visitor; `routes` by path, for GET."""

    def __init__(self, kit: ConsentKit) -> None:
        self.kit = kit
        self.routes: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
            "/policy": self.policy,
            "/log/checkpoint": self.checkpoint,
            "/log/vkey": self.vkey,
            "/log/verify.py": self.verifier,
        }

    def elsewhere(self, request: Request, path: str) -> Response:
        """Answer what stands under a name of its own: a policy version, a browser file, or a 404."""
        _, room, name = [*path.split("/", 2), "", ""][:3]
        if room == "policy" and name:
            return self._version(request, name, FOR_EVER)
        document = self.kit.published.file(name) if room == "static" else None
        if document is None:
            return Json({"error": "there is nothing here"}, 404)
        return Response(document.body, media_type=document.media_type, headers=FOR_EVER)

    async def gpc(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what the site says of Global Privacy Control, outside of the prefix."""
        since, _ = self.kit.published.dated()[0]
        await gpc_support(Request(scope), since.date())(scope, receive, send)

    async def policy(self, request: Request) -> Response:
        """Answer the policy in force."""
        return self._version(request, self.kit.edition.policy.version, FRESH)

    def _version(self, request: Request, version: str, headers: Mapping[str, str]) -> Response:
        if not self.kit.published.knows(version):
            return Json({"error": "the log holds no such policy version"}, 404)
        if wanted(request):
            return declaration(self.kit, request, version)
        body = self.kit.published.policies[version].body
        return Response(body, media_type="application/json", headers={**headers, "vary": VARY})

    async def checkpoint(self, _: Request) -> Response:
        """Answer the log's latest signed checkpoint."""
        return PlainTextResponse(self.kit.log.checkpoint, headers=FRESH)

    async def vkey(self, _: Request) -> Response:
        """Answer the key that verifies checkpoints and receipts."""
        return PlainTextResponse(self.kit.log.vkey + "\n", headers=FRESH)

    async def verifier(self, _: Request) -> Response:
        """Answer the program that checks receipts and bundles with nothing but Python."""
        headers = {**FRESH, "content-disposition": 'attachment; filename="verify.py"'}
        return Response(VERIFIER.read_bytes(), media_type="text/x-python", headers=headers)
