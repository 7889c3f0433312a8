// Comes with the guard and soon after it: the ways that few scripts take, and only ones that have been let in.
// What it wraps, the guard has wrapped before: what it lets pass goes through the guard.
import { sweep } from "./clear.js";
import { patrol } from "./patrol.js";
import { endOf } from "./tracker.js";

const MARK = "data-consentkit";
const CARRYING = /^(\w*src\w*|href|data|poster)$/i;
// As the guard has it: a connection to it fails at once.
const NOWHERE = "wss://0:0";

/** What is known and not declared: the guard reads it here where it can't wait for the rest. */
const KNOWN = String.raw`__KNOWN__`;
const LIVES = __LIVES__;
/** The interface through which a page writes to an area, as the guard calls it. @type {Record<string, string>} */
const AREAS = { local: "Storage", session: "Storage", indexeddb: "IDBFactory", cache: "CacheStorage" };

/**
 * @param {(known?: string) => void} settle lets strangers go, once it knows what is known
 * @param {any} news each window with its `on`, and each element that was refused for good
 * @param {Row[]} rows
 * @param {(el: any, name: string, value: any) => any} hold
 * @param {(node: any) => any} sift
 * @param {(url: any) => Row | undefined} refused
 * @param {(text: string) => Row | undefined} among
 * @param {string} loading the elements that load what their properties name
 */
