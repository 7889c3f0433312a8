"""The birth that some trackers carry in their value: an identifier is as old as it says (B6, L4).

A form counts only where its instant is truly the first visit, or the one in which the value itself was made.
Google's `_ga_*` tells the start of the *current* session, and which session of the visitor it is
(https://support.google.com/analytics/answer/9191807): a birth in the first session alone. Clarity's `_clck`
and Piano's `atuserid` tell an end that moves with every visit: nothing to read there.
"""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from urllib.parse import unquote

from consentkit.policy.memory import remembered
from consentkit.policy.months import EPOCH, day_of, end_day

FIRST = datetime(2005, 1, 1, tzinfo=UTC)
"""No tracker of today is older."""
AHEAD = timedelta(days=1)
"""How far a visitor's clock may run ahead before what it wrote isn't believed."""
LONGEST = 4096
LAST = datetime(2600, 1, 1, tzinfo=UTC)
"""Whatever was born until then counts, where the question is only whether it is too old today."""

CAPTURED = (
    "not documented: read off captured requests of many sites, where its neighbours tell the same instant"
)


@dataclass(frozen=True, slots=True)
class Form:
    """What the values of one tracker look like: `name` and `value` match all of it, once percent-decoded.

    The instant is the value's group `s` (seconds since 1970), `ms` (milliseconds) or `uuid` (the first 12 hex
    digits of a UUID of version 7, which are milliseconds: RFC 9562 §5.7). `source` says who tells so.
    """

    name: re.Pattern[str]
    value: re.Pattern[str]
    source: str
    base64: bool = False


def born(name: str, value: str, now: datetime) -> datetime | None:
    """Return when a cookie's value says that it was born, in UTC.

    None for trackers that don't say, for values of another form, and for what can't be: before 2005, or more
    than a day after `now`.
    """
    for form in _forms(name):
        if len(value) <= LONGEST and (found := form.value.fullmatch(_text(value, form))):
            since = timedelta(milliseconds=_milliseconds(found.groupdict()))
            return EPOCH + since if FIRST - EPOCH <= since <= now + AHEAD - EPOCH else None
    return None


def tells_birth(name: str) -> bool:
    """Return whether some values of a cookie of this name say when it was born."""
    return bool(_forms(name))


def end_told(name: str, value: str, months: int) -> float:
    """Return the day at whose start a cookie is over that lives `months` from the birth its value tells.

    In whole UTC days since 1970-01-01; infinite where it tells none.
    """
    birth = born(name, value, LAST)
    return inf if birth is None else end_day(day_of(birth), months)


@remembered(4096)
def _forms(name: str) -> tuple[Form, ...]:
    return tuple(form for form in FORMS if form.name.fullmatch(name))


def _text(value: str, form: Form) -> str:
    text = unquote(value)
    if not form.base64:
        return text
    try:
        return a2b_base64(text.encode("utf-8", "replace") + b"==").decode("utf-8", "replace")
    except NotBase64:
        return ""


def _milliseconds(said: dict[str, str]) -> int:
    if "uuid" in said:
        return int(said["uuid"].replace("-", ""), 16)
    return int(said["ms"]) if "ms" in said else int(said["s"]) * 1000


def _form(name: str, value: str, source: str, *, base64: bool = False) -> Form:
    return Form(re.compile(name), re.compile(value, re.DOTALL), source, base64)


_SECONDS = r"(?P<s>[0-9]{9,10})"
_MILLISECONDS = r"(?P<ms>[0-9]{12,13})"
_CLICKS = "https://support.google.com/analytics/answer/7519794"
_META = "https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/fbp-and-fbc/"

