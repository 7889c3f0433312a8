/**
 * In place of a banner, where the site draws its own: its controls answer, and nothing is drawn.
 *
 * @param {Kernel} kernel
 * @returns {Promise<Ui>}
 */
export default async function headless(kernel) {
  const { answerOf, choose } = await kernel.once("choice");
  return {
    refresh() {},
    async act(...press) {
      const choices = answerOf(kernel, press);
      if (choices === undefined) throw new Error("consentkit: the visitor's page has the choices");
      const wrong = choices && (await choose(kernel, choices, press[0], "page"));
      if (wrong) throw new Error("consentkit: the choice is not saved: " + wrong);
    },
  };
}
