"""The site's own page for status 500, which Starlette makes outside of every middleware that was added."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

Greet = Callable[[Scope], None]
Run = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]


def guard_error_page(site: object, greet: Greet, run: Run) -> None:
    """Make what a Starlette application's handler for 500 answers go through the gate as well.

    The handler itself is replaced. Answering in its place and raising again would run it twice: Starlette
    calls it for every error, even where an answer has gone out already.
    """
    layer = getattr(site, "middleware_stack", None)
    while layer is not None and not isinstance(layer, ServerErrorMiddleware):
        layer = getattr(layer, "app", None)
    if layer is not None and layer.handler is not None and not isinstance(layer.handler, GuardedHandler):
        layer.handler = GuardedHandler(layer.handler, greet, run)


@dataclass(frozen=True, slots=True)
class GuardedHandler:
    """A site's handler for 500 whose answer is filtered, and which may ask for the visitor's consent."""

    handler: Callable[..., Any]
    greet: Greet
    run: Run

    async def __call__(self, request: Request, error: Exception) -> Any:
        """Return an ASGI application that answers, as Starlette expects it of a handler."""
        self.greet(request.scope)
        # An async handler only makes its coroutine there.
        made = await run_in_threadpool(self.handler, request, error)
        response = await made if isawaitable(made) else made

        async def filtered(scope: Scope, receive: Receive, send: Send) -> None:
            await self.run(response, scope, receive, send)

        return filtered
