import { button, make } from "./elements.js";
import { fill } from "./notice.js";
import { claimsOf } from "./revive.js";

const HIDDEN = "consentkit-hidden";

/** @param {Notice} notice @param {HTMLIFrameElement} frame */
function wording({ categories, embed }, frame) {
  const id = frame.dataset.consentkit ?? frame.dataset.service;
  const service = categories.flatMap((each) => each.services).find((each) => each.id === id);
  const { host } = make("a", { href: frame.dataset.consentkitSrc ?? frame.dataset.src ?? "" });
  return fill(embed.blocked, { service: service?.name ?? host, vendor: service?.vendor ?? host });
}

/** @param {Kernel} kernel @returns {HTMLIFrameElement[]} blocked, of declared categories, waiting for a choice */
export const blockedFrames = ({ config, may }) =>
  [...document.querySelectorAll("iframe")].filter((frame) => {
    const claims = frame.matches("[data-consentkit],[data-category][data-src]") ? claimsOf(config, frame) : [];
    return !claims.every(may) && claims.every((category) => may(category) || config.categories.includes(category));
  });

/**
 * Keeps a small box in the place of each blocked iframe that could be seen.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 */
export function placeholders(kernel, notice) {
  /** @type {Map<HTMLIFrameElement, HTMLElement>} */
  const boxes = new Map();
  /** @param {HTMLIFrameElement[]} blocked */
  return (blocked) => {
    for (const [frame, box] of boxes) {
      if (blocked.includes(frame)) continue;
      box.remove();
      frame.classList.remove(HIDDEN);
      boxes.delete(frame);
    }
    for (const frame of blocked) {
      const { offsetWidth, offsetHeight } = frame;
      if (boxes.has(frame) || offsetWidth < 24 || offsetHeight < 24) continue;
      const box = make(
        "div",
        { class: "blocked", lang: notice.locale, dir: notice.dir },
        make("p", { class: "paragraph" }, wording(notice, frame)),
        button(notice.labels.unblock, "open"),
      );
      const { position, top, left } = getComputedStyle(frame);
      Object.assign(box.style, { position, top, left, width: offsetWidth + "px", minHeight: offsetHeight + "px" });
      frame.before(box);
      frame.classList.add(HIDDEN);
      boxes.set(frame, box);
    }
  };
}
