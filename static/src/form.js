import { loadStyle, make } from "./elements.js";
import { TITLE } from "./layers.js";
import { loadNotice } from "./notice.js";
import { panel } from "./panel.js";

/**
 * A banner of one form, with its words and styles.
 *
 * @param {"div" | "dialog"} tag
 * @param {"dialog" | "region"} role
 * @param {(box: any) => void} put puts its box in its place
 */
export const form = (tag, role, put) =>
  /** @param {Kernel} kernel @returns {Promise<Ui>} */
  async (kernel) => {
    const { config } = kernel;
    const [notice] = await Promise.all([loadNotice(kernel), loadStyle(location.origin + config.styles.banner)]);
    const { doNotTrack, globalPrivacyControl } = navigator;
    const objects = doNotTrack == "1" || globalPrivacyControl;
    notice.objection = objects ? await (await kernel.once("choice")).objection(kernel, notice) : [];
    return panel(kernel, notice, make(tag, { class: "banner", role, "aria-labelledby": TITLE }), put);
  };
