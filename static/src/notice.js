/**
 * The notice's locale: the page's own language, else the visitor's, else the site's.
 *
 * @param {Config} config
 * @param {readonly string[]} wanted language tags, best first
 */
export function pickLocale(config, wanted) {
  const known = Object.keys(config.notices);
  for (let tag of wanted) {
    for (; tag; tag = tag.replace(/-?[^-]*$/, "")) {
      const found = known.find((locale) => locale.toLowerCase() === tag.toLowerCase());
      if (found) return found;
    }
  }
  return config.locale;
}

/** @param {Config} config @returns {Promise<Notice>} */
export async function loadNotice(config) {
  const locale = pickLocale(config, [document.documentElement.lang, ...navigator.languages]);
  const answer = await fetch(location.origin + config.notices[locale]);
  if (!answer.ok) throw new Error("notice " + answer.status);
  return answer.json();
}

/** @param {string} text @param {Record<string, string>} values */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
