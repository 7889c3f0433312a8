import { endOf } from "./tracker.js";

const MARK = "data-consentkit";
const CARRIERS = "script,img,iframe,link,embed,object,video,audio,source";
const CARRYING = /^(src(set|doc)?|href|data|poster|imagesrcset)$/i;
// Fails at once and without a word on any wire.
const NOWHERE = "wss://0:0";
const rows = __GUARD__;

/** @type {(() => unknown)[]} */
const queue = [];
/** @type {WeakMap<object, any>} */
const known = new WeakMap();
const nothing = () => {};

/** @param {string} category */
const allows = (category) => /** @type {any} */ (window.consentkit)?.allows?.(category);

/** @param {string} text */
const find = (text) => rows.find(([globs]) => globs.test(text));

/** @param {string} text */
const denied = (text) => {
  const row = find(text);
  return row && !allows(row[1]) && row;
};

/** @param {string} url */
const refused = (url) => {
  try {
    const { host, protocol, pathname } = new URL(url, document.baseURI);
    return denied((host === location.host ? "" : protocol) + "//" + host + unescape(pathname));
  } catch {}
};

/** @param {Row} row @param {() => unknown} run @returns {any} */
const later = ([, category], run) => {
  const go = () => (allows(category) ? run() : category && queue.length < 1e3 && queue.push(go));
  go();
};

/** @param {any} el @param {string} name @param {any} value @param {0 | 1} live */
const hold = (el, name, value, live) => {
  const mark = MARK + "-" + name;
  const row = el.matches(CARRIERS) && (/rc./i.test(name) ? (value + "").split(/[\s"'<>,]|src=/i) : [value]).map(refused).find((row) => row);
  if (el.hasAttribute(mark)) {
    el.removeAttribute(mark);
    el.removeAttribute(MARK);
  }
  if (row && !el.consentkit && !allows(el.dataset.category)) {
    el.setAttribute(MARK, row[2]);
    el.setAttribute(mark, value);
    live && later(row, () => el.getAttribute(mark) == value && (el.setAttribute(name, value), el.parentNode?.load?.()));
    return nothing;
  }
};

/** @param {any} node @param {0 | 1} live */
const sift = (node, live) => {
  let found;
  for (const el of [node, ...node.querySelectorAll(CARRIERS)]) {
    for (const { name, value } of [...(el.attributes ?? [])]) {
      if (CARRYING.test(name) && hold(el, name, value, live)) el.removeAttribute((found = name));
    }
  }
  return found;
};

/** @param {any} view */
const guard = (view) => {
  /**
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
    return value && (() => (/rc./.test(name) ? value : new URL(value, document.baseURI).href));
  };
  on("Script Image IFrame Link Embed Object Media Video Source", CARRYING, attribute);
  on("Element", /^setAttribute(NS)?$/, attribute);
  on(
    "Node Element CharacterData Document DocumentFragment ShadowRoot Range",
    /^(a[dfp]|pre|ins|rep|be|su|im|inn|ou|wr|createCo[^m])/,
    (self, args, _, name) => {
      if (args[1] && /^wr/.test(name)) args.splice(0, 99, args.join(""));
      for (const at in args) {
        if (args[at]?.querySelectorAll) sift(args[at], 1);
        else if (/ML|wr|Co/.test(name) && /src|data|<l/i.test(args[at]) && !/^(sc|sty|te)/.test(self.localName)) {
          const box = /** @type {any} */ (new DOMParser().parseFromString("<template>" + args[at], "text/html").head.firstChild);
          if (sift(box.content, 0)) args[at] = box.innerHTML;
        }
      }
    },
  );

  /**
   * @param {any} name
   * @param {any} until
   * @param {(end: number) => void} cut
   */
  const clamp = (name, until, cut) => {
    const row = find("cookie:" + name);
    if (!row || until <= Date.now()) return;
    if (!allows(row[1])) return async () => {};
    const end = endOf(name) ?? Date.now() + row[2] * 864e5;
    if (until > end) cut(end);
  };
  on("Document", /^cookie$/, (_, args) => {
    const text = args[0] + "";
    const age = /.*;\s*max-age\s*=\s*(-?\d+)\s*(;|$)/is.exec(text)?.[1];
    return clamp(
      text.split("=")[0]?.trim(),
      age ? Date.now() + /** @type {any} */ (age) * 1e3 : Date.parse(/** @type {any} */ (/.*;\s*expires\s*=([^;]*)/is.exec(text)?.[1])),
      (end) => (args[0] = text + ";max-age=" + (((end - Date.now()) / 1e3) | 0)),
    );
  });
  on("CookieStore", /^set$/, (_, args) => {
    const options = args[0];
    return clamp(
      options.name ?? options,
      options.maxAge ? Date.now() + options.maxAge * 1e3 : options.expires || NaN,
      (end) => (args[0] = { ...options, maxAge: undefined, expires: end }),
    );
  });
  on("window", /^fetch$/, (_, args, call) => {
    const row = refused(args[0].url ?? args[0]);
    if (row)
      if (row[1])
        return async () => {
          await new Promise((go) => {
            later(row, /** @type {any} */ (go));
            (args[1]?.signal ?? args[0].signal)?.addEventListener("abort", go);
          });
          return call();
        };
      else args[0] = NOWHERE;
  });
  on("XMLHttpRequest", /^(open|abort|send)$/, (self, args, call, name) => {
    let row = known.get(self);
    if (name[0] === "s") return row && (() => later(row, () => known.get(self) === row && call()));
    row = name[0] === "o" && refused(args[1]);
    known.set(self, row && (row[1] && (args[2] ?? 1) ? row : void (args[1] = NOWHERE)));
  });
  on("Navigator", /^sendB/, (_, [url], call) => {
    const row = refused(url);
    return row && (() => !later(row, call));
  });
  on("window", /^(WebSocket|EventSource|(Shared)?Worker|Audio)$/, (_, args) => {
    if (refused(args[0])) args[0] = NOWHERE;
  });
  on("IFrame", /^content/, (_, __, call) => {
    const frame = call().defaultView ?? call();
    if (frame.document.URL[0] === "a" && !known.has(frame.Document)) {
      known.set(frame.Document, 1);
      guard(frame);
    }
  });
  on("window", /[ln]Storage$/, (_, __, call) => {
    const store = call();
    if (known.has(store)) return;
    known.set(store, 1);
    queueMicrotask(() => {
      known.delete(store);
      for (const key in store) denied("Storage:" + key) && store.removeItem(key);
    });
  });
  on("Storage", /^setItem$/, (_, args) => denied("Storage:" + args[0]) && nothing);
  on("IDBFactory CacheStorage", /^open$/, (_, args, __, ___, area) =>
    denied(area + ":" + args[0]) &&
    (() => {
      throw new DOMException("window", "SecurityError");
    }),
  );
};

const replay = () => {
  for (const go of queue.splice(0)) {
    try {
      go();
    } catch {}
  }
  for (const script of document.querySelectorAll("script[data-consentkit-src]:not([type$=plain])")) {
    /** @type {any} */ (script).src = /** @type {any} */ (script).src;
  }
};
guard(window);
document.addEventListener("consentkit:ready", replay);
document.addEventListener("consentkit:change", replay);
