import { unanswered } from "./answers.js";
import { ticked } from "./controls.js";
import { loadDetails, pickLocale, wishes } from "./notice.js";

/**
 * A choice for every category; one that `wanted` says nothing of stays as it is.
 *
 * @param {Kernel} kernel
 * @param {(category: string) => boolean | undefined} wanted
 */
const chosen = ({ config, may }, wanted) =>
  Object.fromEntries(config.categories.map((category) => [category, !!(wanted(category) ?? may(category))]));

/**
 * Whether choices must not be recorded: a script may refuse for the visitor, but what isn't allowed yet takes
 * the visitor's own hand.
 *
 * @param {Kernel} kernel
 * @param {Record<string, boolean>} choices
 * @param {boolean | undefined} trusted whether that is known already
 */
const forbidden = ({ config, may }, choices, trusted) =>
  !trusted &&
  !navigator.userActivation?.isActive &&
  config.categories.some((category) => choices[category] && !may(category));

/**
 * What a control that was pressed answers: undefined where the visitor has to be shown the choices, false where
 * nothing may be recorded.
 *
 * @param {Kernel} kernel
 * @param {Press} press
 * @param {Element | false} [layer] whose boxes a control in no form is about
 * @param {boolean} [again] whether it is on a first layer: a yes there is about what the question is about
 */
export function answerOf(kernel, [verb, control, trusted], layer, again) {
  const { config } = kernel;
  const boxes = verb === "save" && (ticked(control?.closest("form"), config) || ticked(layer, config));
  if (verb === "open" || (verb === "save" && !boxes)) return;
  // Who opts out of a sale says no more than that.
  if (verb === "opt-out") return Object.fromEntries(config.sold.map((category) => [category, false]));
  const accepted = verb === "accept-all" && (again ? unanswered(kernel) : config.categories);
  const choices = chosen(kernel, (category) =>
    boxes ? boxes[category] : accepted && (accepted.includes(category) || undefined),
  );
  return !forbidden(kernel, choices, trusted) && choices;
}

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
  // Who has just opted out of a sale isn't asked about the rest in the same breath.
  if (control === "opt-out") answer.ask = false;
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
  const choices = chosen(kernel, (category) => named[category]);
  if (forbidden(kernel, choices, trusted)) throw new Error("consentkit: only the visitor's own action can accept");
  const wrong = await choose(kernel, choices, "save", "api");
  if (wrong) throw new Error("consentkit: the choice is not saved: " + wrong);
}

/**
 * What stays off whatever is pressed, as the browser objects to it: that has to be said beforehand. Nobody else
 * has the details fetched for it.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @returns {Promise<string[]>}
 */
export async function objection(kernel, notice) {
  const { dnt, gpc } = (await loadDetails(kernel, notice)).signal;
  return (navigator.doNotTrack === "1" && dnt) || (navigator.globalPrivacyControl && gpc) || [];
}
