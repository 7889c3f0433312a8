"""What a browser would load from a page, found while the page streams by, and made inert."""

from consentkit.gate.markup.rewriter import LIMIT, PREFIX, Page, Rewriter, Rules, rewrite_page

__all__ = ["LIMIT", "PREFIX", "Page", "Rewriter", "Rules", "rewrite_page"]
