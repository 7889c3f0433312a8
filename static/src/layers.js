import { button, make } from "./elements.js";

export const TITLE = "consentkit-title";

/** @param {Notice} notice */
export const heading = (notice) => make("h2", { class: "title", id: TITLE, tabIndex: -1 }, notice.title);

/** The site's own address, whatever `<base>` the page has. @param {{ href: string; text: string }} link */
const anchor = ({ href, text }) => make("a", { class: "link", href: new URL(href, location.origin).href }, text);

/** @param {Notice} notice */
export const links = ({ links: { details, policy } }) => make("p", { class: "links" }, anchor(details), " ", anchor(policy));

/**
 * The first layer: what for, who, what follows, and three equal buttons.
 *
 * @param {Notice} notice
 * @param {() => void} choose
 */
export function firstLayer(notice, choose) {
  const { buttons } = notice;
  const purposes = notice.categories.map(({ name, description, locked }) => {
    const text = locked ? `${description} ${notice.labels.always}.` : description;
    return make("li", { class: "purpose" }, make("strong", { class: "name" }, name), " – " + text);
  });
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      ...notice.body.map((text) => make("p", { class: "paragraph" }, text)),
      make("p", { class: "paragraph" }, notice.purposes_intro),
      make("ul", { class: "purposes" }, ...purposes),
      links(notice),
    ),
    make(
      "div",
      { class: "actions" },
      button(buttons.accept, "accept-all"),
      button(buttons.reject, "reject-all"),
      button(buttons.choose, choose),
    ),
  ];
}
