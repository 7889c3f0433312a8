import { day } from "./dates.js";
import { button, loadStyle, make } from "./elements.js";
import { loadDetails, loadNotice } from "./notice.js";

/**
 * Tells somebody who is asked nothing that the policy has changed, until they close it: no dialog, in nobody's way.
 *
 * @param {Kernel} kernel
 * @returns {Promise<Part>}
 */
export default async function message(kernel) {
  const { asking, config } = kernel;
  const notice = await loadNotice(kernel);
  const [words] = await Promise.all([loadDetails(kernel, notice), loadStyle(location.origin + config.styles.message)]);
  const { locale, dir } = notice;
  let closed = false;
  const close = button(words.buttons.close, () => {
    closed = true;
    box.remove();
    fetch(location.origin + config.prefix + "/sync?closed", { method: "POST", keepalive: true }).catch(() => {});
  });
  const href = `${location.origin + config.prefix}/policy/${config.policy}?lang=${locale}#changes`;
  const link = make("a", { class: "link", href }, notice.changes);
  const box = make("div", { class: "message", lang: locale, dir, role: "status" });
  return {
    refresh() {
      // `consentkit_allows=<choices>~<records>!<UTC day>`
      const since = /(?:^|; )consentkit_allows=[^;!]*!(\d+)/.exec(document.cookie)?.[1];
      if (!since || closed || asking()) return box.remove();
      if (box.isConnected) return;
      const date = day(words.dates, +since * 864e5);
      document.body.append(box);
      // What comes into a place that is there already is read aloud.
      box.replaceChildren(make("p", {}, words.status.changed.replace("{date}", date)), link, close);
    },
  };
}
