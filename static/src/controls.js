/**
 * @param {Element | false | null | undefined} place a form of the site's own, or our second layer
 * @param {Config} config
 * @returns {Record<string, boolean> | false} what is ticked there, if its boxes are about categories
 */
export function ticked(place, { categories }) {
  const boxes = /** @type {HTMLInputElement[]} */ ([...((place && place.querySelectorAll("input[type=checkbox]")) || [])]);
  return (
    boxes.some(({ name }) => categories.includes(name)) &&
    Object.fromEntries(boxes.map(({ name, checked }) => [name, checked]))
  );
}
