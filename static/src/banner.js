import { panel } from "./panel.js";
import { blockedFrames } from "./placeholder.js";
import { reviver } from "./revive.js";

/**
 * Everything the page's elements need, for one page: revival first, then what is shown. The notice and the
 * styles are fetched when there is something to show.
 *
 * @param {Kernel} kernel
 * @returns {Ui}
 */
export default function banner(kernel) {
  const revive = reviver(kernel);
  /** @type {ReturnType<typeof panel> | undefined} */
  let shown;
  const show = () => (shown ??= panel(kernel));

  return {
    async refresh() {
      void revive();
      const frames = blockedFrames(kernel);
      if (shown || kernel.asking() || frames.length) (await show()).refresh(frames);
    },
    act: async (verb, opener, trusted) => (await show()).act(verb, opener, trusted),
  };
}
