// All that a page has to hold itself: what the guard and the site may ask before the kernel is there.
const early = /** @type {any} */ (window.consentkit);

// An element whose id is `consentkit` must not pass for a first copy.
if (!early?.allows?.call) {
  const [path, policy, months, off, ...categories] = __STARTER__;
  const address = location.origin + path;
  /** @type {Set<string>} */
  const asked = new Set();
  const queue = Array.isArray(early) ? early : [];
  /**
   * Reads the advisory hint cookie: `<16 hex of the policy>.<category>+<until>.<category>-<until>…`, seconds.
   *
   * `known` means that every optional category has an unexpired choice under this page's policy, so that
   * the server need not be asked. `key` changes whenever what the hint says of choices changes, by time too. An
   * end further away than any answer lasts was not set by the server. What the browser objects to is `off`,
   * whatever the hint says: that may be of a time before (W3C GPC §3.2).
   *
   * @returns {Hint}
   */
  const hint = () => {
    let raw = "";
    try {
      raw = document.cookie.match(/(^|; )consentkit_allows=([^;~]*)/)?.[2] ?? "";
    } catch {
      // A sandboxed frame has no cookies.
    }
    const signs = categories.map((category) => {
      const [, sign, until] = /** @type {any[]} */ (raw.match(`[.]${category}([+-])(\\d+)`) ?? []);
      const left = until - Date.now() / 1e3;
      return left > 0 && left < months * 2.7e6 && (off.includes(category) ? "-" : sign);
    });
    return {
      allowed: ["necessary", ...categories.filter((_, i) => signs[i] == "+")],
      known: raw.startsWith(policy) && !signs.includes(false),
      key: raw + signs,
      off,
    };
  };
  /** @type {ConsentKit} */
  const kit = (window.consentkit = {
    allows(category) {
      const { allowed, known } = hint();
      // Whoever asks will load something; a withdrawal then has to end it.
      return (known ? allowed.includes(category) : category == "necessary") && !!asked.add(category);
    },
    open: () => act(),
    push: (/** @type {(kit: ConsentKitApi) => void} */ callback) => queue.push(callback),
  });
  const loaded = import(address).then((kernel) => kernel.default(kit, hint, asked, queue)).catch(() => {});
  // The visitor's page is two levels above the kernel.
  const act = (/** @type {any[]} */ ...press) =>
    loaded.then((presses) => presses(...press)).catch(() => (/** @type {any} */ (window).location = address + "/../.."));
  // What is pressed before the kernel has come waits for it. What stands in an open shadow tree counts too.
  addEventListener(
    "click",
    (event) => {
      const control = /** @type {any[]} */ (event.composedPath()).find((each) =>
        /^(open|save|\w+-(all|out))$/.test(each.dataset?.consent),
      );
      if (!control) return;
      event.preventDefault();
      void act(control, event.isTrusted);
    },
    true,
  );
  __FIRST__;
}
