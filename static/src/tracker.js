const KEYS = 2 ** 18;

/**
 * The number that nine digits of base64url stand for, exact below 2^53.
 *
 * @param {string} digits
 */
export const number = (digits) =>
  [...atob(("AAA" + digits).replace(/-/g, "+").replace(/_/g, "/"))].reduce(
    (sum, byte) => sum * 256 + byte.charCodeAt(0),
    0,
  );

/**
 * The key of a tracker: FNV-1a, 32 bit, of its name in UTF-8, as a signed number.
 *
 * @param {string} name a cookie's, or `area:key`
 */
export const keyOf = (name) =>
  [...unescape(encodeURIComponent(name))].reduce(
    (hash, byte) => Math.imul(hash ^ byte.charCodeAt(0), 0x1000193),
    0x811c9dc5,
  );

/**
 * The instant from which on a tracker must not live, in milliseconds since the epoch, as the hint says: in a
 * day at most where it has as many records as the server keeps, and none is this one's.
 *
 * @param {string} name
 * @returns {any} a number, or undefined where the hint says nothing
 */
export function endOf(name) {
  // `consentkit_allows=<choices>~<issued day, 3 digits><records of 9: key, end day>`
  const records = /(?:^|; )consentkit_allows=[^;~]*~...([^;]*)/.exec(document.cookie)?.[1]?.match(/.{9}/g);
  const record = records?.map(number).find((each) => !((each / KEYS) ^ keyOf(name)));
  return record ? (record % KEYS) * 864e5 : records?.[63] && Date.now() + 864e5;
}
