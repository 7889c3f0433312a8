import { claimsOf } from "./claims.js";
import { button, loadStyle, make } from "./elements.js";
import { loadDetails, loadNotice } from "./notice.js";

const HIDDEN = "consentkit-hidden";

/** @param {Details} details @param {HTMLIFrameElement} frame */
function wording({ services, embed }, frame) {
  const id = frame.dataset.consentkit ?? frame.dataset.service;
  const service = Object.values(services).flat().find((each) => each.id === id);
  const { host } = make("a", { href: frame.dataset.consentkitSrc ?? frame.dataset.src ?? "" });
  const told = { service: service?.name ?? host, vendor: service?.vendor ?? host };
  return embed.blocked.replace(/\{(service|vendor)\}/g, (_, key) => told[/** @type {"vendor"} */ (key)]);
}

/** @param {Kernel} kernel @returns {HTMLIFrameElement[]} blocked, of declared categories, waiting for a choice */
const blockedFrames = ({ config, may }) =>
  [...document.querySelectorAll("iframe")].filter((frame) => {
    const claims = frame.matches("[data-consentkit],[data-category][data-src]") ? claimsOf(config, frame) : [];
    return !claims.every(may) && claims.every((category) => may(category) || config.categories.includes(category));
  });

/** @param {Config} config */
async function words(config) {
  const [notice] = await Promise.all([loadNotice(config), loadStyle(location.origin + config.styles.banner)]);
  return { notice, details: await loadDetails(config, notice) };
}

/**
 * Keeps a small box in the place of each blocked iframe that could be seen.
 *
 * @param {Kernel} kernel
 * @returns {Part}
 */
export default function placeholders(kernel) {
  /** @type {Map<HTMLIFrameElement, HTMLElement>} */
  const boxes = new Map();
  /** @type {ReturnType<typeof words> | undefined} */
  let said;
  return {
    async refresh() {
      if (!said && !blockedFrames(kernel)[0]) return;
      const { notice, details } = await (said ??= words(kernel.config));
      const blocked = blockedFrames(kernel);
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
          make("p", { class: "paragraph" }, wording(details, frame)),
          button(details.labels.unblock, "open"),
        );
        const { position, top, left } = getComputedStyle(frame);
        Object.assign(box.style, { position, top, left, width: offsetWidth + "px", minHeight: offsetHeight + "px" });
        frame.before(box);
        frame.classList.add(HIDDEN);
        boxes.set(frame, box);
      }
    },
  };
}
