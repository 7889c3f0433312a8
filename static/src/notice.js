/** As in policy/locales.py. @type {Record<string, string>} */
const ALIASES = { cmn: "zh", iw: "he", mo: "ro", nn: "nb", no: "nb", sh: "sr" };

/**
 * The notice's locale: the page's own language, else the visitor's, else the site's.
 *
 * A wish is met by its own tag, else by the nearest one it is a variety of, else by a variety of that.
 *
 * @param {Pick<Config, "notices" | "locale">} config
 * @param {readonly string[]} wanted language tags, best first
 */
export function pickLocale({ notices, locale }, wanted) {
  for (const wish of wanted) {
    let tag = wish.toLowerCase().replace(/^\w+/, (language) => ALIASES[language] ?? language);
    for (; tag; tag = tag.replace(/-?[^-]*$/, "")) {
      const fitting = Object.keys(notices).filter((each) => (each.toLowerCase() + "-").startsWith(tag + "-"));
      if (fitting[0]) return fitting.reduce((a, b) => (b.length < a.length ? b : a));
    }
  }
  return locale;
}

/** @param {string} path */
async function words(path) {
  const answer = await fetch(location.origin + path);
  if (!answer.ok) throw new Error(path + " " + answer.status);
  return answer.json();
}

export const wishes = () => [document.documentElement.lang, ...navigator.languages];

/** The page's one notice, in the language that all of it is drawn in. @param {Kernel} kernel @returns {Promise<Notice>} */
export const loadNotice = (kernel) =>
  kernel.once("notice", async () => {
    const { config } = kernel;
    const notice = await words(config.notices[pickLocale(config, wishes())] ?? "");
    kernel.locale = notice.locale;
    return notice;
  });

/**
 * What the second layer and the placeholders say besides: the notice names it by its hash.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @returns {Promise<Details>}
 */
export const loadDetails = ({ config, once }, { locale, details }) =>
  once("details", () => words(`${config.prefix}/static/details-${locale}.${details.slice(0, 16)}.json`));
