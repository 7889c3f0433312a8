import { unanswered } from "./answers.js";
import { button, make } from "./elements.js";

export const TITLE = "consentkit-title";

/** @param {Notice} notice */
export const heading = (notice) => make("h2", { class: "title", id: TITLE, tabIndex: -1 }, notice.title);

/** @param {string[]} texts */
export const paragraphs = (texts) => texts.map((text) => make("p", { class: "paragraph" }, text));

/** The site's own address, whatever `<base>` the page has. @param {{ href: string; text: string }} link */
const anchor = ({ href, text }) => make("a", { class: "link", href: new URL(href, location.origin).href }, text);

/** @param {Notice} notice */
export const links = ({ links: { details, policy } }) =>
  make("p", { class: "paragraph" }, anchor(details), " ", anchor(policy));

/**
 * The three equal buttons of a layer, in the site's order.
 *
 * @param {Notice} notice
 * @param {Config["order"]} order
 * @param {HTMLElement} choose the third one
 */
export const equals = ({ buttons }, order, choose) =>
  order.map((name) => (name === "choose" ? choose : button(buttons[name], `${name}-all`)));

/**
 * The first layer: what for, who, what follows, and its buttons. One that comes again, as something has changed
 * or an answer has run out, says so, and names what it is about alone.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @param {() => void} choose
 */
export function firstLayer(kernel, notice, choose) {
  const { asking, config } = kernel;
  const asked = unanswered(kernel);
  const always = make("strong", { class: "name" }, notice.labels.always);
  const purposes = notice.categories
    .filter(({ id }) => !config.categories[asked.length] || asked.includes(id))
    .map(({ name, description, locked }) =>
      make("li", { class: "purpose" }, make("strong", { class: "name" }, name), ` ${description} `, locked && always),
    );
  const { reasons } = /** @type {Partial<State>} */ (asking());
  const news = `${config.prefix}/policy/${config.policy}?lang=${notice.locale}#changes`;
  const changed = asked.some((category) => reasons?.[category] === "changed");
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      changed && make("p", { class: "paragraph" }, notice.status.again + " ", anchor({ href: news, text: notice.changes })),
      ...paragraphs(notice.objection.concat(notice.body, notice.purposes_intro)),
      make("ul", { class: "purposes" }, ...purposes),
      links(notice),
    ),
    make("div", { class: "actions" }, ...equals(notice, config.order, button(notice.buttons.choose, choose))),
  ];
}
