import { button, make } from "./elements.js";
import { equals, heading, links } from "./layers.js";

/** @param {string} code @param {string} locale */
function country(code, locale) {
  try {
    return new Intl.DisplayNames([locale], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** @param {string} locale @param {Details} details @param {NoticeService} service */
function serviceItem(locale, { labels }, service) {
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

/**
 * @param {Notice} notice
 * @param {Details} details
 * @param {NoticeCategory} category
 * @param {boolean} on
 * @param {string | undefined} end
 */
function categoryItem(notice, details, category, on, end) {
  const { id, name, description, locked } = category;
  const services = details.services[id] ?? [];
  const about = "consentkit-about-" + id;
  const count = `${details.labels.services} (${services.length})`;
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
      !!end && make("span", { class: "until" }, details.labels.until.replace("{date}", day(end, notice.locale))),
    ),
    make("p", { class: "paragraph", id: about }, description),
    services.length > 0 &&
      make(
        "details",
        { class: "details" },
        make("summary", { class: "summary", "aria-label": `${count}: ${name}` }, count),
        make("ul", { class: "services" }, ...services.map((service) => serviceItem(notice.locale, details, service))),
      ),
  );
}

/** @param {string} instant @param {string} locale */
const day = (instant, locale) => new Intl.DateTimeFormat(locale, { dateStyle: "long" }).format(new Date(instant));

/**
 * The second layer: every category with its services, and until when an answer counts; boxes ticked only where
 * the visitor has said yes.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @param {Details} details
 * @param {() => void} back
 */
export default function secondLayer({ config, may, ends }, notice, details, back) {
  const until = ends();
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      make("p", { class: "paragraph" }, notice.purposes_intro),
      make(
        "ul",
        { class: "categories" },
        ...notice.categories.map((each) => categoryItem(notice, details, each, may(each.id), until[each.id])),
      ),
      links(notice),
    ),
    make(
      "div",
      { class: "actions" },
      ...equals(notice, config.order, button(details.buttons.save, "save")),
      button(details.buttons.back, back),
    ),
  ];
}