export default function ways(settle, news, rows, hold, sift, refused, among, loading) {
  /**
   * What an object doesn't tell itself: the element of an animated value, the row of a request or of a document,
   * how full a store was. @type {WeakMap<any, any>}
   */
  const known = new WeakMap();
  /** What a worker can begin with, by its URL. @type {Map<unknown, Blob>} */
  const blobs = new Map();

  /** @param {string} text @returns {any} */
  const find = (text) => rows.find(([globs]) => globs.test(text));

  /** @param {string} category */
  const allows = (category) => /** @type {any} */ (window.consentkit)?.allows?.(category);

  /** Tells an element what the browser tells one that fails to load. @param {any} el */
  const fail = (el) =>
    setTimeout(() => {
      const loads = /^(im|vi|au)/.test(el.localName) || (el.isConnected && !/f/.test(el.localName));
      if (loads && el.hasAttribute(MARK)) el.dispatchEvent(new Event("error"));
    });

  /** @param {[view: any, on: On]} realm */
  const extend = ([view, on]) => {
    const { document, URL } = view;
    /** An object can have another text each time it is asked. @param {any} args @param {number} at */
    const once = (args, at) => {
      if ({}.toString.call(args[at]) == "[object Object]") args[at] += "";
    };

    // Attributes.
    on(loading, CARRYING, (self, args, _, name) => {
      if (args.length) {
        once(args, 0);
        // Drawings and XHTML are documents too: the guard reads this as one.
        if (/^(if|fr|ob|em)/.test(self.localName)) args[0] = args[0].replace?.(/^\W*data:[^,;]*xml/i, "data:text/xml");
        return;
      }
      const held = self.getAttribute(MARK + "-" + name);
      return held && (() => (/rc./.test(name) ? held : new URL(held, document.baseURI).href));
    });
    on("Element", /^setAttribute(NS)?$/, (self, args, call, name) => {
      once(args, name.length > 12 ? 2 : 1);
      // A player looks at a <source> that gets its address late only when it starts over.
      return self.localName == "source" && self.hasAttribute(MARK + "-src") && (() => (call(), self.parentNode?.load?.()));
    });
    on("Element NamedNodeMap", /^remove[AN]/, (self, [name, local]) => {
      name = local ?? name.localName ?? name;
      const el = self[0]?.ownerElement ?? self;
      // One that is there is taken away by the guard.
      CARRYING.test(name) && !el.hasAttribute(name) && el.removeAttribute(MARK + "-" + name);
    });
    on("Attr Node", /^(v|nodeV|textC)/, (self, args) =>
      args.length && self.ownerElement && hold(self.ownerElement, self.name, args[0]),
    );
    on("NamedNodeMap", /^setN/, (self, [{ localName, name, value }]) => {
      if (!CARRYING.test(localName)) return;
      // Only what is in a map tells whose it is.
      const mark = document.createAttribute(MARK);
      self[0] || self.setNamedItem(mark);
      const held = hold(self[0].ownerElement, name, value);
      held || mark.ownerElement?.removeAttribute(MARK);
      return held;
    });
    on("SVGImageElement SVGScriptElement SVGFEImageElement", /^href$/, (self, _, call) => {
      const it = call();
      known.set(it, self);
      return () => it;
    });
    on("SVGAnimatedString", /^baseV/, (self, args) => args.length && hold(known.get(self), "href", args[0]));

    // Trees, markup and frames.
    on("Document Table", /^(body|ca|tH|tF)/, (_, [it]) => {
      it && sift(it);
    });
    on("Document", /^execC/, (_, args) => {
      if (/^insertI/i.test(args[0]) && refused(args[2])) {
        args.splice(0, 3, "insertHTML", 0, `<img src="${args[2].replace(/"/g, "%22")}">`);
      }
    });
    // In an SVG, <image> is another element than in HTML.
    on("Element Range", /ML|^createC/, (self, args) => {
      const place = self.startContainer ?? self;
      const at = args.length - 1;
      if (/svg$/.test(place.namespaceURI) && !/^f/.test(place.localName) && among(args[at] + "")) {
        const box = new DOMParser().parseFromString("<svg>" + args[at], "text/html").body.firstElementChild;
        if (sift(box)) args[at] = box?.innerHTML;
      }
    });
    // To ask a frame for its window lets the guard in.
    /** @param {any} frame */
    const look = (frame) => frame.contentWindow;
    document.addEventListener("load", (/** @type {Event} */ { target }) => look(target), true);
    document.querySelectorAll("iframe").forEach(look);

    // Requests. Who gives one up that is held back hears so at once, in the browser's words.
    on("fetch", 0, (_, args, call) => {
      const { signal } = args[1] ?? args[0];
      const given = (/** @type {any} */ __, /** @type {(reason: any) => void} */ up) => {
        if (signal.aborted) up(signal.reason);
        signal.addEventListener("abort", () => up(signal.reason));
      };
      return signal && refused(args[0].url ?? args[0]) && (() => Promise.race([call(), new Promise(given)]));
    });
    on("fetch WebSocket EventSource Audio", 0, (_, args) => once(args, 0));
    on("Navigator", /^sendB/, (_, args) => once(args, 0));
    // The first to hear how a request ends: one that waited too long ended by its page's own limit.
    on("XMLHttpRequest", 0, (_, __, call) => {
      const it = call();
      it.addEventListener("error", (/** @type {Event} */ event) => {
        if (known.get(it) != NOWHERE) return;
        event.stopImmediatePropagation();
        it.dispatchEvent(new ProgressEvent("timeout"));
      });
      return () => it;
    });
    on("XMLHttpRequest", /^(open|send|abort)$/, (self, args, _, name) => {
      const row = known.get(self);
      /** Ends a request that the guard holds back. @param {unknown} [late] */
      const end = (late) => {
        if (row != known.get(self) || !row[9] || self.readyState > 1 || allows(row[1])) return;
        self.open("POST", NOWHERE);
        known.set(self, late);
        self.send();
      };
      if (name == "open") {
        once(args, 1);
        known.set(self, [...(refused(args[1]) ?? [])]);
      } else if (name == "abort") end(0);
      else if (row[0]) {
        row[9] = 1;
        self.timeout && setTimeout(end, self.timeout, NOWHERE);
      }
    });

    // Lives only as long as it is declared, as the guard has it for what `document.cookie` is given.
    on("CookieStore", /^set/, (_, args) => {
      const [it] = args;
      const until = Date.now() + it.maxAge * 1e3 || it.expires;
      if (until) args[0] = { ...it, expires: Math.min(until, news.endOf(it.name, find("cookie:" + it.name))), maxAge: undefined };
    });

    // Documents and workers made of text.
    on("Blob File", 0, (_, args, call) => {
      const it = call();
      if (/html/.test(it.type)) known.set(it, among(args[0].join()));
      return () => it;
    });
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = new Proxy(createObjectURL, {
      apply(_, __, [it]) {
        const url = createObjectURL(it);
        const row = known.get(it);
        if (row) rows.unshift([{ test: (text) => text == "blob://" + url.slice(5) }, row[1], row[2]]);
        else if (/^$|script/.test(it.type)) blobs.set(url, it);
        return url;
      },
    });
    URL.revokeObjectURL = new Proxy(revokeObjectURL, {
      apply(_, __, [url]) {
        blobs.delete(url);
        revokeObjectURL(url);
      },
    });
    on("Worker", 0, (_, args, call) => {
      once(args, 0);
      const table = rows.map(([globs, category]) => `[${globs},${category == 1 || !!allows(category)}]`).filter((row) => row[1] == "/");
      const first = `(${patrol})([${table}],"${location.host}");`;
      const blob = blobs.get(args[0]);
      args[0] = blob
        ? createObjectURL(new Blob([first, blob], { type: blob.type }))
        : args[0].replace(/^data:(?![^,]*base64)[^,]*,/, "$&" + encodeURIComponent(first));
    });
    for (const name of ["WebSocket", "EventSource", "Worker", "SharedWorker", "XMLHttpRequest", "Blob", "File"]) {
      if (view[name]) view[name].prototype.constructor = view[name];
    }

    // Nothing stands before a store's properties unless it is another object, which pages can tell: so what is
    // written that way goes as soon as the script is done.
    on("localStorage sessionStorage", 0, (_, __, call) => {
      const store = call();
      queueMicrotask(() => {
        if (known.get(store) != store.length) {
          for (const key in store) {
            const row = find("Storage:" + key);
            if (row && !allows(row[1])) store.removeItem(key);
          }
        }
        known.set(store, store.length);
      });
    });
  };

  const hear = (/** @type {any} */ it) => {
    try {
      it.localName ? fail(it) : extend(it);
    } catch {
      // A frame that is gone has no window, and a sandbox no storage.
    }
  };
  news.map(hear);
  news.push = hear;
  news.endOf = (/** @type {string} */ name, /** @type {Row} */ row) => {
    const life = LIVES.find(([pattern]) => pattern.test(name))?.[1] ?? row[2];
    return Math.min(endOf(name) ?? Date.now() + row[2] * 864e5, Date.now() + life * 864e5);
  };
  const undeclared = RegExp(KNOWN, "s");
  settle(/** @type {any} */ (rows[0])[0] == "" + undeclared ? "" : KNOWN);
  // What was set before they came, in a task of its own: to ask for stores can take a while.
  setTimeout(() =>
    sweep((name, remove) => undeclared.test(name.replace(/^\w+/, (area) => AREAS[area] ?? area)) && remove()),
  );
}
