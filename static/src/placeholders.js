import { claimsOf } from "./claims.js";
import { loadStyle, make } from "./elements.js";
import { loadDetails, loadNotice } from "./notice.js";

const PLACES = ":is(iframe,object,embed):is([data-consentkit],[data-src]):not(object *),[data-consent-for]";
/** @type {Partial<Details>} */
const NOTHING = {};
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

/** @param {Kernel} kernel @param {HTMLElement} place @param {Notice} notice @param {Partial<Details>} details */
function told(kernel, place, notice, { services = {} }) {
  const { consentkit, service: own, consentFor, consentkitSrc, consentkitData, src } = place.dataset;
  const id = consentFor ?? consentkit ?? own;
  const service = Object.values(services).flat().find((each) => each.id === id);
  const { host } = make("a", { href: consentkitSrc ?? consentkitData ?? src ?? "" });
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

/**
 * Has each blocked frame say itself what it is: it keeps its place and its size. An element that stands for
 * something without a frame gets one in it, an object gets one beside it.
 *
 * @param {Kernel} kernel
 * @returns {Part}
 */
export default function placeholders(kernel) {
  const { config } = kernel;
  /** What was known of it as each document was drawn. @type {WeakMap<Document, Partial<Details>>} */
  const drawn = new WeakMap();
  /** The frames that were put in, by what they stand for. @type {Map<HTMLElement, HTMLIFrameElement>} */
  const frames = new Map();
  /** What has been loaded once: its categories, and what it was before. @type {Map<Element, [string[], Node]>} */
  const loaded = new Map();

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
   * @param {HTMLElement} place
   */
  async function once(place) {
    const { restore } = await kernel.once("revive");
    loaded.set(place, [waitsFor(kernel, place), place.cloneNode(true)]);
    restore(place);
    place.focus();
    await refresh();
  }

  /** Answers about what this one waits for, alone. @param {HTMLElement} place @returns {Promise<string | undefined>} */
  async function always(place) {
    const { choose } = await kernel.once("choice");
    place.addEventListener("load", () => document.activeElement === document.body && place.focus(), { once: true });
    return choose(kernel, Object.fromEntries(waitsFor(kernel, place).map((each) => [each, true])), "always", "placeholder");
  }

  /** @param {HTMLElement} place @param {HTMLIFrameElement} frame @param {Notice} notice @param {Partial<Details>} details */
  function draw(place, frame, notice, details) {
    const page = frame.contentDocument;
    // Anything else is a document of the site's own, or cannot be written into.
    const { embed, labels } = details;
    if (page?.URL !== "about:blank" || drawn.get(page) === details) return;
    drawn.set(page, details);
    // Some browsers replace the first, empty document by another one.
    frame.addEventListener("load", refresh);
    const { instead, ...names } = told(kernel, place, notice, details);
    const say = (/** @type {string} */ text) => text.replace(/\{(\w+)\}/g, (_, key) => names[/** @type {"vendor"} */ (key)]);
    if (embed) frame.title ||= names.service;
    page.title = frame.title || names.vendor;
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
    const way = otherWay(place, instead);
    // Without its words, it says what the page itself tells of it.
    const parts = [
      make("p", {}, embed ? say(embed.blocked) : [frame.title, names.vendor].filter(Boolean).join(" · ")),
      way && make("div", {}, embed ? embed.instead + " " : "", ...way),
      embed && make(
        "div",
        {},
        !place.dataset.consentFor && control(embed.once, () => once(place)),
        // A yes to what the browser objects to would change nothing here.
        (navigator.globalPrivacyControl && config.sold.includes(/** @type {string} */ (waitsFor(kernel, place)[0])) && /** @type {any} */ (details.signal).gpc[1]) ||
          control(embed.always, () => always(place)),
      ),
      make("a", {
        href: location.origin + config.prefix + "/",
        onclick(/** @type {Event} */ event) {
          event.preventDefault();
          /** @type {ConsentKit} */ (window.consentkit).open?.();
        },
      }, labels?.unblock ?? notice.links.details.text),
      status,
    ];
    Object.assign(page.documentElement, { lang: notice.locale, dir: notice.dir });
    const theme = getComputedStyle(place);
    for (const each of THEME) {
      const name = "--consentkit-" + each;
      page.documentElement.style.setProperty(name, theme.getPropertyValue(name));
    }
    const show = () => {
      page.body.replaceChildren(...parts.filter((each) => !!each));
      if (frame !== place) frame.height = page.documentElement.scrollHeight + "";
    };
    page.head.append(make("base", { target: "_top" }));
    void loadStyle(location.origin + config.styles.placeholders, page.head).then(show);
  }

  const blocked = () =>
    /** @type {HTMLElement[]} */ ([...document.querySelectorAll(PLACES)]).filter((place) => waitsFor(kernel, place)[0]);

  async function refresh() {
    if (!frames.size && !blocked()[0]) return;
    const notice = await loadNotice(kernel);
    const details = await loadDetails(kernel, notice).catch(() => NOTHING);
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
        frames.set(place, frame);
        if (place.matches("object,embed")) {
          const { width, height } = /** @type {HTMLObjectElement} */ (place);
          Object.assign(frame, { width, height });
          place.after(frame);
        } else {
          // As high as its place where that has a height, else as high as its words.
          Object.assign(frame.style, { border: 0, display: "block", maxHeight: "100%", width: "100%" });
          frame.height = (place.clientHeight || 150) + "";
          place.append(frame);
        }
      }
      draw(place, frame, notice, details);
    }
  }

  return { refresh };
}
