import { button, make } from "./elements.js";

export const TITLE = "consentkit-title";

/** @param {Notice} notice */
export const heading = (notice) => make("h2", { class: "title", id: TITLE, tabIndex: -1 }, notice.title);

/** @param {string[]} texts */
export const paragraphs = (texts) => texts.map((text) => make("p", { class: "paragraph" }, text));

/** The site's own address, whatever `<base>` the page has. @param {{ href: string; text: string }} link */
const anchor = ({ href, text }) => make("a", { class: "link", href: new URL(href, location.origin).href }, text);

/** @param {Notice} notice */
export const links = ({ links: { details, policy } }) => make("p", { class: "links" }, anchor(details), " ", anchor(policy));

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
 * The first layer: what for, who, what follows, and its buttons.
 *
 * @param {Notice} notice
 * @param {Config["order"]} order
 * @param {() => void} choose
 */
export function firstLayer(notice, order, choose) {
  const always = make("strong", { class: "name" }, notice.labels.always);
  const purposes = notice.categories.map(({ name, description, locked }) =>
    make("li", { class: "purpose" }, make("strong", { class: "name" }, name), ` ${description} `, locked && always),
  );
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      ...paragraphs([...notice.objection, ...notice.body, notice.purposes_intro]),
      make("ul", { class: "purposes" }, ...purposes),
      links(notice),
    ),
    make("div", { class: "actions" }, ...equals(notice, order, button(notice.buttons.choose, choose))),
  ];
}
