// Loaded before anything else on a page: what scripts add at run time waits for its category too. Wherever
// something fails here, the browser's own call goes ahead, and the gate's blocking is what is left; but what
// is known to be denied stays denied. A call that isn't held is the browser's, with its errors and its `this`.
//
// What is out of its reach stands in consentkit/guard.py.
import { wrapper } from "./wrap.js";

const MARK = "data-consentkit";
// What has an address without loading it.
const IDLE = /^(a|area|base)$|-/;
const CARRYING = /^(\w+:)?(\w*src\w*|href|data|poster)$/i;
// Fails at once, as a network that is down, and without a word on any wire: nobody can listen on port 0.
// What loads by itself. A browser builds each interface with the first look at it, so there are no more here.
const LOADING = "Image Script IFrame Link Media Video Source Track Embed Object Input";
const NOWHERE = "wss://0:0";
const WAYS = __WAYS__;
// As it was before any script of the page's.
const Request = XMLHttpRequest;
// Hosts that are neither the site's own nor declared have the category 1: they wait until ways.js knows them.
const rows = __GUARD__;

/** @type {(() => unknown)[]} */
const queue = [];
/** Whether the visitor's choice is still to come. @type {unknown} */
let asking = 1;
/**
 * 1, once all that is known has come: who is a stranger then is nobody's business. Until then the row of one
 * whose element waits for that, if there is any: no later script may overtake it. @type {any}
 */
let passing = 0;
/** Holds what is known of a request, a store, a realm. @type {any} */
const KNOWN = Symbol();
const nothing = async () => {};
/** Each window with its `on`, for ways.js, which says here when a tracker must end. @type {any} */
const news = [];

/**
 * Asks the starter, which then knows that something of the category runs here, and ends it on withdrawal.
 *
 * @param {string | 1} category "" is never allowed
 */
const allows = (category) => category === passing || /** @type {any} */ (window.consentkit)?.allows?.(category);

/** @param {string} text */
const find = (text) => rows.find(([globs]) => globs.test(text));

/** @param {string} text @returns {any} the row of what is denied, with the text instead of its pattern */
const denied = (text) => {
  const row = find(text);
  return row && !allows(row[1]) && [text, ...row.slice(1)];
};

/** @param {string} url */
const refused = (url) => {
  try {
    const { host, protocol, pathname } = new URL(url, document.baseURI);
    // No scheme stands for the site's own host, of which only patterns with a path are about a part.
    return denied((host == location.host ? "" : protocol) + "//" + host + unescape(pathname));
  } catch {}
};

const replay = () =>
  queue.splice(0).map((go) => {
    try {
      go();
    } catch {}
  });

/**
 * From now on strangers pass, those first that have waited.
 *
 * @param {string} [known] the pattern of what is known and not declared, if it has come
 */
const settle = (known) => {
  if (known) rows.unshift([RegExp(known, "s"), "", ""]);
  passing = 1;
  replay();
};

/** Gets it at once, for what can't wait. */
const learn = () => {
  if (passing == 1) return;
  try {
    const it = new Request();
    it.open("GET", WAYS, false);
    it.send();
    // The first text between such marks in that file.
    settle(/** @type {any} */ (/`(\^.*?)`/.exec(it.responseText))[1]);
  } catch {
    settle();
  }
};

/** @param {any} row */
const atOnce = (row) => {
  if (row?.[1] != 1) return row;
  learn();
  return denied(row[0]);
};

