import { button, make } from "./elements.js";

export const TITLE = "consentkit-title";

/** @param {Notice} notice */
const heading = (notice) => make("h2", { class: "title", id: TITLE, tabIndex: -1 }, notice.title);

/** The site's own address, whatever `<base>` the page has. @param {{ href: string; text: string }} link */
const anchor = ({ href, text }) => make("a", { class: "link", href: new URL(href, location.origin).href }, text);

/**
 * The first layer: what for, who, what follows, and three equal buttons.
 *
 * @param {Notice} notice
 * @param {() => void} choose
 */
export function firstLayer(notice, choose) {
  const { buttons, links } = notice;
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
      make("p", { class: "links" }, anchor(links.details), " ", anchor(links.policy)),
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

/** @param {string} code @param {string} locale */
function country(code, locale) {
  try {
    return new Intl.DisplayNames([locale], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** @param {Notice} notice @param {NoticeService} service */
function serviceItem({ labels, locale }, service) {
  const where = service.country && ` (${country(service.country, locale)})`;
  const rows = [`${labels.vendor}: ${service.vendor}${where}`, service.purposes.join(", ")];
  const trackers = service.trackers.map(({ name, lifetime }) =>
    make("li", { class: "tracker" }, make("code", { class: "code" }, name), " – " + lifetime),
  );
  return make(
    "li",
    { class: "service" },
    make("strong", { class: "name" }, service.name),
    ...rows.map((text) => make("div", { class: "row" }, text)),
    trackers.length > 0 && make("div", { class: "row" }, labels.trackers + ":"),
    trackers.length > 0 && make("ul", { class: "trackers" }, ...trackers),
    make("a", { class: "link", href: service.policy_url, rel: "noopener noreferrer" }, labels.privacy),
  );
}

/** @param {Notice} notice @param {NoticeCategory} category @param {boolean} on */
function categoryItem(notice, category, on) {
  const { id, name, description, locked, services } = category;
  const about = "consentkit-about-" + id;
  const count = `${notice.labels.services} (${services.length})`;
  const box = make("input", {
    class: "check",
    type: "checkbox",
    name: id,
    checked: on || locked,
    disabled: locked,
    "aria-describedby": about,
  });
  return make(
    "li",
    { class: "category" },
    make(
      "label",
      { class: "label" },
      box,
      make("strong", { class: "name" }, name),
      locked && make("span", { class: "always" }, notice.labels.always),
    ),
    make("p", { class: "paragraph", id: about }, description),
    services.length > 0 &&
      make(
        "details",
        { class: "details" },
        make("summary", { class: "summary", "aria-label": `${count}: ${name}` }, count),
        make("ul", { class: "services" }, ...services.map((service) => serviceItem(notice, service))),
      ),
  );
}

/**
 * The second layer: every category with its services; boxes ticked only where the visitor has said yes.
 *
 * @param {Notice} notice
 * @param {(category: string) => boolean} may
 * @param {() => void} back
 */
export function secondLayer(notice, may, back) {
  const { buttons, categories, links } = notice;
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      make("p", { class: "paragraph" }, notice.purposes_intro),
      make(
        "ul",
        { class: "categories" },
        ...categories.map((category) => categoryItem(notice, category, may(category.id))),
      ),
      make("p", { class: "links" }, anchor(links.details), " ", anchor(links.policy)),
    ),
    make(
      "div",
      { class: "actions" },
      button(buttons.save, "save"),
      button(buttons.accept, "accept-all"),
      button(buttons.reject, "reject-all"),
      button(buttons.back, back),
    ),
  ];
}
