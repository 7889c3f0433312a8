"""The demonstration shop: an ordinary Starlette application that knows its vendors' snippets."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from consentkit.demo.snippets import EMBEDS, EVERYWHERE, PARTS, Part, place

HERE = Path(__file__).parent
VISIT_COOKIE = "_shop_visit"
VISIT_AGE = 180 * 86_400
BASKET_COOKIE = "basket"


@dataclass(frozen=True, slots=True)
class Tea:
    """A thing the shop sells; `tint` is the hue of its picture in degrees."""

    slug: str
    name: str
    line: str
    text: str
    price: str
    tint: int


TEAS = (
    Tea(
        "morning-assam",
        "Morning Assam",
        "Malty, bright, forgiving.",
        "A second-flush Assam for people who talk after the first cup. Takes milk, takes its time, "
        "takes a second infusion.",
        "9.50",
        18,
    ),
    Tea(
        "smoked-pine",
        "Smoked Pine",
        "Campfire and orange peel.",
        "Leaves dried over pine embers in the old way. One spoon in a pot of plain black tea is plenty.",
        "12.00",
        265,
    ),
    Tea(
        "garden-mint",
        "Garden Mint",
        "Cut in the morning, dried by night.",
        "Spearmint, peppermint and a little lemon balm from our own terrace. No caffeine, no sugar needed.",
        "7.20",
        140,
    ),
    Tea(
        "winter-rooibos",
        "Winter Rooibos",
        "Orange, clove, late light.",
        "Red bush with orange peel and clove. Good at four in the afternoon in November.",
        "8.80",
        35,
    ),
)
BY_SLUG = {tea.slug: tea for tea in TEAS}


class _Shop:
    def __init__(self, tracker: str) -> None:
        self.tracker = tracker
        self.templates = Jinja2Templates(HERE / "templates")
        self.baskets: dict[str, Counter[str]] = {}

    def page(self, request: Request, name: str, **context: object) -> Response:
        film, map_ = (self._part(embed, "content") for embed in EMBEDS)
        return self._render(request, name, EVERYWHERE, context | {"film": film, "map": map_})

    def _render(
        self, request: Request, name: str, parts: tuple[Part, ...], context: dict[str, object]
    ) -> Response:
        places = {where: Markup(place(parts, where, self.tracker)) for where in ("head", "top", "end")}  # noqa: S704  (our own files)
        basket = self._basket(request)
        return self.templates.TemplateResponse(
            request,
            name,
            places | {"tracker": self.tracker, "teas": TEAS, "in_basket": basket.total()} | context,
        )

    def _part(self, name: str, where: str) -> Markup:
        part = next(part for part in PARTS if part.name == name)
        return Markup(part.markup(where, self.tracker))  # noqa: S704  (our own files)

    def _basket(self, request: Request) -> Counter[str]:
        return self.baskets.get(request.cookies.get(BASKET_COOKIE, ""), Counter())

    async def home(self, request: Request) -> Response:
        return self.page(request, "home.html")

    async def about(self, request: Request) -> Response:
        return self.page(request, "about.html")

    async def tea(self, request: Request) -> Response:
        """A product page; the only page that counts visits, and it asks first."""
        tea = BY_SLUG.get(request.path_params["slug"])
        if tea is None:
            raise HTTPException(404)
        answer = self.page(request, "tea.html", tea=tea)
        if may_count(request):
            visits = request.cookies.get(VISIT_COOKIE, "")
            count = int(visits) + 1 if visits.isdecimal() else 1
            answer.set_cookie(VISIT_COOKIE, str(min(count, 999)), max_age=VISIT_AGE, samesite="lax")
        return answer

    async def basket(self, request: Request) -> Response:
        rows = [(BY_SLUG[slug], number) for slug, number in self._basket(request).items()]
        return self.page(request, "basket.html", rows=rows)

    async def add(self, request: Request) -> Response:
        tea = BY_SLUG.get(request.path_params["slug"])
        if tea is None:
            raise HTTPException(404)
        known = request.cookies.get(BASKET_COOKIE, "")
        number = known if known in self.baskets else uuid4().hex
        self.baskets.setdefault(number, Counter())[tea.slug] += 1
        answer = RedirectResponse("/basket", 303)
        answer.set_cookie(BASKET_COOKIE, number, httponly=True, samesite="lax")
        return answer

    async def only(self, request: Request) -> Response:
        """A page with one part and nothing else."""
        parts = tuple(part for part in PARTS if part.name == request.path_params["part"])
        if not parts:
            raise HTTPException(404)
        content = Markup(place(parts, "content", self.tracker))  # noqa: S704  (our own files)
        return self._render(request, "only.html", parts, {"part": parts[0], "content": content})

    async def echo_cookies(self, request: Request) -> Response:
        return JSONResponse({"cookies": sorted(request.cookies)}, headers={"cache-control": "no-store"})


def may_count(request: Request) -> bool:
    """Whether this visitor may be counted: what consentkit says, or always where it isn't mounted."""
    if "consentkit" not in request.scope:
        return True
    from consentkit import consent_of

    return consent_of(request).allows("analytics")


def shop(tracker: str) -> Starlette:
    """The shop; `tracker` is the stand-in's origin, such as `http://127.0.0.1:8001`."""
    pages = _Shop(tracker)
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/tea/{slug}", pages.tea),
            Route("/tea/{slug}/add", pages.add, methods=["POST"]),
            Route("/about", pages.about),
            Route("/basket", pages.basket),
            Route("/only/{part}", pages.only),
            Route("/api/echo-cookies", pages.echo_cookies),
            Mount("/assets", StaticFiles(directory=HERE / "assets")),
        ]
    )
