/**
 * Reads the advisory hint cookie: `<16 hex of the policy>.<category>+<until>.<category>-<until>…`, seconds.
 *
 * `known` means that every optional category has an unexpired choice under this page's policy, so that
 * the server need not be asked. `key` changes whenever what the hint says of choices changes, by time too. An end
 * further away than any answer lasts was not set by the server. What the browser objects to is `off`, whatever the
 * hint says: that may be of a time before (W3C GPC §3.2).
 *
 * @param {{ categories: string[]; months: number; off: string[]; policy: string }} terms the policy by its first 16 digits
 * @param {string} cookies as document.cookie gives them
 * @param {number} now milliseconds since the epoch
 * @returns {Hint}
 */
export function readHint({ categories, months, off, policy }, cookies, now) {
  const raw = /(?:^|; )consentkit_allows=([^;~]*)/.exec(cookies)?.[1] ?? "";
  const signs = categories.map((category) => {
    const [, sign, until] = new RegExp(`[.]${category}([+-])(\\d+)`).exec(raw) ?? [];
    const left = Number(until) - now / 1e3;
    return left > 0 && left < months * 2.7e6 && (off.includes(category) ? "-" : sign);
  });
  return {
    allowed: ["necessary", ...categories.filter((_, i) => signs[i] === "+")],
    known: raw.startsWith(policy) && signs.every(Boolean),
    key: raw + signs,
    off,
  };
}
