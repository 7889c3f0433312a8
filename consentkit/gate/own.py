"""What is a visitor's own to take away: the state of their choices, their receipt, what is held (F8, Q28)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from consentkit.gate.held import held
from consentkit.gate.page import Gate
from consentkit.gate.reply import PRIVATE, Json, instant
from consentkit.kit import ConsentKit
from consentkit.policy.decision import Consent, Decision
from consentkit.policy.version import Policy
from consentkit.proof.entry import Stored
from consentkit.proof.statement import newest_answer


def state_of(policy: Policy, decision: Decision, scope: str | None = None) -> dict[str, Any]:
    """Return what a decision under `policy` says, as JSON has it (design §2); `scope` as a visitor has it."""
    order = ("necessary", *policy.categories)
    return {
        "policy": policy.version,
        "allowed": [category for category in order if category in decision.allowed],
        "ask": decision.ask,
        "until": {category: instant(until) for category, until in decision.until.items()},
        "regime": decision.regime,
        "reasons": decision.reasons,
        **({"scope": scope} if scope else {}),
    }


def readable(record: Stored) -> dict[str, Any]:
    """Return one log entry as the visitor may keep it: what was said, and what opens its commitment."""
    return {
        "index": record.index,
        "kind": record.kind.label,
        "entry": record.entry.hex(),
        "statement": record.stmt,
        "subject": record.subj,
        "salts": [salt.hex() if salt else None for salt in record.salts],
    }


class Own:
    """Answers what is about one visitor and theirs to keep; `routes` by path, for GET."""

    def __init__(self, kit: ConsentKit, gate: Gate) -> None:
        self.kit = kit
        self.gate = gate
        self.routes: Mapping[str, Callable[[Request], Awaitable[Response]]] = {
            "/receipt": self.receipt,
            "/export": self.export,
        }

    async def receipt(self, request: Request) -> Response:
        """Answer the visitor's own receipt: C2SP text, or the readable record for JSON.

        `?cosigned` has it against the newest checkpoint that witnesses have cosigned, once one has the entry.
        """
        consent = self.gate.visitor(request.scope, self.kit.clock()).consent
        records = await run_in_threadpool(self.kit.history.records, consent) if consent else []
        record = newest_answer(records)
        if record is None:
            return Json({"error": "there is no choice of this browser yet"}, 404)
        try:
            proof = self.kit.log.proof(record.index, cosigned="cosigned" in request.query_params)
        except ValueError:
            return Json({"error": "no witness has cosigned this choice yet"}, 404)
        if "application/json" in request.headers.get("accept", ""):
            return Json(readable(record) | proof)
        headers = {**PRIVATE, "content-disposition": f'attachment; filename="receipt-{record.index}.txt"'}
        return PlainTextResponse(proof["receipt"], headers=headers)

    async def export(self, request: Request) -> Response:
        """Answer everything the log holds on this browser, and what it keeps of ours, as JSON."""
        visitor = self.gate.visitor(request.scope, self.kit.clock())
        rows = await run_in_threadpool(self._records, visitor.consent) if visitor.consent else []
        cookies = held(self.gate.orders.seal, request.cookies)
        state = state_of(self.kit.edition.policy, visitor.decision, visitor.scope)
        headers = {**PRIVATE, "content-disposition": 'attachment; filename="consent.json"'}
        return Json(
            {"state": state, "cookies": cookies, "records": rows, "vkey": self.kit.log.vkey}, 200, headers
        )

    def _records(self, consent: Consent) -> list[dict[str, Any]]:
        records = self.kit.history.records(consent)
        return [readable(r) | self.kit.log.proof(r.index) for r in records]
