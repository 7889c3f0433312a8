"""The desk's pages: what the log holds, for people who read (H17)."""

import json
import logging
from datetime import timedelta
from functools import cached_property
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from consentkit.access import is_personal, read_once, session_of
from consentkit.assets import static_asset
from consentkit.desk import trackers
from consentkit.desk.auth import COOKIE, SESSION_SECONDS, Auth
from consentkit.errors import ConsentKitError
from consentkit.kit import ConsentKit
from consentkit.proof.claims import claims
from consentkit.proof.entry import Stored
from consentkit.proof.told import about, when, words_of
from consentkit.request import is_secure

logger = logging.getLogger("consentkit")

PAGE_ROWS = 50
LONGEST_INDEX = 15
RANGES = (1, 7, trackers.DAYS, 90, 400)
"""Days that the trackers page can look back over; the last is longer than counts are kept."""
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Desk:
    """Serves the audit pages to whoever holds a valid link or session.

    It only reads; who reads an entry about a person is itself an entry, once a session.
    """

    def __init__(self, kit: ConsentKit, secret_key: Any) -> None:
        self.kit = kit
        self.auth = Auth(secret_key)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """Answer a request for `path`, the part below the prefix."""
        request = Request(scope, receive)
        try:
            response = await self._response(request, path.removeprefix("/audit").strip("/"))
        except ConsentKitError:
            logger.exception("the audit desk can't read the log")
            text = "The log can't be read here. Ask for an export, or run: consentkit audit verify"
            response = self._render("message.html", 503, text=text)
        await response(scope, receive, send)

    async def _response(self, request: Request, page: str) -> Response:
        if request.method not in ("GET", "HEAD"):
            return self._render("message.html", 405, text="The audit desk only reads.")
        token = request.query_params.get("token")
        if token is not None:
            return self._enter(request, token)
        if self.auth.role("session", request.cookies.get(COOKIE, "")) is None:
            text = "Ask the site's operator for a link: consentkit audit link"
            return self._render("message.html", 401, text=text)
        if _is_index(page):
            return await run_in_threadpool(self._entry, int(page), request.cookies[COOKIE])
        if page == "verify":
            return await run_in_threadpool(self._verify)
        if page == "trackers":
            return await run_in_threadpool(self._trackers, request)
        return await run_in_threadpool(self._log, request)

    def _enter(self, request: Request, token: str) -> Response:
        if self.auth.role("link", token) is None:
            text = "This link is too old or not ours. Make a new one: consentkit audit link"
            return self._render("message.html", 403, text=text)
        response = RedirectResponse(self._base, 303, {"cache-control": "no-store"})
        response.set_cookie(
            COOKIE,
            self.auth.token("session"),
            max_age=SESSION_SECONDS,
            path=self._base,
            secure=is_secure(request.scope),
            httponly=True,
            samesite="lax",  # a strict one isn't sent after a link from somebody's mail
        )
        return response

    @property
    def _base(self) -> str:
        return f"{self.kit.edition.prefix}/audit/"

    def _log(self, request: Request) -> Response:
        size = self.kit.log.size
        before = request.query_params.get("before", "")
        stop = min(int(before), size) if _is_index(before) else size
        rows = [_row(entry) for entry in self.kit.log.entries(stop=stop, newest_first=True, limit=PAGE_ROWS)]
        older = rows[-1]["index"] if rows and rows[-1]["index"] > 0 else None
        return self._render("log.html", rows=rows, size=size, older=older, checkpoint=self.kit.log.checkpoint)

    def _entry(self, index: int, token: str) -> Response:
        entry = self.kit.log.get(index)
        if entry is None:
            return self._render("message.html", 404, text=f"The log has no entry {index}.")
        if is_personal(entry):
            role = self.auth.role("session", token) or ""
            self.kit.log.follow()
            read_once(self.kit.log.newest.log, role, session_of(token), index, self.kit.clock())
        title, text = self._text_of(entry)
        receipt = self.kit.log.receipt(index)
        return self._render(
            "entry.html", row=_row(entry), entry=entry, receipt=receipt, text_title=title, text=text
        )

    def _text_of(self, entry: Stored) -> tuple[str, str]:
        """Return the words behind an entry: the notice the visitor saw, or the document itself (Q2)."""
        stmt = entry.stmt or {}
        title = "The notice that was shown" if "notice" in stmt else "The document"
        document = self.kit.log.document(str(stmt.get("notice") or stmt.get("sha256") or ""))
        if document is None:
            return title, ""
        words = words_of(document)
        return title, words if isinstance(words, str) else json.dumps(words, indent=2, ensure_ascii=False)

    def _trackers(self, request: Request) -> Response:
        wanted = request.query_params.get("days", "")
        days = next((each for each in RANGES if str(each) == wanted), trackers.DAYS)
        rows = self.kit.tally.rows(self.kit.clock().date() - timedelta(days=days - 1))
        groups = trackers.by_group(trackers.summed(rows, self.kit.published))
        return self._render("trackers.html", groups=groups, days=days, ranges=RANGES)

    def _verify(self) -> Response:
        found = [(shard.log.origin, report) for shard, report in self.kit.log.verify_each(claims)]
        ok = all(report.ok for _, report in found)
        return self._render("verify.html", ok=ok, found=found, vkey=self.kit.log.vkey)

    def _render(self, name: str, status: int = 200, **values: Any) -> Response:
        css = f"{self.kit.edition.prefix}/static/{static_asset('page.css').served_name}"
        site = self.kit.edition.policy.site.name
        body = self._templates.get_template(name).render(base=self._base, css=css, site=site, **values)
        return HTMLResponse(body, status, HEADERS)

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=PackageLoader("consentkit.desk"), autoescape=True, undefined=StrictUndefined
        )


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_INDEX


def _row(entry: Stored) -> dict[str, Any]:
    return {"index": entry.index, "kind": entry.kind.label, "when": when(entry), "about": about(entry)}
