/**
 * Expires a cookie for this host and each parent domain, on every path that this page can see.
 *
 * @param {string} name
 */
function expire(name) {
  for (let path = location.pathname + "/"; path; ) {
    path = path.replace(/\/[^/]*$/, "");
    // Ends with an empty domain, which means this host only.
    for (let host = "." + location.hostname, last = ""; host !== last; ) {
      for (const end of ["", "/"]) {
        const gone = `${name}=;max-age=0;path=${path}${end};domain=${host}`;
        document.cookie = gone;
        document.cookie = gone + ";secure;partitioned";
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

/**
 * Removes cookies and storage keys of every category not in `allowed`, as far as script can see them.
 * A name that an allowed category claims too is kept: vendors share names, and the server decides about
 * those by service. Cookies and storage go before the next script runs, databases and caches soon after.
 *
 * @param {Config} config
 * @param {string[]} allowed
 */
export function clear({ cookies, storage }, allowed) {
  for (const area in areas) {
    /** @type {Record<string, (string | [string, string])[]>} */
    const claims = area === "cookie" ? cookies : storage;
    /** @param {boolean} wanted */
    const claimed = (wanted) => {
      const globs = Object.keys(claims).flatMap((category) =>
        allowed.includes(category) === wanted ? (claims[category] ?? []) : [],
      );
      const names = globs.flatMap((claim) => (claim[0] === area ? (claim[1] ?? []) : typeof claim === "string" ? claim : []));
      return new RegExp(`^(${names.map((name) => name.replace(/\W/g, (sign) => (sign === "*" ? ".*" : "\\" + sign))).join("|")})$`, "s");
    };
    void sweep(area, claimed(false), claimed(true));
  }
}

/** @param {string} area @param {RegExp} denied @param {RegExp} kept */
async function sweep(area, denied, kept) {
  const [keys, remove] = areas[area] ?? [];
  try {
    for (const key of /** @type {string[]} */ (await keys?.())) {
      if (key && denied.test(key) && !kept.test(key)) remove?.(key);
    }
  } catch {
    // Storage can be forbidden (sandboxed frame, blocked by the visitor): then nothing of ours is in it.
  }
}
