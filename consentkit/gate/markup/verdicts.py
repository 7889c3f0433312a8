"""What the rules say about one start tag, one inline script or one stylesheet."""

import re
from collections.abc import Callable, Container, Iterable
from typing import Final, NamedTuple

from consentkit.gate.markup.elements import BLANK, LOADING, REFS, Attributes, Load, executes, loads, renamed
from consentkit.gate.markup.glance import MERE, Form, form_of, is_local
from consentkit.gate.markup.marks import Mark, Marks
from consentkit.gate.markup.scales import FOREIGN, FOREIGN_CSS, Inner, Rules, Scales, Seen
from consentkit.gate.markup.tags import (
    OPEN_ATTRIBUTE,
    TAG_NAME,
    Edits,
    attributes,
    decoded,
    disarm,
    pairs,
    places,
)
from consentkit.policy.urls import joined, split_url

__all__ = ["UNTOUCHED", "Rules", "Seen", "Verdict", "Verdicts", "condemned", "decoded"]


class Verdict(NamedTuple):
    """What to do with one start tag: the insertions now, and where its inline body, if any, would run.

    `service` is what it is blocked as, None if it isn't: a service's id; "" for what couldn't be decided and
    never comes back; `@category` by the site author's own mark; `?host` for a host that nobody declared.
    `edits` are (offset in the tag, bytes). `necessary`: marked so by its author, its body isn't judged.
    `seen` is what to count.
    """

    service: str | None = None
    edits: Edits = ()
    runs_in_html: bool = False
    runs_in_svg: bool = False
    necessary: bool = False
    seen: tuple[Seen, ...] = ()


UNTOUCHED: Final = Verdict()
_RUNS: Final = {
    (html, svg): Verdict(runs_in_html=html, runs_in_svg=svg)
    for html in (False, True)
    for svg in (False, True)
}
# Elements that are made inert as a whole, whichever of their attributes is to blame.
_WHOLE: Final = frozenset((b"script", b"style"))
BARRIER: Final = b"@consentkit blocked;"
"""What is put before the CSS of a blocked `<style>`.

Chromium's preload scanner fetches a sheet's `@import` whatever type and media the element has, up to the
first rule that is something else. CSS itself ignores rules of unknown names, so it may stay when the element
comes back: CSS Cascading 4, section 2, lets only valid rules end the imports.
"""

_NONCE: Final = re.compile(rb"[\t\n\f\r ](nonce=[\"'])([A-Za-z0-9+/=_-]{8,128})[\"']")