FORMS = (
    # The client id: a random number and the second in which it was made.
    _form(
        r"_ga|_gid",
        rf"(?:GA)?1\.[0-9-]+\.[0-9]+\.{_SECONDS}",
        "https://stackoverflow.com/questions/16102436/what-are-the-values-in-ga-cookie",
    ),
    # The session's start, its number right after it.
    _form(
        r"_ga_.+",
        rf"GS1\.[0-9-]+\.{_SECONDS}\.1\..*",
        "https://bbccss.com/explanation-of-cookie-values-used-by-ga4.html",
    ),
    # The same with letters: s the session's start, o its number, in any order.
    _form(
        r"_ga_.+",
        rf"GS2\.[0-9-]+\.(?=(?:.*\$)?o1(?:\$|$))(?:.*\$)?s{_SECONDS}(?:\$.*)?",
        "https://votus.com.ua/ga4-new-cookie-format",
    ),
    # Domain, visitor, first visit, the one before, this one, their number.
    _form(
        r"__utma",
        rf"[0-9]+\.[0-9]+\.{_SECONDS}\.[0-9]+\.[0-9]+\.[0-9]+",
        "https://datacadamia.com/marketing/analytics/ga/utma",
    ),
    # The ad's click, when it was written down.
    _form(r"_gac_.+", rf"1\.{_SECONDS}\..+", _CLICKS),
    _form(r"_gcl_(?:aw|dc|gb|gf|ha)", rf"GCL\.{_SECONDS}\..+", CAPTURED),
    _form(r"_gcl_au", rf"1\.[0-9-]+\.[0-9]+\.{_SECONDS}(?:\..*)?", CAPTURED),
    _form(r"__gads|__gpi", rf"U?ID=[^:]*:T={_SECONDS}(?::.*)?", CAPTURED),
    _form(r"_fbp|_fbc", rf"fb\.[0-9]+\.{_MILLISECONDS}\..+", _META),
    # Matomo: the visitor's id and the second of its making; older versions count visits behind it.
    _form(
        r"_pk_id.*",
        rf"[0-9a-f]{{16}}\.{_SECONDS}(?:\..*)?",
        "https://github.com/matomo-org/matomo/blob/5.x-dev/js/piwik.js",
    ),
    _form(r"_hjSessionUser_.+", rf'.*"created":{_MILLISECONDS}\b.*', CAPTURED, base64=True),
    # Domain, visitor, first visit, last visit, this one, session.
    _form(
        r"__hstc",
        rf"\w+\.\w+\.{_MILLISECONDS}\.[0-9]+\.[0-9]+\.[0-9]+",
        "https://knowledge.hubspot.com/privacy-and-consent/what-cookies-does-hubspot-set-in-a-visitor-s-browser",
    ),
    # Snowplow: user, the second of the first visit, visits, ...
    _form(
        r"_sp_id\..+",
        rf"[\w-]+\.{_SECONDS}\.[0-9]+\..*",
        "https://docs.snowplow.io/docs/collecting-data/collecting-from-own-applications/javascript-trackers/"
        "web-tracker/cookies-and-local-storage",
    ),
    _form(
        r"_mkto_trk",
        rf"id:[\w-]+&token:_mch-[\w.-]+-{_MILLISECONDS}-[0-9]+",
        "https://nation.marketo.com/t5/product-blogs/"
        "say-associated-munchkin-token-instead-of-cookie-to-be-hyper/ba-p/337666",
    ),
    # "Date of the user's first site session"; the id beside it starts with the same second.
    _form(r"_ym_d", _SECONDS, "https://yandex.com/support/metrica/general/cookie-usage.html"),
    _form(r"_ym_uid", rf"{_SECONDS}[0-9]{{6,10}}", CAPTURED),
    _form(r"optimizelyEndUserId", rf"oeu{_MILLISECONDS}r[0-9.]+", CAPTURED),
    # The device's id alone: `distinct_id` may be the site's own name for a visitor, older than the tracker.
    _form(
        r"ph_.+_posthog",
        r'.*"\$device_id":\s*"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4})-7[0-9a-f]{3}-.*',
        "https://github.com/PostHog/posthog-js",
    ),
)
