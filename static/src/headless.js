import { ticked } from "./controls.js";

/**
 * In place of a banner, where the site draws its own: its controls answer, and nothing is drawn.
 *
 * @param {Kernel} kernel
 * @returns {Promise<Ui>}
 */
export default async function headless(kernel) {
  const { config } = kernel;
  const { choose, chosen, grants } = await import(location.origin + config.choice);
  return {
    refresh() {},
    async act(verb, from, trusted) {
      const wanted = verb === "save" ? ticked(from?.closest("form"), config) : {};
      if (verb === "open" || !wanted) throw new Error("consentkit: the visitor's page has the choices");
      const choices = chosen(kernel, verb, wanted);
      if (!trusted && grants(kernel, choices)) return;
      const wrong = await choose(kernel, choices, verb, "page");
      if (wrong) throw new Error("consentkit: the choice is not saved: " + wrong);
    },
  };
}