class Verdicts:
    """The rules applied to start tags, scripts and stylesheets; what was decided is remembered, boundedly."""

    _ENTRIES: Final = 4096
    _LONGEST: Final = 1024
    _SHEETS: Final = 2 << 20
    _BASES: Final = 16

    def __init__(self, rules: Rules, srcdoc: Callable[[str], Inner], base: str = "") -> None:
        """Judge by `rules`, documents within an attribute by `srcdoc`; `base` is what `<base href>` says."""
        self._rules = rules
        self._srcdoc = srcdoc
        self._base = base
        self._scales = Scales(rules, srcdoc, base)
        self._marks = Marks(rules)
        self._remembered: dict[bytes, Verdict] = {}
        self._forms: dict[Form, Verdict] = {}
        self._sheets: dict[bytes, tuple[str | None, tuple[Seen, ...]]] = {}
        self._sheets_size = 0
        self._bases: dict[str, Verdicts] = {}

    def tag(self, tag: bytes) -> Verdict:
        """The verdict on a complete start tag."""
        known = self._remembered.get(tag)
        if known is not None:
            return known
        form = form_of(tag)
        if form is MERE:
            return UNTOUCHED
        if form is not None and (form[1] or not self._base) and not self._marks.by_class(tag):
            usual = self._usual(form, tag)
            if usual is not None:
                return usual
        elif form is None and not self._base and is_local(tag) and not self._marks.possible(tag):
            return UNTOUCHED
        key = tag
        nonce = _NONCE.search(tag) if b"nonce=" in tag else None
        if nonce is not None:
            # A new one comes with every answer; all else of the tag comes back.
            start, end = nonce.span(2)
            key = tag[:start] + b"*" * (end - start) + tag[end:]
            known = self._remembered.get(key)
            if known is not None:
                return known
        verdict = self._judge(tag, None)
        if len(tag) <= self._LONGEST:
            if nonce is not None and not any(a.at == nonce.start(1) for a in attributes(tag, _name(tag)[1])):
                key = tag
            if len(self._remembered) >= self._ENTRIES:
                self._remembered.clear()
            self._remembered[key] = verdict
        return verdict

    def _usual(self, form: Form, tag: bytes) -> Verdict | None:
        """The verdict on all tags of a form; None if that depends on more than the host."""
        known = self._forms.get(form)
        if known is None:
            kind, host = form
            url = f"//{host.decode()}/"
            if host and not self._rules.anybodys(url):
                return None
            if len(self._forms) >= self._ENTRIES:
                self._forms.clear()
            alike = self._forms.get((kind, b"*")) if host else None
            if alike is None:
                known = self._judge(tag, None)
                if known.seen:
                    self._forms[kind, b"*"] = known
            else:
                # From one such host to another only what is to be counted differs.
                seen = self._rules.answer(url)[1]
                known = alike._replace(seen=() if seen is None else (seen,))
            self._forms[form] = known
        return known

    def inline(self, tag: bytes, body: bytes) -> Verdict:
        """The verdict on a script by its inline body."""
        service = self._scales.inline(body)
        return UNTOUCHED if service is None else condemned(tag, service)

    def style(self, tag: bytes, body: bytes) -> Verdict:
        """The verdict on a `<style>` by what its CSS fetches; one that is blocked is inert as a whole."""
        if not self._base and FOREIGN_CSS.search(body) is None:
            return UNTOUCHED
        known = self._sheets.get(body)
        if known is None:
            known = self._scales.sheet(body)
            self._sheets_size += len(body) + 512
            if self._sheets_size > self._SHEETS:
                self._sheets, self._sheets_size = {}, len(body) + 512
            self._sheets[body] = known
        service, seen = known
        mark = (
            self._marks.read(pairs(tag, _name(tag)[1])) if self._marks.possible(tag) or b"&" in tag else None
        )
        if mark is not None and (service is not None or seen):
            overruled = service is not None and self._rules.category(service) != mark.category
            override: tuple[Seen, ...] = (
                (("overridden", service.lstrip("?")),) if service and overruled else ()
            )
            if mark.necessary:
                return Verdict(necessary=True, seen=override or seen)
            service = mark.blocked_as if service is None or overruled else service
            return condemned(tag, service)._replace(seen=override or seen)
        if service is not None:
            return condemned(tag, service)
        return Verdict(seen=seen) if seen else UNTOUCHED

    def oversize(self, head: bytes, cut: bytes) -> Verdict:
        """The verdict on a start tag too long to hold.

        `head` is the tag as far as its attributes are complete, with a `>` put behind; `cut` what is there
        of the attribute that isn't. If that is a `data:` URL or doesn't load anything, `head` decides;
        anything else can't be decided and is blocked for good, as service "". So is a stylesheet, whose
        `BARRIER` has to be put behind the tag's real end.
        """
        name, end = _name(head)
        if name == b"style":
            return Verdict("", disarm(end, places(head, end, (b"type",)), "", script=True))
        return self._judge(head, cut)

    def based(self, href: str) -> "Verdicts":
        """The same rules for a document whose `<base href>` this is (HTML 4.2.3, "frozen base URL").

        These themselves if it changes nothing: relative, it stays on the page's own host; invalid, or of
        `data:` or `javascript:`, it doesn't count; on a host where nothing is blocked, neither is anything
        relative to it.
        """
        base = joined(href, self._base) if self._base else href
        if split_url(base) is None or (not self._base and self._rules.anybodys(base)):
            return self
        known = self._bases.get(base)
        if known is None:
            if len(self._bases) >= self._BASES:
                self._bases.clear()
            known = self._bases[base] = Verdicts(self._rules, self._srcdoc, base)
        return known

    # Judging.

    def _judge(self, tag: bytes, cut: bytes | None) -> Verdict:
        name, end = _name(tag)
        found = pairs(tag, end)
        loading = loads(name, found)
        names = {attribute for attribute, _ in found}
        if name in LOADING and name != b"base" and self._marks.among(names):
            mark = self._marks.read(found)
            if mark is not None:
                return self._marked(tag, found, loading, mark)
        guilty, seen = self._scales.attributes(name, loading)
        if cut is not None and _undecidable(name, cut):
            guilty[b""] = ""
        if guilty:
            return self._blocked(tag, guilty)
        if name == b"script" and executes(found):
            in_html, in_svg = b"src" not in names, names.isdisjoint(REFS)
            return Verdict(None, (), in_html, in_svg, False, seen) if seen else _RUNS[in_html, in_svg]
        return Verdict(seen=seen) if seen else UNTOUCHED

    def _blocked(self, tag: bytes, guilty: dict[bytes, str]) -> Verdict:
        """The verdict on a tag of which these attributes are to blame; those that aren't its own only go."""
        name, end = _name(tag)
        service = self._scales.strictest(guilty.values())
        own = not guilty.keys().isdisjoint((b"", *renamed(name))) or name in _WHOLE
        names = guilty.keys() | (_renamed(name) if own else set())
        return Verdict(service, _disarmed(name, tag, end, names, service), seen=_counted(guilty.values()))

    def _marked(self, tag: bytes, found: Attributes, loading: list[Load], mark: Mark) -> Verdict:
        """The verdict on an element about which its author says something."""
        name, end = _name(tag)
        if mark.waits:
            loading = [load for load in loading if not load[1].startswith(b"data-")]
        guilty, seen = self._scales.attributes(name, loading)
        hit = self._scales.strictest(guilty.values()) if guilty else None
        moved = hit and (hit[0] == "?" or self._rules.category(hit) != mark.category)
        override = (("overridden", hit.removeprefix("?")),) if hit and moved else ()
        inserted = ((end, mark.inserted),) if mark.inserted else ()
        if mark.necessary:
            return Verdict(edits=inserted, necessary=True, seen=override)
        if hit is None and not _armed(name, found, loading, mark):
            return Verdict(edits=inserted, seen=seen) if inserted or seen else UNTOUCHED
        service = hit if hit is not None and not moved and mark.service is None else mark.blocked_as
        if hit == "":
            service = ""
        blocked = self._blocked(tag, dict.fromkeys({b"", *guilty}, service))
        (at, text), *others = blocked.edits
        edits = ((at, text + mark.inserted), *others)
        return blocked._replace(edits=edits, seen=(*blocked.seen, *override))


