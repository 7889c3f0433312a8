"""What the notice looks like once it is drawn: each layer's elements and words, in order (L9, L16, Q2).

The banner's code and the visitor's page draw this from the notice; the tests hold both to it. It is the same
in a narrow window and in a wide one, where the purposes stand in two columns. Boxes are drawn as for somebody
who hasn't answered; who has sees their own answers in them. `{XX}` is a country, which browsers write out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from consentkit.policy.banner import CONTROLS
from consentkit.policy.notice import compose, under
from consentkit.policy.version import Policy
from consentkit.policy.words import filled, isolated

SIZES = {"narrow": {"below": "60rem"}, "wide": {"from": "60rem"}}
LAYERS = ("banner", "again", "preferences", "page")
"""The banner's first layer, that of a question that comes again, the second layer, and the page that works
without JavaScript."""

Node = dict[str, Any]


def stored_rendering(
    policy: Policy, locale: str, prefix: str, code: Mapping[str, str], *, accounts: bool = False
) -> bytes:
    """Return every layer in `locale` as the JSON bytes that are logged; `code` is what draws it, by hash.

    `regimes` has those that read otherwise where another regime than the site's own holds.
    """
    notice = compose(policy, locale, prefix, accounts=accounts)
    words = policy.texts[locale]["page"]
    order = policy.banner.order
    names = page_names(policy, locale)
    layers = {
        "banner": banner_layer(notice, order),
        "again": again_layer(notice, order),
        "preferences": preferences_layer(notice, order),
        "page": page_layer(notice, words, names),
    }
    said = {regime: under(notice, regime) for regime in notice.get("regimes", ())}
    regimes = {
        regime: {
            "banner": banner_layer(each, order),
            "again": again_layer(each, order),
            "page": page_layer(each, words, names),
        }
        for regime, each in said.items()
    }
    value = {
        "locale": locale,
        "dir": notice["dir"],
        "banner": policy.banner.model_dump(),
        "sizes": SIZES,
        "code": code,
        "layers": layers,
        # Behind the title of both layers, where the browser objects.
        "signal": {name: [_node("p", text) for text in said] for name, said in notice["signal"].items()},
        # In place of the first layer's paragraph before its purposes; the first one behind the page's body.
        **({"scope": _scopes(notice)} if accounts else {}),
        **({"regimes": regimes} if regimes else {}),
        **({"corner": _corner(notice)} if policy.banner.corner else {}),
    }
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _scopes(notice: Mapping[str, Any]) -> dict[str, list[Node]]:
    said = notice["scope"].items()
    return {scope: [_node("p", text) for text in own["purposes_intro"]] for scope, own in said}


def banner_layer(notice: Mapping[str, Any], order: Sequence[str] = CONTROLS) -> list[Node]:
    """Return the first layer: what for, who, what follows, and three equal buttons."""
    text = [
        _node("h2", notice["title"]),
        *(_node("p", paragraph) for paragraph in notice["body"]),
        _node("p", notice["purposes_intro"]),
        _node("ul", *(_purpose(each, notice["labels"]) for each in notice["categories"])),
        _links(notice),
    ]
    return [_node("div", *text), _node("div", *_equals(notice, order, _button(notice["buttons"]["choose"])))]


def again_layer(notice: Mapping[str, Any], order: Sequence[str] = CONTROLS) -> list[Node]:
    """Return the first layer as it is where some answers count no longer.

    It lists those categories alone, each of which may be one. If a change is why, it begins with that, and
    leads to what has changed; what a signal has it say comes after.
    """
    asked = [each for each in notice["categories"] if not each["locked"]]
    text, actions = banner_layer({**notice, "categories": asked}, order)
    why = _node("p", f"{notice['status']['again']} ", _node("a", notice["changes"]))
    text["parts"].insert(1, why)
    return [text, actions]


def preferences_layer(notice: Mapping[str, Any], order: Sequence[str] = CONTROLS) -> list[Node]:
    """Return the second layer: every category with its services."""
    buttons = notice["buttons"]
    text = [
        _node("h2", notice["title"]),
        _node("ul", *(_category(each, notice["labels"]) for each in notice["categories"])),
        _links(notice),
    ]
    actions = [*_equals(notice, order, _button(buttons["save"], "save")), _button(buttons["back"])]
    return [_node("div", *text), _node("div", *actions)]


def page_names(policy: Policy, locale: str) -> dict[str, str]:
    """Return what the visitor's page says of the site, by the name that the texts have for each (E14)."""
    site, direction = policy.site, policy.texts[locale]["dir"]
    whose = {"site": site.name, "controller": site.controller, "contact": site.contact}
    return {name: isolated(said, direction) for name, said in whose.items()}


