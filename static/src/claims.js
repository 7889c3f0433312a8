/**
 * The categories an element needs, all of them. The server marks with a service's id, or with `@` and the
 * category its author chose, whatever that is called there; an undeclared service gives "", which is never allowed.
 *
 * @param {Config} config
 * @param {Element} element
 * @returns {string[]}
 */
export function claimsOf({ categories, services }, element) {
  const { consentkit, service, category } = /** @type {HTMLElement} */ (element).dataset;
  if (consentkit?.[0] === "@") return [categories.find((each) => "@" + each === consentkit) ?? ""];
  return [consentkit, service].flatMap((id) => (id == null ? [] : (services[id] ?? ""))).concat(category ?? []);
}