def may_be_base(href: str) -> bool:
    """Whether a `<base>` of this address is one: relative, or a URL of a scheme that reaches a host."""
    return split_url(href) is not None or FOREIGN.match(href) is None


def condemned(tag: bytes, service: str) -> Verdict:
    """The verdict that makes this start tag inert as the service's."""
    name, end = _name(tag)
    return Verdict(service, _disarmed(name, tag, end, _renamed(name), service), seen=_counted((service,)))


def _disarmed(name: bytes, tag: bytes, end: int, names: Container[bytes], service: str) -> Edits:
    edits = disarm(end, places(tag, end, names), service, script=name in _WHOLE)
    return (*edits, (len(tag), BARRIER)) if name == b"style" else edits


def _renamed(name: bytes) -> set[bytes]:
    return {*renamed(name), *((b"type",) if name == b"style" else ())}


def _counted(services: Iterable[str]) -> tuple[Seen, ...]:
    """What to count about what is blocked: services and hosts; what couldn't be told has no name."""
    names = dict.fromkeys(service.removeprefix("?") for service in services if service[:1] not in ("", "@"))
    return tuple(("blocked", name) for name in names)


def _name(tag: bytes) -> tuple[bytes, int]:
    found = TAG_NAME.match(tag)
    assert found is not None, tag  # noqa: S101 - callers pass start tags only
    return found.group(1).lower(), found.end()


def _armed(name: bytes, found: Attributes, loading: list[Load], mark: Mark) -> bool:
    """Whether an element that its author marked would load all the same."""
    if name == b"script":
        return executes(found)
    own = (value.strip(BLANK).lower() for _, attribute, value in loading if attribute in LOADING[name])
    return not mark.waits and any(value and not value.startswith(("data:", "about:")) for value in own)


def _undecidable(name: bytes, cut: bytes) -> bool:
    if name == b"script":
        return True
    opened = OPEN_ATTRIBUTE.match(cut)
    if opened is None or opened.group(1).lower() not in renamed(name):
        return False
    return not opened.group(4).lower().startswith(b"data:")
