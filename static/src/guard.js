// Loaded before anything else on a page: what scripts add at run time waits for its category too. Wherever
// something fails here, the browser's own call goes ahead, and the gate's blocking is what is left; but what
// is known to be denied stays denied. A call that isn't held is the browser's, with its errors and its `this`.
//
// Out of reach: modules that scripts import, what runs in workers, style sheets' url(), navigation, markup that
// is written in halves, attributes that are nodes of their own, xlink:href, pictures of inputs, tracks and SVG,
// setHTMLUnsafe, frames that are entered by window[0], and whoever has kept a call from before us.
import { endOf } from "./tracker.js";

const MARK = "data-consentkit";
const CARRIERS = "script,img,iframe,link,embed,object,video,audio,source";
const CARRYING = /^((image)?src(set|doc)?|href|data|poster)$/i;
// Fails at once, as a network that is down, and without a word on any wire: nobody can listen on port 0.
const NOWHERE = "wss://0:0";
const rows = __GUARD__;

/** @type {(() => unknown)[]} */
const queue = [];
/** What is known of requests, stores and realms. @type {WeakMap<object, any>} */
const known = new WeakMap();
const nothing = async () => {};

/**
 * Asks the starter, which then knows that something of the category runs here, and ends it on withdrawal.
 *
 * @param {string} category "" is never allowed
 */
const allows = (category) => /** @type {any} */ (window.consentkit)?.allows?.(category);

/** @param {string} text */
const find = (text) => rows.find(([globs]) => globs.test(text));

/** @param {string} text */
const denied = (text) => {
  const row = find(text);
  if (row && !allows(row[1])) return row;
};

/** @param {string} url */
const refused = (url) => {
  try {
    const { host, protocol, pathname } = new URL(url, document.baseURI);
    // No scheme stands for the site's own host, of which only patterns with a path are about a part.
    return denied((host == location.host ? "" : protocol) + "//" + host + unescape(pathname));
  } catch {}
};

/**
 * Runs something once its category is allowed. What never will be isn't kept, nor more than a page can need.
 *
 * @param {Row} row
 * @param {() => unknown} run
 * @returns {any}
 */
const later = ([, category], run) => {
  const go = () => (allows(category) ? run() : category && queue.length < 1e3 && queue.push(go));
  go();
};

/**
 * Marks an element, as the gate does, instead of giving it a denied address. It comes back by the queue, so
 * that one which isn't in the page does too; a copy of it by the banner's revival, which goes by the mark.
 *
 * @param {any} el
 * @param {string} name
 * @param {any} value as it was given: it may be a trusted type
 * @param {0 | 1} live
 */
