import { make } from "./elements.js";
import { firstLayer, TITLE } from "./layers.js";

const ROOT = document.documentElement;
const OPEN = "consentkit-open";

/**
 * The banner of one page. What its second layer says is fetched when somebody wants to see it.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @param {HTMLElement} box an empty element
 * @param {(box: HTMLElement) => void} put puts it in its place
 * @returns {Ui}
 */
export function panel(kernel, notice, box, put) {
  const { config } = kernel;
  const status = make("p", { class: "status", role: "status" });
  Object.assign(box, { lang: notice.locale, dir: notice.dir });
  const saved = make("p", { class: "saved", role: "status", lang: notice.locale });
  const size = new ResizeObserver(() => ROOT.style.setProperty("--consentkit-height", box.offsetHeight + "px"));
  let layer = 0;
  let busy = false;
  /** Whether the visitor opened it; then Escape closes it, and focus goes back to where it came from. */
  let byVisitor = false;
  /** @type {Element | null} */
  let opener = null;

  size.observe(box);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && layer > +!byVisitor && !busy) close();
  });

  // At hand before it is needed: an answer must not wait for a file.
  kernel.once("choice").catch(() => {});
  const away = () => location.assign(location.origin + config.prefix + "/");

  /** @param {1 | 2} wanted @param {(Node | string)[]} parts */
  function show(wanted, parts) {
    layer = wanted;
    status.textContent = "";
    // Put in anew: one that stays and grows would count as something that moves under the visitor's hand.
    box.remove();
    box.replaceChildren(...parts, status);
    put(box);
    if (!saved.isConnected) document.body.append(saved);
    ROOT.classList.add(OPEN);
  }

  const showFirst = () => {
    const { regime, scope } = /** @type {Record<string, any>} */ (kernel.asking());
    const seen = { ...notice, ...notice.regimes?.[regime], ...notice.scope?.[scope] };
    show(1, firstLayer(kernel, seen, () => void showChoices().catch(away)));
  };

  async function showChoices() {
    const { default: secondLayer } = await kernel.once("preferences");
    show(2, await secondLayer(kernel, notice, close));
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
    showFirst();
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
  const mechanism = (/** @type {Element | null} */ from) =>
    !box.contains(from) ? "page" : layer === 1 ? "banner" : byVisitor ? "reopened" : "preferences";

  /** @param {() => Promise<"failed" | "offline" | undefined>} record */
  async function choose(record) {
    const pressed = document.activeElement;
    if (!saved.isConnected) document.body.append(saved);
    setBusy(true);
    const wrong = await record();
    setBusy(false);
    if (!wrong) {
      if (layer) hide();
      saved.textContent = notice.status.saved;
      return;
    }
    if (!layer) {
      byVisitor = !kernel.asking();
      showFirst();
    }
    status.textContent = notice.status[wrong];
    if (pressed instanceof HTMLElement) pressed.focus();
  }

  /** @param {Element | null} from */
  function open(from) {
    if (!box.contains(from)) opener = from;
    byVisitor = true;
    return showChoices();
  }

  return {
    refresh() {
      // A page can replace its body, and the box with it.
      if (kernel.asking()) (layer && box.isConnected) || showFirst();
      else if (layer && !byVisitor && !busy) hide();
    },
    async act(...press) {
      const { answerOf, choose: record } = await kernel.once("choice");
      if (busy) return;
      const [verb, from = document.activeElement] = press;
      const place = mechanism(from);
      const choices = answerOf(kernel, press, layer === 2 && box, place === "banner");
      if (choices) await choose(() => record(kernel, choices, verb, place));
      else if (choices === undefined) await open(from);
    },
  };
}
