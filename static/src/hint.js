/**
 * Reads the advisory hint cookie: `<16 hex of the policy>.<category>+<until>.<category>-<until>…`, seconds.
 *
 * `known` means that every optional category has an unexpired choice under this page's policy, so that
 * the server need not be asked. `key` changes whenever what the hint says of choices changes, by time too. An end
 * further away than any answer lasts was not set by the server. What the browser objects to is `off`, whatever the
 * hint says: that may be of a time before (W3C GPC §3.2).
 *
 * @param {string} policy its first digits
 * @param {number} months as long as an answer counts at most
 * @param {string[]} categories the optional ones
 * @param {string[]} off
 * @returns {Hint}
 */
export function readHint(policy, months, categories, off) {
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
}
