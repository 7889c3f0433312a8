/**
 * Expires a cookie for this host and each parent domain, on every path that this page can see.
 *
 * @param {string} name
 */
function expire(name) {
  for (let path = location.pathname + "/"; path; ) {
    path = path.replace(/\/[^/]*$/, "");
    // Ends with an empty domain, which means this host only.
    for (let host = "." + location.hostname, last = ""; host != last; ) {
      // A name that begins with `__Secure-` is only taken with `secure`, one with `__Host-` without a domain too.
      for (const end of ["", "/"]) {
        for (const flags of ["", ";secure;partitioned", ";secure"]) {
          document.cookie = `${name}=;max-age=0;path=${path}${end}${host && ";domain=" + host}${flags}`;
        }
      }
      last = host;
      host = host.replace(/^\.[^.]*/, "");
    }
  }
}

/** @type {Record<string, [keys: () => unknown, remove: (key: string) => unknown]>} */
const areas = {
  cookie: [() => document.cookie.split("; ").map((pair) => pair.split("=")[0]), expire],
  local: [() => Object.keys(localStorage), (key) => localStorage.removeItem(key)],
  session: [() => Object.keys(sessionStorage), (key) => sessionStorage.removeItem(key)],
  indexeddb: [
    async () => (await indexedDB.databases()).map(({ name }) => name),
    (key) => indexedDB.deleteDatabase(key),
  ],
  cache: [() => caches.keys(), (key) => caches.delete(key)],
};

/** What a look finds out at once; databases and caches answer later. */
export const AT_ONCE = ["cookie", "local", "session"];

/**
 * Shows each cookie and storage key that script can see, by the name of a tracker (`area:key`), with a way to
 * remove it. Those of `AT_ONCE` are shown before the next script runs.
 *
 * @param {(name: string, remove: () => unknown) => unknown} visit
 * @param {string[]} [wanted] areas
 */
export async function sweep(visit, wanted = Object.keys(areas)) {
  for (const area of wanted) {
    const [keys, remove] = areas[area] ?? [];
    try {
      for (const key of /** @type {string[]} */ (await keys?.())) if (key) visit(area + ":" + key, () => remove?.(key));
    } catch {
      // Storage can be forbidden (sandboxed frame, blocked by the visitor): then nothing of ours is in it.
    }
  }
}

/** @param {string[]} names globs */
export const pattern = (names) =>
  new RegExp(`^(${names.map((name) => name.replace(/\W/g, (sign) => (sign == "*" ? ".*" : "\\" + sign))).join("|")})$`, "s");

/**
 * The names of trackers by service, of the categories among `allowed`, or, with `wanted` false, of any other.
 *
 * @param {Config} config
 * @param {string[]} allowed
 * @param {boolean} wanted
 */
export const declared = ({ trackers }, allowed, wanted) =>
  Object.keys(trackers).flatMap((category) => (allowed.includes(category) == wanted ? (trackers[category] ?? []) : []));

/**
 * Removes cookies and storage keys of every category not in `allowed`, as far as script can see them.
 * A name that an allowed category claims too is kept: vendors share names, and the server decides about
 * those by service. Cookies and storage go before the next script runs, databases and caches soon after.
 *
 * @param {Config} config
 * @param {string[]} allowed
 */
export function clear(config, allowed) {
  const denied = pattern(declared(config, allowed, false).flat());
  const kept = pattern(declared(config, allowed, true).flat());
  void sweep((name, remove) => denied.test(name) && !kept.test(name) && remove());
}
