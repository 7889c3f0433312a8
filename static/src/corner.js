import { button, loadStyle, make } from "./elements.js";
import { loadNotice } from "./notice.js";

/**
 * Small buttons in the same corner of every page, once there is an answer: one opens the choices again, and, where
 * there is a yes, one ends all of it. That took one press too (A7, GDPR 7(3)).
 *
 * @param {Kernel} kernel
 * @returns {Promise<Part>}
 */
export default async function corner(kernel) {
  const { asking, config, may } = kernel;
  const [notice] = await Promise.all([loadNotice(kernel), loadStyle(location.origin + config.styles.corner)]);
  const { locale, dir } = notice;
  const manage = button(notice.manage, "open");
  const withdraw = button(notice.withdraw, "reject-all");
  const shape = { class: "corner consentkit-" + config.button, role: "region", "aria-label": notice.manage };
  const box = make("div", { ...shape, lang: locale, dir }, manage);
  return {
    refresh() {
      if (asking()) return box.remove();
      if (!box.isConnected) document.body.append(box);
      if (config.categories.some(may)) return withdraw.isConnected || box.append(withdraw);
      if (document.activeElement === withdraw) manage.focus();
      withdraw.remove();
    },
  };
}
