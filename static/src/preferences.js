import { day } from "./dates.js";
import { button, loadStyle, make } from "./elements.js";
import { equals, heading, links, paragraphs } from "./layers.js";
import { loadDetails } from "./notice.js";

/** @param {string} code @param {string} locale */
function country(code, locale) {
  try {
    return new Intl.DisplayNames([locale], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/**
 * Its parts are elements, not sentences: commas and colons are not the same in every script. Names keep their own
 * direction in a text that runs the other way.
 *
 * @param {string} locale
 * @param {Details} details
 * @param {NoticeService} service
 */
function serviceItem(locale, { labels }, service) {
  const { name, vendor, purposes, trackers, policy_url } = service;
  const fact = (/** @type {(Node | string)[]} */ ...parts) => make("dd", { class: "fact" }, ...parts);
  const bdi = (/** @type {string} */ text) => make("bdi", {}, text);
  return make(
    "li",
    { class: "service" },
    make("strong", { class: "name" }, bdi(name)),
    ...purposes.map((text) => make("div", { class: "row" }, text)),
    make(
      "dl",
      { class: "facts" },
      make("dt", { class: "row" }, labels.vendor),
      fact(bdi(vendor)),
      !!service.country && fact(country(service.country, locale)),
      !!trackers[0] && make("dt", { class: "row" }, labels.trackers),
      ...trackers.map(({ name, lifetime }) => fact(make("code", { class: "code" }, bdi(name)), " ", lifetime)),
    ),
    make("a", { class: "link", href: policy_url, rel: "noopener noreferrer" }, labels.privacy),
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
      !!end && make("span", { class: "until" }, details.labels.until.replace("{date}", day(details.dates, end))),
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

/**
 * The second layer: every category with its services, and until when an answer counts; boxes ticked only where
 * the visitor has said yes.
 *
 * @param {Kernel} kernel
 * @param {Notice} notice
 * @param {() => void} back
 */
export default async function secondLayer(kernel, notice, back) {
  const { config, may, ends, once } = kernel;
  const [details] = await Promise.all([
    loadDetails(kernel, notice),
    once("look", () => loadStyle(location.origin + config.styles.preferences)),
  ]);
  const until = ends();
  return [
    make(
      "div",
      { class: "text" },
      heading(notice),
      ...paragraphs(notice.objection),
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
