/**
 * Makes an element: properties by assignment, `aria-*`, `data-*`, `role` and `for` as attributes, texts as text.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} properties `class` without the prefix
 * @param {(Node | string | false)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = "consentkit-" + value;
    else if (/-|role/.test(name)) element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children.filter((child) => child !== false));
  return element;
}

/**
 * The one kind of button there is: no choice looks more inviting than another.
 *
 * @param {string} text
 * @param {(() => void) | Verb} action
 */
export const button = (text, action) =>
  typeof action === "string"
    ? make("button", { class: "button", type: "button", "data-consent": action }, text)
    : make("button", { class: "button", type: "button", onclick: action }, text);

/** Puts a style sheet in, and waits until it counts, or can't. @param {string} href @param {HTMLElement} head whose */
export function loadStyle(href, head = document.head) {
  const link = make("link", { rel: "stylesheet", href });
  const nonce = document.querySelector("script")?.nonce;
  if (nonce) link.nonce = nonce;
  head.append(link);
  return new Promise((resolve) => (link.onload = link.onerror = resolve));
}