const hold = (el, name, value, live) => {
  const mark = MARK + "-" + name;
  const row =
    el.matches(CARRIERS) &&
    (/rc./i.test(name) ? (value + "").split(/[\s"'<>,]|src=/i) : [value]).map(refused).find((each) => each);
  if (el.getAttribute(mark)) {
    el.removeAttribute(mark);
    el.removeAttribute(MARK);
  }
  // Revival says `consentkit`: there the author's own mark, or another tool's, has named the category.
  if (row && !el.consentkit && !allows(el.dataset.category)) {
    el.setAttribute(MARK, row[2]);
    el.setAttribute(mark, value);
    // A player looks at a <source> that gets its address late only when it starts over.
    live && later(row, () => el.getAttribute(mark) == value && (el.setAttribute(name, value), el.parentNode?.load?.()));
    return nothing;
  }
};

/**
 * Holds what is denied in a tree that comes from where nothing loads: a template, a parser.
 *
 * @param {any} node
 * @param {0 | 1} live
 */
const sift = (node, live) => {
  let found;
  for (const el of [node, ...node.querySelectorAll(CARRIERS)]) {
    for (const { name, value } of [...(el.attributes ?? [])]) {
      if (CARRYING.test(name) && hold(el, name, value, live)) el.removeAttribute((found = name));
    }
  }
  return found;
};

/** @param {string} markup @returns {any} */
const parse = (markup) => new DOMParser().parseFromString(markup, "text/html");

/** @param {any} view a window: scripts take the calls of a blank frame for ones that nobody has wrapped */
const guard = (view) => {
  /**
   * Puts `decide` before calls, constructors, getters and setters. It returns what to do instead, or nothing;
   * it may change the arguments. Proxies keep name, length, prototype, statics and [native code].
   *
   * @param {string} interfaces
   * @param {RegExp} names
   * @param {(self: any, args: any, call: () => any, name: string, owner: string) => any} decide
   */
  const on = (interfaces, names, decide) => {
    for (const each of interfaces.split(" ")) {
      try {
        const owner = (view[`HTML${each}Element`] ?? view[each])?.prototype ?? view;
        for (const name of Object.getOwnPropertyNames(owner)) {
          if (names.test(name)) {
            const property = /** @type {any} */ (Object.getOwnPropertyDescriptor(owner, name));
            /** @param {any} self @param {any} args @param {() => any} call */
            const act = (self, args, call) => {
              /** @type {any} */
              let instead;
              try {
                instead = decide(self, args, call, name, each);
              } catch {}
              return (instead || call)();
            };
            for (const kind in property) {
              if (property[kind]?.call) {
                property[kind] = new Proxy(property[kind], {
                  apply: (native, self, args) => act(self, args, () => Reflect.apply(native, self, args)),
                  construct: (native, args, target) => act(0, args, () => Reflect.construct(native, args, target)),
                });
              }
            }
            Object.defineProperty(owner, name, property);
          }
        }
      } catch {}
    }
  };

  /** @param {any} self @param {any} args @param {() => any} _ @param {string} which */
  const attribute = (self, args, _, which) => {
    const name = args.at(-2) ?? which;
    if (args.length) return CARRYING.test(name) && hold(self, name, args.at(-1), 1);
    const value = self.getAttribute(MARK + "-" + name);
    return value && (() => (/rc./i.test(name) ? value : new URL(value, document.baseURI).href));
  };
  on("Script Image IFrame Link Embed Object Media Video Source", CARRYING, attribute);
  on("Element", /^setAttribute(NS)?$/, attribute);
  on(
    "Node Element CharacterData Document DocumentFragment ShadowRoot Range",
    // append, adopt, prepend, insert, replace, before, surround, import, innerHTML, outerHTML, write, …
    /^(a[dfp]|pre|ins|rep|be|su|im|inn|ou|wr|createCo[^m])/,
    (self, args, _, name) => {
      if (/^w/.test(name) && args[1]?.big) args.splice(0, 99, args.join(""));
      for (const at in args) {
        if (args[at]?.querySelectorAll) sift(args[at], 1);
        // Of scripts, styles and text areas the markup is text.
        else if (/ML|wr|Co/.test(name) && /src|pos|data|<l/i.test(args[at]) && !/^(sc|sty|te)\w+$/.test(self.localName)) {
          // As it was given: where only trusted types may be parsed, a text would be reported.
          if (sift(parse(args[at]), 0)) {
            const box = parse("<template>" + args[at]).head.firstChild;
            sift(box.content, 0);
            args[at] = box.innerHTML;
          }
        }
      }
    },
  );

  /**
   * Refuses a cookie in silence, as browsers do, or has its life cut; a removal only of our own ones, whose
   * row has a text instead of days.
   *
   * @param {any} name
   * @param {any} until NaN for the session
   * @param {(end: number) => void} cut
   */
  const clamp = (name, until, cut) => {
    const row = find("cookie:" + name);
    if (!row) return;
    if (!(until <= Date.now() + row[2]) && !allows(row[1])) return nothing;
    if (until) cut(Math.min(until, endOf(name) ?? Date.now() + row[2] * 864e5));
  };
  on("Document", /^cookie$/, (_, args) => {
    const text = args[0];
    if (!text) return;
    // Of several the last one counts, and max-age before expires (RFC 6265, 5.3).
    const age = /.*;\s*max-age\s*=([^;]{1,99})/is.exec(text)?.[1];
    const date = /.*;\s*expires\s*=([^;]{1,99})/is.exec(text)?.[1];
    return clamp(
      /[^\s=]+/.exec(text),
      // Cookies' dates aren't read as ours are: whatever this one says, a max-age of ours says it better.
      Date.now() + /** @type {any} */ (age) * 1e3 || (date && (Date.parse(date) + 1 || 1e99)),
      (end) => (args[0] = text + ";max-age=" + Math.floor((end - Date.now()) / 1e3)),
    );
  });
  on("CookieStore", /^set$/, (_, args) => {
    const options = args[0];
    return clamp(
      options.name ?? options,
      Date.now() + options.maxAge * 1e3 || options.expires || NaN,
      (end) => (args[0] = { ...options, expires: end, maxAge: undefined }),
    );
  });

  on("window", /^fetch$/, (_, args, call) => {
    const row = refused(args[0].url ?? args[0]);
    const signal = args[1]?.signal ?? args[0].signal;
    // Of what is given up the browser's own call says so.
    if (!signal?.aborted && row)
      if (row[1])
        return () =>
          new Promise((go) => {
            later(row, /** @type {any} */ (go));
            signal?.addEventListener("abort", go);
          }).then(call);
      else args[0] = NOWHERE;
  });
  on("XMLHttpRequest", /^(open|abort|send)$/, (self, args, call, name) => {
    let row = known.get(self);
    if (name[0] == "s") return row && (() => later(row, () => known.get(self) == row && call()));
    row = name[0] == "o" && refused(args[1]);
    // Who waits for the answer on the spot can't wait for a choice.
    known.set(self, row && (row[1] && (args[2] ?? 1) ? row : void (args[1] = NOWHERE)));
  });
  on("Navigator", /^sendB/, (_, args, call) => {
    const row = refused(args[0]);
    return row && (() => !later(row, call));
  });
  on("window", /^(WebSocket|EventSource|(Shared)?Worker|Audio)$/, (_, args) => {
    if (refused(args[0])) args[0] = NOWHERE;
  });
  on("IFrame", /^content/, (_, __, call) => {
    const frame = call().defaultView ?? call();
    // about:blank, about:srcdoc
    if (frame.document.URL[0] == "a" && !known.has(frame.Document)) {
      known.set(frame.Document, 0);
      guard(frame);
    }
  });

  // Nothing stands before a store's properties unless it is another object, which pages can tell: so what is
  // written that way goes as soon as the script is done.
  on("window", /[ln]Storage$/, (_, __, call) => {
    const store = call();
    queueMicrotask(() => {
      if (known.get(store) != store.length) for (const key in store) denied("Storage:" + key) && store.removeItem(key);
      known.set(store, store.length);
    });
  });
  on("Storage", /^setItem$/, (_, args) => denied("Storage:" + args[0]) && nothing);
  // Without a name they fail, each in its way.
  on("IDBFactory CacheStorage", /^open$/, (_, args, __, ___, area) => {
    if (denied(area + ":" + args[0])) args.length = 0;
  });
};

const replay = () => {
  for (const go of queue.splice(0)) {
    try {
      go();
    } catch {}
  }
  // Copies, and what was written: each gets the address that its own getter tells.
  for (const script of document.querySelectorAll("script[data-consentkit-src]:not([type$=plain])")) {
    /** @type {any} */ (script).src = /** @type {any} */ (script).src;
  }
};

guard(window);
document.addEventListener("consentkit:ready", replay);
document.addEventListener("consentkit:change", replay);