/** What is denied among the addresses of a srcset, or of a document's text. @param {string} text */
const among = (text) => text.split(/[\s"'<>,]|(src|href)=/i).map(refused).find((each) => each);

/**
 * Runs something once its category is allowed; with another address, of nobody, once that is refused. What never
 * will be allowed isn't kept, nor more than a page can need.
 *
 * @param {any} row
 * @param {(nowhere?: string) => unknown} run
 * @returns {any}
 */
const later = ([text], run) => {
  const go = () => {
    const row = denied(text);
    row && (asking ? row[1] : row[1] == 1) && !queue[9e3] ? queue.push(go) : run(row && NOWHERE);
  };
  go();
};

/**
 * Marks an element, as the gate does, instead of giving it a denied address. It comes back by the queue, so
 * that one which isn't in the page does too; a copy of it by the banner's revival, which goes by the mark.
 *
 * @param {any} el
 * @param {any} name
 * @param {any} value as it was given: it may be a trusted type
 */
const hold = (el, name, value) => {
  // Without the prefix of xlink:href, which SVG doesn't need.
  name = CARRYING.exec(name)?.[2];
  const row =
    name &&
    !IDLE.test(el.localName) &&
    ((/^\W*(java|data:t)/i.test(value) ? among(unescape(value)) : /rc./i.test(name) ? among(value + "") : refused(value)) ||
      (el.localName == "script" && passing[1] && passing));
  const mark = MARK + "-" + name;
  if (el.getAttribute(mark)) {
    el.removeAttribute(mark);
    el.removeAttribute(MARK);
  }
  // Revival says `consentkit`: there the author's own mark, or another tool's, has named the category.
  if (row && !el.consentkit && !allows(el.dataset.category)) {
    if (row[1] == 1) passing = row;
    else el.setAttribute(MARK, row[2]);
    el.setAttribute(mark, value);
    // Who was a stranger is looked at again.
    later(row, (no) => (no && !allows(row[1]) ? news.push(el) : el.getAttribute(mark) == value && el.setAttribute(name, value)));
    return nothing;
  }
};

/** @param {any} node */
const strip = (node) => {
  let found;
  for (const el of [node, ...node.querySelectorAll("*")]) {
    for (const { name, value } of [...(el.attributes ?? [])]) hold(el, name, value) && el.removeAttribute((found = name));
  }
  return found;
};

/**
 * Holds what is denied in a tree that comes from where nothing loads: a template, a parser. What is made of it may
 * be a copy, out of our reach: so nothing in it waits for what is known.
 *
 * @param {any} node
 */
const sift = (node) => {
  if (passing != 1 && strip(node.cloneNode(true))) learn();
  return strip(node);
};

/** @param {any} markup @returns {any} */
const parse = (markup) => new DOMParser().parseFromString(markup, "text/html");

/** @param {any} view a frame's window; what has a page of its own has its own guard */
const enter = (view) => {
  try {
    // about:blank, about:srcdoc
    if (view.document.URL[0] == "a") view.Document[KNOWN] ??= !(/** @type {unknown} */ (guard(view)));
  } catch {}
};

/** @param {any} view a window: scripts take the calls of a blank frame for ones that nobody has wrapped */
const guard = (view) => {
  /** The newest frame. @type {any} */
  let last;
  const on = wrapper(view);
  news.push([view, on]);
  on("Navigator", /^sendB/, (_, args, call) => {
    const row = refused(args[0]);
    return row && (() => !later(row, (no) => no || call()));
  });
  on(LOADING, CARRYING, (self, args, _, name) => args.length && hold(self, name, args[0]));
  on("Element", /^setAttr/, (self, args, _, name) => {
    const [it] = args;
    const at = +/S/.test(name);
    return hold(self, it?.name ?? args[at], it?.value ?? args[at + 1]);
  });
  on(
    "Node Element CharacterData Document DocumentFragment ShadowRoot Range",
    // append, adopt, prepend, insert, replace, before, surround, import, write, exec, …HTML, …Fragment
    /^(a[dfp]|pre|ins|rep|be|su|im|wr|ex)|[FM]/,
    (self, args, call, name) => {
      if (/^w/.test(name) && args[1]?.big) args.splice(0, 99, args.join(""));
      for (const at in args) {
        const it = args[at];
        // What a document has itself was seen as it was set: only what comes from another can bring something.
        if (it?.querySelectorAll) it.ownerDocument != self.ownerDocument && sift(it);
        // Of scripts, styles and text areas the markup is text.
        else if (/ML|wr|Co/.test(name) && /rc|pos|data|<l|mage/i.test(it) && !/^(sc|sty|te)\w+$/.test(self.localName)) {
          // As it was given: where only trusted types may be parsed, a text would be reported.
          if (sift(parse(it))) {
            const box = parse("<!doctype html><template>" + it).head.firstChild;
            sift(box.content);
            args[at] = box.innerHTML;
          }
        }
      }
      return () => {
        const done = call();
        last == (last = view[view.length - 1]) || Array.from(view, enter);
        return done;
      };
    },
  );

  // Refuses a cookie in silence, as browsers do, or cuts its life to what is declared and to its end; a removal
  // only of our own ones, whose row has a text instead of days. The getter's call and what has no row fail in here, so they are the browser's.
  on("Document CookieStore", /^(cookie|set)/, (self, args) => {
    const it = args[0];
    const name = it.name ?? /[^\s=]+/.exec(it);
    const row = /** @type {any} */ (find("cookie:" + name));
    // Of several the last one counts, and max-age before expires (RFC 6265, 5.3). What browsers read as neither,
    // as a date without a month or a time, is left to them: it must not live longer by us, nor end.
    const date = /.*;\s*expires\s*=(?=[^;]*[a-z]{3})([^;]*:[^;]*:[^;]*)/i.exec(it)?.[1];
    const until = /** @type {any} */ (
      Date.now() + /** @type {any} */ (/.*;\s*max-age\s*=\s*(-?\d+)\s*(;|$)/i.exec(it)?.[1]) * 1e3 ||
      // Cookies' dates aren't read as ours are: whatever this one says, a max-age of ours says it better.
      (date && (1 + Date.parse(date) || 1e99))
    );
    if (!(until <= Date.now() + row[2]) && !allows(row[1])) return nothing;
    const end = Math.min(until, news.endOf?.(name, row) ?? Date.now() + row[2] * 864e5);
    if (until) {
      // Again, once that is known.
      news.endOf || queue.push(() => (self.cookie = it));
      args[0] = it + ";max-age=" + Math.floor((end - Date.now()) / 1e3);
    }
  });

  on("IFrame", /^content/, (_, __, call) => {
    const it = call();
    enter(it.defaultView ?? it);
  });

  on("fetch", 0, (_, args, call) => {
    const row = refused(args[0].url ?? args[0]);
    return row && (() => new Promise((go) => later(row, (no) => go(no && (args[0] = no)))).then(call));
  });
  on("WebSocket EventSource Audio Worker SharedWorker", 0, (_, args) => {
    if (atOnce(refused(args[0]))) args[0] = NOWHERE;
  });
  on("XMLHttpRequest", /^(open|abo|send)/, (self, args, call, name) => {
    let row = self[KNOWN];
    if (name[0] == "s")
      return row && (() => {
        /** @param {string} [no] */
        const go = (no) => self[KNOWN] == row && !(self[KNOWN] = 0) && (no && self.open("POST", no), call());
        later(row, go);
      });
    row = name[0] == "o" && refused(args[1]);
    // Who waits for the answer on the spot can't wait for a choice.
    self[KNOWN] = row && ((args[2] ?? 1) ? row : atOnce(row) && !(args[1] = NOWHERE));
  });
  // Without a name they fail, each in its way.
  on("Storage IDBFactory CacheStorage", /^(open|setI)/, (self, args, _, name) =>
    denied(self.constructor.name + ":" + args[0]) && (name[0] == "s" ? nothing : (args.length = 0)),
  );

};

guard(window);
import(WAYS).then((ways) => ways.default(settle, news, rows, hold, sift, refused, among, LOADING)).catch(() => settle());
for (const name of ["ready", "change"]) {
  document.addEventListener("consentkit:" + name, (/** @type {any} */ { detail }) => {
    asking = detail.ask;
    replay();
  });
}
