import { claimsOf } from "./claims.js";
import { loadStyle, make } from "./elements.js";
import { loadDetails, loadNotice } from "./notice.js";

const PLACES = "iframe:is([data-consentkit],[data-src]),[data-consent-for]";
// What a theme may set; a frame inherits nothing from the page that it stands in.
const THEME = ["background", "text", "border", "button", "button-text", "radius", "font"];

/**
 * The categories that a place waits for; none if there is one that nobody can allow.
 *
 * @param {Kernel} kernel
 * @param {HTMLElement} place
 */
function waitsFor({ config: { services, categories }, config, may }, place) {
  const { consentFor: id } = place.dataset;
  const claims = id == null ? claimsOf(config, place) : [services[id] ?? ""];
  const missing = [...new Set(claims)].filter((category) => !may(category));
  return missing.every((category) => categories.includes(category)) ? missing : [];
}

/** @param {Kernel} kernel @param {HTMLElement} place @param {Notice} notice @param {Details} details */
function told(kernel, place, notice, details) {
  const { consentkit, service: own, consentFor, consentkitSrc, src } = place.dataset;
  const id = consentFor ?? consentkit ?? own;
  const service = Object.values(details.services).flat().find((each) => each.id === id);
  const { host } = make("a", { href: consentkitSrc ?? src ?? "" });
  const names = notice.categories.filter((each) => waitsFor(kernel, place).includes(each.id)).map(({ name }) => name);
  const words = { service: service?.name ?? host, vendor: service?.vendor ?? host, category: names.join(", ") };
  return { ...words, instead: service?.instead };
}

/**
 * The way that does without: an element of the page, as it is there, or a link of the policy's.
 *
 * @param {HTMLElement} place
 * @param {NoticeService["instead"]} link
 */
function otherWay({ dataset: { consentInstead } }, link) {
  const there = consentInstead && /** @type {any} */ (document.getElementById(consentInstead.slice(1)));
  if (there) return [...(there.content ?? there).cloneNode(true).childNodes];
  return link && [make("a", { href: link.href }, link.text)];
}

/** @param {Config} config */
async function words(config) {
  const notice = await loadNotice(config);
  return { notice, details: await loadDetails(config, notice) };
}

/**
 * Has each blocked frame say itself what it is: it keeps its place and its size. An element that stands for
 * something without a frame gets one.
 *
 * @param {Kernel} kernel
 * @returns {Part}
 */
export default function placeholders(kernel) {
  const { config } = kernel;
  const drawn = new WeakSet();
  /** The frames that were put in, by what they stand for. @type {Map<HTMLElement, HTMLIFrameElement>} */
  const frames = new Map();
  /** What has been loaded once: its categories, and what it was before. @type {Map<Element, [string[], Node]>} */
  const loaded = new Map();
  /** @type {ReturnType<typeof words> | undefined} */
  let said;

  // A no, in whatever tab, ends what has been loaded once too.
  new BroadcastChannel("consentkit").onmessage = ({ data }) => {
    for (const [frame, [categories, before]] of loaded) {
      if (!data || !categories.some((category) => data.includes(category))) continue;
      loaded.delete(frame);
      frame.replaceWith(before);
    }
  };

  /**
   * Loads this one, on this page. It is what the visitor asks for, and no more (L1): no answer is recorded, the
   * category stays denied, and what the frame leaves behind is cleared as ever.
   *
   * @param {HTMLElement} frame
   */
  async function once(frame) {
    const { restore } = await import(location.origin + config.revive);
    loaded.set(frame, [waitsFor(kernel, frame), frame.cloneNode()]);
    restore(frame);
    frame.focus();
  }

  /** Answers about what this one waits for, alone. @param {HTMLElement} place @returns {Promise<string | undefined>} */
  async function always(place) {
    const { choose } = await import(location.origin + config.choice);
    place.addEventListener("load", () => document.activeElement === document.body && place.focus(), { once: true });
    return choose(kernel, Object.fromEntries(waitsFor(kernel, place).map((each) => [each, true])), "always", "placeholder");
  }

  /** @param {HTMLElement} place @param {HTMLIFrameElement} frame @param {Notice} notice @param {Details} details */
  function draw(place, frame, notice, details) {
    const page = frame.contentDocument;
    // Anything else is a document of the site's own, or cannot be written into.
    if (page?.URL !== "about:blank" || drawn.has(page)) return;
    drawn.add(page);
    // Some browsers replace the first, empty document by another one.
    frame.addEventListener("load", refresh);
    const { embed, labels } = details;
    const { instead, ...names } = told(kernel, place, notice, details);
    const say = (/** @type {string} */ text) => text.replace(/\{(\w+)\}/g, (_, key) => names[/** @type {"vendor"} */ (key)]);
    frame.title ||= names.service;
    page.title = frame.title;
    const status = make("p", { role: "status" });
    const control = (/** @type {string} */ text, /** @type {() => Promise<any>} */ run) =>
      make("button", {
        type: "button",
        "aria-label": `${say(text)}: ${frame.title}`,
        async onclick(/** @type {any} */ { isTrusted, target }) {
          // No script presses this for the visitor.
          if (!isTrusted) return;
          target.disabled = true;
          const wrong = await run().catch(() => "failed");
          target.disabled = false;
          if (!wrong) return;
          status.textContent = notice.status[/** @type {"failed"} */ (wrong)];
          target.focus();
        },
      }, say(text));
    const manage = {
      href: location.origin + config.prefix + "/",
      onclick(/** @type {Event} */ event) {
        event.preventDefault();
        /** @type {ConsentKit} */ (window.consentkit).open?.();
      },
    };
    const way = otherWay(place, instead);
    const parts = [
      make("p", {}, say(embed.blocked)),
      way && make("div", {}, embed.instead + " ", ...way),
      make("div", {}, place === frame && control(embed.once, () => once(place)), control(embed.always, () => always(place))),
      make("a", manage, labels.unblock),
      status,
    ];
    Object.assign(page.documentElement, { lang: notice.locale, dir: notice.dir });
    const theme = getComputedStyle(place);
    for (const name of THEME.map((each) => "--consentkit-" + each)) {
      page.documentElement.style.setProperty(name, theme.getPropertyValue(name));
    }
    const show = () => {
      page.body.append(...parts.filter((each) => !!each));
      if (frame !== place && !frame.style.height) frame.height = page.documentElement.scrollHeight + "";
    };
    page.head.append(make("base", { target: "_top" }));
    void loadStyle(location.origin + config.styles.placeholders, page.head).then(show);
  }

  const blocked = () =>
    /** @type {HTMLElement[]} */ ([...document.querySelectorAll(PLACES)]).filter((place) => waitsFor(kernel, place)[0]);

  async function refresh() {
    if (!said && !blocked()[0]) return;
    const { notice, details } = await (said ??= words(config));
    const places = blocked();
    for (const [place, frame] of frames) {
      if (places.includes(place)) continue;
      frame.remove();
      frames.delete(place);
    }
    for (const place of places) {
      let frame = place instanceof HTMLIFrameElement ? place : frames.get(place);
      if (!frame) {
        frame = make("iframe", {});
        const height = place.clientHeight ? "100%" : "";
        Object.assign(frame.style, { border: 0, display: "block", height, width: "100%" });
        frames.set(place, frame);
        place.append(frame);
      }
      draw(place, frame, notice, details);
    }
  }

  return { refresh };
}
