import { make } from "./elements.js";
import { firstLayer, secondLayer, TITLE } from "./layers.js";
import { loadNotice } from "./notice.js";
import { placeholders } from "./placeholder.js";

const ROOT = document.documentElement;
const OPEN = "consentkit-open";

/** @param {string} href */
function loadStyle(href) {
  const link = make("link", { rel: "stylesheet", href });
  const nonce = document.querySelector("script")?.nonce;
  if (nonce) link.nonce = nonce;
  document.head.append(link);
  return new Promise((resolve) => (link.onload = link.onerror = resolve));
}

/**
 * The dialog and the placeholders of one page.
 *
 * @param {Kernel} kernel
 */
export async function panel(kernel) {
  const { config, may } = kernel;
  const [notice] = await Promise.all([loadNotice(config), loadStyle(location.origin + config.css)]);
  const status = make("p", { class: "status", role: "status" });
  const box = make("div", {
    class: "banner",
    role: "dialog",
    "aria-labelledby": TITLE,
    lang: notice.locale,
    dir: notice.dir,
  });
  const saved = make("p", { class: "saved", role: "status", lang: notice.locale });
  const showBlocked = placeholders(kernel, notice);
  const size = new ResizeObserver(() => ROOT.style.setProperty("--consentkit-height", box.offsetHeight + "px"));
  let layer = 0;
  let busy = false;
  /** Whether the visitor opened it; then Escape closes it, and focus goes back to where it came from. */
  let byVisitor = false;
  /** @type {Element | null} */
  let opener = null;

  size.observe(box);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && byVisitor && layer && !busy) close();
  });

  /** @param {1 | 2} wanted */
  function show(wanted) {
    layer = wanted;
    status.textContent = "";
    const parts = wanted === 1 ? firstLayer(notice, showChoices) : secondLayer(notice, may, close);
    box.replaceChildren(...parts, status);
    // First in the page, so that the keyboard meets it before everything else.
    if (!box.isConnected) document.body.prepend(box);
    if (!saved.isConnected) document.body.append(saved);
    ROOT.classList.add(OPEN);
  }

  function showChoices() {
    show(2);
    focusTitle();
  }

  const focusTitle = () => document.getElementById(TITLE)?.focus();

  function hide() {
    layer = 0;
    box.remove();
    ROOT.classList.remove(OPEN);
    if (byVisitor && opener instanceof HTMLElement) opener.focus();
    byVisitor = false;
    opener = null;
  }

  /** Leaves without a choice: who still has to choose sees the first layer again. */
  function close() {
    if (!kernel.asking()) return hide();
    const back = opener;
    byVisitor = false;
    opener = null;
    show(1);
    if (back instanceof HTMLElement) back.focus();
    else focusTitle();
  }

  /** @param {boolean} on */
  function setBusy(on) {
    busy = on;
    box.setAttribute("aria-busy", String(on));
    for (const each of box.querySelectorAll("button")) each.disabled = on;
  }

  /** Where a control was pressed: on a layer of ours, the visitor's own opening of it, or the site's page. */
  const mechanism = () => (layer === 2 ? (byVisitor ? "reopened" : "preferences") : layer ? "banner" : "page");

  /**
   * @param {Record<string, boolean>} choices
   * @param {Verb} control
   * @returns {Promise<State | string>} the new state, or what went wrong
   */
  async function post(choices, control) {
    try {
      const answer = await fetch(location.origin + config.prefix + "/", {
        method: "POST",
        keepalive: true,
        signal: AbortSignal.timeout(1e4),
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({
          choices,
          policy: config.policy,
          mechanism: mechanism(),
          control,
          locale: notice.locale,
          // Its file's name has the digits of its hash: a page from a cache shows an earlier one.
          notice: config.notices[notice.locale]?.split(".").at(-2),
          client: Date.now(),
        }),
      });
      return answer.status === 201 ? await answer.json() : notice.status.failed;
    } catch {
      return notice.status.offline;
    }
  }

  /** @param {Record<string, boolean>} choices @param {Verb} control */
  async function choose(choices, control) {
    const pressed = document.activeElement;
    const denied = config.categories.filter((category) => !choices[category]);
    setBusy(true);
    kernel.withdraw(denied);
    const result = await post(choices, control);
    setBusy(false);
    if (typeof result === "string") {
      if (!layer) {
        byVisitor = !kernel.asking();
        show(byVisitor ? 2 : 1);
      }
      status.textContent = result;
      if (pressed instanceof HTMLElement) pressed.focus();
      kernel.finish();
      return;
    }
    if (layer) hide();
    saved.textContent = notice.status.saved;
    kernel.finish(result);
  }

  function ticked() {
    const on = [...box.querySelectorAll("input")].filter((input) => input.checked).map((input) => input.name);
    return Object.fromEntries(config.categories.map((category) => [category, on.includes(category)]));
  }

  /** @param {Element | null} from */
  function open(from) {
    if (!box.contains(from)) opener = from;
    byVisitor = true;
    showChoices();
  }

  return {
    /** @param {HTMLIFrameElement[]} frames */
    refresh(frames) {
      showBlocked(frames);
      if (kernel.asking()) layer || show(1);
      else if (layer && !byVisitor && !busy) hide();
    },
    /** @param {Verb} verb @param {Element | null} from @param {boolean} [trusted] */
    async act(verb, from, trusted) {
      if (busy) return;
      if (verb === "open" || (verb === "save" && layer !== 2)) return open(from);
      const all = Object.fromEntries(config.categories.map((category) => [category, verb === "accept-all"]));
      const choices = verb === "save" ? ticked() : all;
      // A script may refuse for the visitor, but only the visitor can grant.
      if (!trusted && config.categories.some((category) => choices[category] && !may(category))) return;
      await choose(choices, verb);
    },
  };
}
