import { loadStyle, make } from "./elements.js";
import { loadNotice } from "./notice.js";

/**
 * A small button that opens the choices again: in the same corner of every page, once there is an answer.
 *
 * @param {Kernel} kernel
 * @returns {Promise<Part>}
 */
export default async function corner({ asking, config }) {
  const [notice] = await Promise.all([loadNotice(config), loadStyle(location.origin + config.styles.corner)]);
  const { manage, locale, dir } = notice;
  const shape = { class: "corner consentkit-" + config.button, type: "button", "data-consent": "open", lang: locale, dir };
  const button = make("button", shape, manage);
  return {
    refresh() {
      if (asking()) button.remove();
      else if (!button.isConnected) document.body.append(button);
    },
  };
}
