"""What can be measured of a page as it is drawn: what can be reached, what is cut off, how much differs."""

import base64
from typing import Any

from playwright.sync_api import FloatRect, Locator, Page

CONTROLS = "a[href], button, input, summary"
LOST = """(box) => {
  const root = document.scrollingElement, lost = [];
  if (root.scrollWidth > root.clientWidth) lost.push("the page scrolls sideways");
  for (const each of [box, ...box.querySelectorAll("*")]) {
    const { overflowX, overflowY } = getComputedStyle(each);
    const name = each.className + " " + each.textContent.slice(0, 30);
    const cut = /hidden|clip/.test(overflowX + overflowY);
    // What is inline has no box of its own, and tables may scroll in theirs.
    if (!each.clientWidth || each.closest(".scroll")) continue;
    if (each.scrollWidth > each.clientWidth + 1) lost.push("too wide: " + name);
    if (cut && each.scrollHeight > each.clientHeight + 1) lost.push("cut: " + name);
  }
  for (const each of box.querySelectorAll("a[href], button, input, summary")) {
    if (!each.checkVisibility() || each.disabled) continue;
    each.scrollIntoView({ block: "center" });
    const { left, top, width, height } = each.getClientRects()[0];
    const met = document.elementFromPoint(left + width / 2, top + height / 2);
    if (!each.contains(met)) lost.push("out of reach: " + (each.textContent || each.name));
  }
  return lost;
}"""
COMPARE = """async ([one, other, [left, top, width, height]]) => {
  const pixels = async (png) => {
    const image = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, image.width, image.height);
  };
  const linear = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ({ data }, i) =>
    0.2126 * linear(data[i]) + 0.7152 * linear(data[i + 1]) + 0.0722 * linear(data[i + 2]);
  const a = await pixels(one), b = other && (await pixels(other)), sides = new Set();
  let count = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    // Without another picture, what it looks like is compared with what is around it.
    const pair = [light(a, i), b ? light(b, i) : light(a, 0)].sort((x, y) => x - y);
    if ((pair[1] + 0.05) / (pair[0] + 0.05) < 3) continue;
    const x = (i / 4) % a.width, y = Math.floor(i / 4 / a.width);
    count++;
    if (x < left) sides.add("left");
    if (y < top) sides.add("top");
    if (x >= left + width) sides.add("right");
    if (y >= top + height) sides.add("bottom");
  }
  return [count, [...sides].sort()];
}"""
FOCUSED = """() => {
  const each = document.activeElement, banner = document.querySelector(".consentkit-banner");
  const tabbable = [...document.querySelectorAll("a[href], button, input, summary")]
    .filter((each) => each.checkVisibility() && !each.disabled);
  const { left, right, top, bottom } = each.getBoundingClientRect(), over = banner.getBoundingClientRect();
  const seen = top >= 0 && bottom <= innerHeight && (banner.contains(each)
    ? each.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2))
    : bottom <= over.top || top >= over.bottom);
  return [tabbable.indexOf(each), tabbable.length, seen];
}"""
SMALL = """(box, controls) => [...box.querySelectorAll(controls)]
  .filter((each) => each.checkVisibility())
  .map((each) => [each.textContent || each.name, each.offsetWidth, each.offsetHeight])
  .filter(([name, width, height]) => width < 24 || height < 24)"""
EQUAL = """(box, texts) => texts.map(({ locale, dir, buttons }) => {
  Object.assign(box, { lang: locale, dir });
  const both = ["accept", "reject"].map((name) => [name, box.querySelector(`[data-consent=${name}-all]`)]);
  for (const [name, button] of both) button.textContent = buttons[name];
  return both.map(([, button]) => {
    const style = getComputedStyle(button);
    const look = ["color", "backgroundColor", "font", "letterSpacing", "textTransform", "textDecoration",
      "border", "borderRadius", "boxShadow", "outline", "opacity", "filter"].map((each) => style[each]);
    return [button.offsetWidth, button.offsetHeight, button.scrollWidth <= button.offsetWidth, look];
  });
})"""
OWN_STYLE = """css => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
}"""
AROUND = 6


def lost(box: Locator) -> list[str]:
    """Return what of an element can't be read or reached in the window as it is; nothing if all is well."""
    found: list[str] = box.evaluate(LOST)
    return found


def focus_ring(each: Locator) -> tuple[float, list[str]]:
    """Return how much of a ring focus draws around a control, and on which of its sides it shows.

    The first is the share of the area that a line of two pixels along its edge has (WCAG 2.2, 2.4.13): the
    pixels that differ by 3:1 between focused and not are counted.
    """
    each.focus()
    clip = _around(each)
    focused = _picture(each.page, clip)
    each.evaluate("each => each.blur()")
    count, sides = _compare(each.page, focused, _picture(each.page, clip), clip)
    return count / (4 * (clip["width"] + clip["height"] - 4 * AROUND)), sides


def edge(each: Locator) -> float:
    """Return how much of a control differs by 3:1 from what is around it, in pixels along its edge."""
    each.scroll_into_view_if_needed()
    clip = _around(each)
    count, _ = _compare(each.page, _picture(each.page, clip), b"", clip)
    return count / (2 * (clip["width"] + clip["height"] - 4 * AROUND))


def _around(each: Locator) -> FloatRect:
    at = each.bounding_box()
    assert at is not None
    x, y = int(at["x"]) - AROUND, int(at["y"]) - AROUND
    return {"x": x, "y": y, "width": int(at["width"]) + 2 * AROUND, "height": int(at["height"]) + 2 * AROUND}


def _picture(page: Page, clip: FloatRect) -> bytes:
    return page.screenshot(clip=clip)


def _compare(page: Page, one: bytes, other: bytes, clip: FloatRect) -> Any:
    inside = [AROUND, AROUND, clip["width"] - 2 * AROUND, clip["height"] - 2 * AROUND]
    pictures = [base64.b64encode(each).decode() for each in (one, other)]
    return page.evaluate(COMPARE, [*pictures, inside])
