import { clear } from "./clear.js";

// Script, frames, images and connections stay inside this origin; nothing that the page itself draws changes.
const LOCK = "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval';form-action 'self'";

/**
 * Takes over from the starter: keeps the page's state and every open tab in step with the visitor's choices.
 *
 * @param {ConsentKit} kit the page's `consentkit`: it gets the calls that the starter could not answer
 * @param {() => Hint} hint
 * @param {Set<string>} revived the categories of which something runs in this tab
 * @param {((kit: ConsentKitApi) => void)[]} queue calls that wait for the visitor's state
 */
export default function start(kit, hint, revived, queue) {
  const config = __CONFIG__;
  const channel = new BroadcastChannel("consentkit");
  /** @type {State} */
  const none = { allowed: ["necessary"], ask: false };
  let state = none;
  /** What has been loaded for a reason. @type {Record<string, Promise<any>>} */
  const loaded = {};
  /** A browser may remember that an address failed: the next attempt's is another one. */
  let attempt = "";
  /** @type {Promise<unknown> | undefined} */
  let synced;
  let told = "";
  let locked = false;
  /** Whether this is a frame in a page of the site that asks, and tells, for both. @type {boolean | undefined} */
  let inner;
  /** The hint's key at the last look; "?" if it must not be trusted, "" before the first look. */
  let seen = "";
  /** @type {(value?: unknown) => void} */
  let decide;
  const decided = new Promise((resolve) => (decide = resolve));
  const parsed = new Promise((resolve) =>
    document.readyState == "loading" ? addEventListener("DOMContentLoaded", resolve) : resolve(0),
  );

  /** @param {string} category */
  const may = (category) => !locked && state.allowed.includes(category);
  const wipe = () => clear(config, state.allowed);
  const reload = () => location.reload();
  /** @type {Kernel["once"]} */
  const once = (name, make = () => import(location.origin + config[/** @type {"choice"} */ (name)] + attempt)) =>
    (loaded[name] ??= make().catch((/** @type {unknown} */ error) => {
      attempt += "#";
      setTimeout(() => {
        delete loaded[name];
        settle();
      }, 1e4);
      throw error;
    }));
  /** @param {PartName} name @returns {Promise<any>} */
  const load = (name) => once("+" + name, async () => (await once(name)).default(kernel));

  /** @type {Ui["act"]} */
  const act = async (...press) => (await load("banner")).act(...press);

  /**
   * Stops what already runs, in a tab where something does that isn't allowed without these categories: a policy
   * added later binds even a script that kept its own copy of fetch. Only a reload ends it, so one always follows.
   *
   * @param {string[]} denied
   */
  function lock(denied) {
    state = { ...state, allowed: state.allowed.filter((category) => !denied.includes(category)) };
    wipe();
    if (locked || [...revived].every(may)) return;
    locked = true;
    setTimeout(reload, 15e3);
    // Blank frames of this page too: scripts keep a frame's fetch as one that nobody has wrapped.
    for (const view of [window, ...Array.from(/** @type {ArrayLike<Window>} */ (window))]) {
      try {
        const meta = view.document.createElement("meta");
        meta.httpEquiv = "Content-Security-Policy";
        meta.content = LOCK;
        view.document.head.append(meta);
      } catch {
        // A frame of another origin is out of reach; the reload removes it.
      }
    }
  }

  /** Everything that touches the page's elements is in files of their own, each only loaded for a reason. */
  function settle() {
    if (!told) return;
    const marked = state.allowed[1] ? "[data-consentkit],[data-category]" : "[data-category=necessary]";
    use("revive", document.querySelector(marked), synced);
    const waiting = ":is(iframe,object,embed):is([data-consentkit],[data-src]),[data-consent-for]";
    use("placeholders", !state.allowed[config.categories.length] && document.querySelector(waiting));
    if (inner) return;
    use("banner", state.ask);
    use("corner", config.corner);
    // What changed for somebody who is asked nothing, as the server has it in the hint until they close it.
    use("message", /_allows[^;]*!/.test(document.cookie));
  }

  /**
   * @param {PartName} name
   * @param {unknown} reason
   * @param {unknown} [first] what has to be done before
   */
  const use = (name, reason, first) =>
    (reason || loaded[name]) &&
    Promise.all([load(name), first])
      .then(([part]) => void part.refresh())
      .catch(() => true);

  /** @param {State} next */
  async function apply(next) {
    seen = hint().key;
    // Anybody can write a hint: what the server has said of one holds for the tab's next pages.
    try {
      if (next.allowed[1]) sessionStorage.consentkit = seen;
      else delete sessionStorage.consentkit;
    } catch {
      // Without storage, each page asks.
    }
    state = next;
    // A server that the browser's signal doesn't reach may allow what it denies.
    lock(hint().off);
    if (locked) return reload();
    // Vendors are told before anything runs that is allowed only now: without their words, nothing does.
    if (await (synced = use("words", config.words && (told || next.allowed[1])))) {
      state = { ...next, allowed: ["necessary"] };
      seen = "";
    }
    await parsed;
    const detail = calls.state;
    const now = state.allowed + " " + state.ask;
    if (now != told) {
      /** @type {any} */ (window.dataLayer)?.push?.({ event: "consentkit", allowed: detail.allowed });
      document.dispatchEvent(new CustomEvent("consentkit:" + (told ? "change" : "ready"), { detail }));
      // Trackers whose life is over go before anything that is allowed runs.
      if (!state.ask || state.allowed[1]) {
        synced = once("sync").then((module) => module.default(kernel, next)).catch(() => {});
      }
    }
    told = now;
    decide();
    settle();
  }

  async function check() {
    const { allowed, known, key } = hint();
    // So a locked page stays as it is as long as its answer is under way.
    if (key == seen) return;
    if (locked) return reload();
    // A hint that changes later may be an older answer's, whose cookies came last: the log knows.
    const unsure = seen || !known || (allowed[1] && sessionStorage.consentkit != key);
    seen = key;
    let next = { allowed, ask: false };
    // What runs already goes on meanwhile, and keeps what it has kept; nothing comes alive before `apply`.
    if (known && !told) state = next;
    if (unsure) {
      try {
        next = await (await fetch(location.origin + config.prefix + "/state", { cache: "no-store" })).json();
        next.allowed.at(0);
      } catch {
        // Nobody knows: nothing optional. A page that had an answer before keeps it.
        if (told) return;
        next = none;
      }
    }
    return apply(next);
  }

  /** Asks again even if the hint says what it said before. */
  const recheck = () => {
    seen = "?";
    void check();
  };

  /** @type {Kernel} */
  const kernel = {
    config,
    may,
    revived,
    once,
    asking: () => state.ask && !inner && state,
    ends: () => calls.state.until,
    withdraw(denied) {
      channel.postMessage(denied);
      lock(denied);
    },
    finish(next) {
      channel.postMessage(0);
      if (next) void apply(next);
      else recheck();
      // An answer to another tab, or to a report, can arrive after this one.
      setTimeout(check, 5e3);
    },
  };

  const saving =
    (/** @type {boolean} */ answer) =>
    async (/** @type {any} */ wanted = config.categories) => {
      const trusted = navigator.userActivation?.isActive;
      return (await once("choice")).save(kernel, wanted, answer, trusted);
    };

  const calls = {
    save: saving(false),
    accept: saving(true),
    reject: saving(false),
    /** @param {string} category */
    allows(category) {
      // Whoever asks will load something; a withdrawal then has to end it.
      return may(category) && !!revived.add(category);
    },
    /** @param {string} id */
    allowsService: (id) => calls.allows(config.services[id] ?? ""),
    get state() {
      const ends = /** @type {any[]} */ ([...hint().key.matchAll(/[.](\w+)[+-](\d+)/g)]);
      const until = Object.fromEntries(ends.map(([, category, end]) => [category, new Date(end * 1e3).toJSON()]));
      return { allowed: [...state.allowed], ask: state.ask, until };
    },
    /** @param {(kit: ConsentKitApi) => void} callback */
    push: (callback) => void decided.then(() => callback(/** @type {ConsentKitApi} */ (kit))),
  };
  Object.defineProperties(kit, Object.getOwnPropertyDescriptors(calls));
  queue.forEach(kit.push);

  channel.onmessage = ({ data }) => (data ? lock(data) : recheck());
  addEventListener("pagehide", wipe);
  addEventListener("pageshow", check);
  addEventListener("visibilitychange", check);
  // The guard marks a frame that is there already, too.
  new MutationObserver((records) => {
    const isNews = (/** @type {any} */ { addedNodes: [...nodes] }) => 
      !nodes[0] || nodes.some((/** @type {Element} */ { localName }) => localName);
    if (records.some(isNews)) settle();
  }).observe(document, { childList: true, subtree: true, attributeFilter: ["data-consentkit"] });

  try {
    inner = top != window && !!(/** @type {any} */ (top).consentkit.allows);
  } catch {
    // It is another site's.
  }
  // Until the server has answered, a choice made under another policy still protects what it allowed.
  clear(config, hint().allowed);
  void check();
  /** @param {HTMLElement} [control] @param {boolean} [trusted] */
  return (control, trusted) => act(/** @type {Verb} */ (control?.dataset.consent ?? "open"), control, trusted);
}