def page_layer(notice: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]) -> list[Node]:
    """Return the visitor's page as far as the choice goes: what it says, the form and its buttons."""
    buttons = notice["buttons"]
    return [
        _node("h1", filled(words["title"], names)),
        _node("p", words["intro"]),
        _node("p", filled(words["controller"], names)),
        *(_node("p", paragraph) for paragraph in notice["body"]),
        _node("p", _node("a", notice["links"]["policy"]["text"])),
        _node("noscript", _node("p", words["no_js"])),
        _node(
            "form",
            _node("h2", words["choices"]),
            _node("p", words["none"]),
            *(_fieldset(each, notice["labels"], words) for each in notice["categories"]),
            _node(
                "p",
                _button(buttons["accept"], "accept"),
                _button(buttons["reject"], "reject"),
                _button(buttons["save"], "save"),
            ),
        ),
    ]


def _node(element: str, *parts: Node | str, **attributes: object) -> Node:
    return {"element": element, **attributes, "parts": [part for part in parts if part != ""]}


def _corner(notice: Mapping[str, Any]) -> Node:
    """The small buttons; the second is there as long as there is a yes to end."""
    return _node("div", _button(notice["manage"], "open"), _button(notice["withdraw"], "reject-all"))


def _button(text: str, control: str = "") -> Node:
    """A button; one without a control changes the layer and answers nothing."""
    return _node("button", text, **({"control": control} if control else {}))


def _equals(notice: Mapping[str, Any], order: Sequence[str], choose: Node) -> list[Node]:
    """The three buttons of a layer, in the site's order; `choose` is the third."""
    all_ = {name: _button(notice["buttons"][name], f"{name}-all") for name in ("accept", "reject")}
    return [(all_ | {"choose": choose})[name] for name in order]


def _box(name: str, *, locked: bool) -> Node:
    return _node("input", type="checkbox", name=name, checked=locked, disabled=locked)


def _links(notice: Mapping[str, Any]) -> Node:
    details, policy = (_node("a", notice["links"][name]["text"]) for name in ("details", "policy"))
    return _node("p", details, " ", policy)


def _purpose(category: Mapping[str, Any], labels: Mapping[str, str]) -> Node:
    always = [_node("strong", labels["always"])] if category["locked"] else []
    return _node("li", _node("strong", category["name"]), f" {category['description']} ", *always)


def _category(category: Mapping[str, Any], labels: Mapping[str, str]) -> Node:
    locked, services = category["locked"], category["services"]
    always = [_node("span", labels["always"])] if locked else []
    box = _box(category["id"], locked=locked)
    label = _node("label", box, _node("strong", category["name"]), *always)
    count = f"{labels['services']} ({len(services)})"
    listed = _node("ul", *(_service(service, labels) for service in services))
    details = [_node("details", _node("summary", count), listed)] if services else []
    return _node("li", label, _node("p", category["description"]), *details)


def _service(service: Mapping[str, Any], labels: Mapping[str, str]) -> Node:
    """One service: no sentence is made of its parts, and names keep their own direction in any text."""
    where = [_node("dd", f"{{{service['country']}}}")] if service["country"] else []
    trackers = [
        _node("dd", _node("code", _node("bdi", each["name"])), " ", each["lifetime"])
        for each in service["trackers"]
    ]
    return _node(
        "li",
        _node("strong", _node("bdi", service["name"])),
        *(_node("div", purpose) for purpose in service["purposes"]),
        _node(
            "dl",
            _node("dt", labels["vendor"]),
            _node("dd", _node("bdi", service["vendor"])),
            *where,
            *([_node("dt", labels["trackers"]), *trackers] if trackers else []),
        ),
        _node("a", labels["privacy"]),
    )


def _fieldset(category: Mapping[str, Any], labels: Mapping[str, str], words: Mapping[str, str]) -> Node:
    legend, description = _node("legend", category["name"]), _node("p", category["description"])
    if category["locked"]:
        return _node("fieldset", legend, description, _node("p", labels["always"]))
    box = _box("choice", locked=False) | {"value": category["id"]}
    label = _node("p", _node("label", box, " " + category["name"]))
    return _node("fieldset", legend, description, label, _node("p", words["unknown"]))
