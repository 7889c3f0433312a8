"""What a browser would load from a page, found while the page streams by, and made inert."""

from consentkit.gate.markup.rewriter import LIMIT, PREFIX, Rewriter, Rules

__all__ = ["LIMIT", "PREFIX", "Rewriter", "Rules"]
