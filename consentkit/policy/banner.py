"""How the banner stands in its page, as a policy says it: the `banner` table."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal, NamedTuple, get_args

from pydantic import BaseModel, Field

from consentkit.errors import Problem
from consentkit.policy.registry import shown
from consentkit.policy.tables import STRICT

Control = Literal["accept", "reject", "choose"]
CONTROLS: Final[tuple[Control, ...]] = get_args(Control)
_ORDER: Final = "a list of accept, reject and choose, each of them once"

WANTED: Final = {
    "banner": "a table",
    "banner.form": "one of three words",
    "banner.position": "one of two words",
    "banner.order": _ORDER,
    "banner.order.*": "a button of the banner",
    "banner.button": "a corner, or none",
    "banner.headless": "true or false",
}


class Files(NamedTuple):
    """What draws a form: the plain names of its script and of its style sheet."""

    script: str
    style: str


# A5, A6, A8, L17
class Banner(BaseModel):
    """How the banner stands in its page; a change of it asks nobody again.

    `form`: a bar at the page's edge (`bar`), a modal dialog in its middle (`dialog`), or a block in the page
    (`inline`): at the element marked `data-consent="here"`, else at the page's beginning. `position`: the
    edge that a bar is at. `order`: of the buttons, on both layers; `choose` is where the second layer saves.
    `button`: a small button in this corner of each page opens the choices again. `headless`: the site draws
    all of that itself.
    """

    model_config = STRICT

    form: Literal["bar", "dialog", "inline"] = "bar"
    position: Literal["bottom", "top"] = "bottom"
    order: list[Control] = Field(default=list(CONTROLS), min_length=3, max_length=3)
    button: Literal["none", "bottom-left", "bottom-right", "top-left", "top-right"] = "none"
    headless: bool = False

    @property
    def files(self) -> Files:
        """The script and the style sheet that draw this form; the latter holds placeholders' styles too."""
        if self.headless:
            return Files("headless.js", "banner.css")
        if self.form == "bar":
            return Files("banner.js", "banner.css" if self.position == "bottom" else "top.css")
        return Files(f"{self.form}.js", f"{self.form}.css")

    @property
    def corner(self) -> Files | None:
        """What draws the small button, if there is one."""
        return None if self.button == "none" else Files("corner.js", "corner.css")


def banner_problems(table: object) -> Iterator[Problem]:
    """Yield what is wrong between the fields of a `banner` table, each of which may be right."""
    if not isinstance(table, Mapping):
        return
    order, form, position = table.get("order"), table.get("form", "bar"), table.get("position", "bottom")
    named = order if isinstance(order, list) and len(order) == 3 else []
    if any(named.count(each) > 1 for each in CONTROLS):
        yield Problem("banner.order", f"must be {_ORDER}, not {shown(order)}", CONTROLS)
    if form in ("dialog", "inline") and position == "top":
        yield Problem("banner.position", f"is a bar's, and the form is {shown(form)}", ("bottom",))
    if table.get("headless") is True:
        for field in sorted(table.keys() & {"form", "position", "order", "button"}):
            yield Problem(f"banner.{field}", "shows nowhere: with headless, nothing is drawn")
