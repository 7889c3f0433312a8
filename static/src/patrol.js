/**
 * Runs in a worker, from its text: holds its own calls to what its page was not allowed as it began. So it may
 * use nothing from outside.
 *
 * @param {[pattern: RegExp, allowed: unknown][]} rows
 * @param {string} own the page's host
 */
export function patrol(rows, own) {
  const open = "open";
  /** @param {any} it what a call is given @returns {any} */
  const judged = (it) => {
    try {
      const { protocol, host, pathname } = new URL(it.url ?? it);
      const text = (host == own ? "" : protocol) + "//" + host + unescape(pathname);
      const row = rows.find(([pattern]) => pattern.test(text));
      if (row && !row[1]) return "wss://0:0";
    } catch {}
    return it;
  };
  const scope = /** @type {any} */ (self);
  for (const name of ["importScripts", "fetch", "WebSocket", "EventSource", open]) {
    const owner = name == open ? scope.XMLHttpRequest.prototype : scope;
    owner[name] = new Proxy(owner[name], {
      apply: (native, self, args) => Reflect.apply(native, self, args.map(judged)),
      construct: (native, args) => new native(...args.map(judged)),
    });
  }
}
