import { loadStyle } from "./elements.js";
import { loadNotice } from "./notice.js";
import { panel } from "./panel.js";

/**
 * The banner of one page, with its words and styles.
 *
 * @param {Kernel} kernel
 * @returns {Promise<Ui>}
 */
export default async function banner(kernel) {
  const { config } = kernel;
  const [notice] = await Promise.all([loadNotice(config), loadStyle(location.origin + config.styles.banner)]);
  return panel(kernel, notice);
}
