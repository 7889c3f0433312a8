"""What a visitor's browser keeps of ours, opened for them: it goes into their export (A16, Q28)."""

from collections.abc import Callable, Mapping
from typing import Any

from consentkit.gate.anchors import Seen
from consentkit.gate.reply import instant
from consentkit.gate.state import CONSENT_COOKIE, HINT_COOKIE, SEEN_COOKIE, Seal
from consentkit.policy.decision import Consent
from consentkit.policy.months import start_of


def held(seal: Seal, cookies: Mapping[str, str]) -> dict[str, Any]:
    """Return what each of our cookies says, by name; None for one that doesn't open."""
    opened: Mapping[str, Callable[[str], Any]] = {
        CONSENT_COOKIE: lambda value: _consent(seal.unseal(value)),
        SEEN_COOKIE: lambda value: _seen(seal.open_seen(value.encode())),
        HINT_COOKIE: lambda value: value,
    }
    return {name: read(cookies[name]) for name, read in opened.items() if name in cookies}


def _consent(consent: Consent | None) -> dict[str, Any] | None:
    if consent is None:
        return None
    choices = {
        category: {
            "granted": choice.granted,
            "decided": instant(choice.decided),
            "policy": choice.version,
            "regime": choice.regime,
        }
        for category, choice in consent.choices.items()
    }
    return {"id": consent.id.hex(), "index": consent.index, "choices": choices}


def _seen(payload: bytes | None) -> dict[str, Any] | None:
    """Trackers are named by a hash there (`anchors`), so names aren't known to anybody."""
    seen = Seen.from_payload(payload) if payload else None
    if seen is None:
        return None
    return {
        "running": {
            key: {"since": _day(each.day), "until": _day(each.end)} for key, each in seen.running.items()
        },
        "ended": {key: _day(each.day) for key, each in seen.ended.items()},
    }


def _day(day: int) -> str:
    return start_of(day).date().isoformat()
