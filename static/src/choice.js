import { pickLocale, wishes } from "./notice.js";

/**
 * What a control says: a choice for every category; of those to save, one that `wanted` says nothing of stays as
 * it is. Who opts out of a sale says no more than that.
 *
 * @param {Kernel} kernel
 * @param {string} verb
 * @param {Record<string, boolean>} wanted
 */
export const chosen = ({ config, may }, verb, wanted) =>
  Object.fromEntries(
    (verb === "opt-out" ? config.sold : config.categories).map((category) => [
      category,
      verb === "save" ? !!(wanted[category] ?? may(category)) : verb === "accept-all",
    ]),
  );

/**
 * @param {Kernel} kernel
 * @param {Record<string, boolean>} choices
 * @returns {boolean} whether they allow something that isn't allowed yet: that takes the visitor's own hand
 */
export const grants = ({ config, may }, choices) => config.categories.some((each) => choices[each] && !may(each));

/**
 * Has the server record choices; what they deny ends before it is asked.
 *
 * @param {Kernel} kernel
 * @param {Record<string, boolean>} choices every optional category; on a placeholder, what it waits for
 * @param {string} control what was pressed
 * @param {string} mechanism where that stands: on a layer of ours, on the site's page, in its scripts
 * @returns {Promise<"failed" | "offline" | undefined>} what went wrong
 */
export async function choose(kernel, choices, control, mechanism) {
  kernel.withdraw(kernel.config.categories.filter((category) => choices[category] === false));
  const answer = await post(kernel, { choices, mechanism, control }).catch(() => "offline");
  if (typeof answer === "string") {
    kernel.finish();
    return /** @type {"failed" | "offline"} */ (answer);
  }
  // What the answer had no room to end goes with others, each of which leads to the next, even as this page ends;
  // the last ones are at this page's own path, below which some cookies may only be seen there.
  const further = answer.ending + "&page=" + encodeURIComponent(location.pathname);
  if (answer.ending) fetch(location.origin + further, { keepalive: true }).catch(() => {});
  kernel.finish(answer);
}

/**
 * @param {Kernel} kernel
 * @param {Record<string, unknown>} answer
 * @returns {Promise<State | string>}
 */
async function post({ config, locale: drawn }, answer) {
  const { notices, policy, prefix } = config;
  // What was drawn stays drawn, whatever language the page says it has by now.
  const locale = drawn ?? pickLocale(config, wishes());
  const response = await fetch(location.origin + prefix + "/", {
    method: "POST",
    keepalive: true,
    signal: AbortSignal.timeout(1e4),
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({
      ...answer,
      policy,
      locale,
      // The name of a notice's file has the digits of its hash: a page from a cache shows an earlier one.
      notice: notices[locale]?.split(".").at(-2),
      size: matchMedia("(min-width:60rem)").matches ? "wide" : "narrow",
      client: Date.now(),
      // A browser may tell scripts what it tells no server.
      gpc: navigator.globalPrivacyControl ? true : undefined,
    }),
  });
  return response.ok ? response.json() : "failed";
}

/**
 * What the site's own scripts ask for: categories that they don't name stay as they are.
 *
 * @param {Kernel} kernel
 * @param {Record<string, boolean> | string[]} wanted choices, or the categories that get `answer`
 * @param {boolean} answer
 * @param {boolean | undefined} trusted
 */
export async function save(kernel, wanted, answer, trusted) {
  const named = Array.isArray(wanted) ? Object.fromEntries(wanted.map((each) => [each, answer])) : wanted;
  const choices = chosen(kernel, "save", named);
  if (!trusted && grants(kernel, choices)) throw new Error("consentkit: only the visitor's own action can accept");
  const wrong = await choose(kernel, choices, "save", "api");
  if (wrong) throw new Error("consentkit: the choice is not saved: " + wrong);
}
