// Tells vendors what the visitor chose, in the words of their own documentation: in addition to blocking, so a
// word that finds nobody is no loss. What the rows are, and who makes what, stands in policy/hooks.py.

/** What is allowed, also of a page that is locked: the word to a vendor is about the choice. @param {string} category */
const allowed = (category) => /** @type {any} */ (window.consentkit).state.allowed.includes(category);

/**
 * Words as the choice has them: `@marketing` is a vendor's word for it, `?marketing` a truth value.
 *
 * @param {Word[]} words
 * @returns {Word[]}
 */
const filled = (words) =>
  JSON.parse(
    JSON.stringify(words).replace(/"([@?])(\w+)"/g, (_, kind, category) =>
      kind === "?" ? allowed(category) : allowed(category) ? '"granted"' : '"denied"',
    ),
  );

/** @param {Word} word */
function speak({ call, set, given = [] }) {
  const path = (call ?? set ?? "").split(".");
  const name = /** @type {string} */ (path.pop());
  /** @type {any} */
  let owner = window;
  for (const key of path) owner = set ? (owner[key] ??= {}) : owner?.[key];
  try {
    if (set) owner[name] = given[0];
    else if (typeof owner?.[name] === "function") owner[name](...given);
    // A snippet's list takes a call of what its script will know as the name and what is given.
    else if (Array.isArray(owner)) owner.push([name, ...given]);
  } catch (error) {
    // A vendor's script that fails is not the page's.
    console.error(error);
  }
}

/** @param {string} name @param {unknown} value */
const plain = (name, value) =>
  Object.defineProperty(window, name, { value, configurable: true, enumerable: true, writable: true });

/**
 * Speaks as soon as a snippet has made what the words go to, before the snippet's own first call: it makes
 * nothing, and loads nothing, where somebody else did.
 *
 * @param {string} name
 * @param {() => void} say
 */
const whenMade = (name, say) =>
  Object.defineProperty(window, name, {
    configurable: true,
    get() {},
    set(it) {
      plain(name, it);
      if (Array.isArray(it)) say();
      else if (typeof it !== "function") queueMicrotask(say);
      else {
        const waiting = new Proxy(it, {
          apply(_, self, given) {
            if (/** @type {any} */ (window)[name] === waiting) {
              plain(name, it);
              say();
            }
            return Reflect.apply(it, self, given);
          },
        });
        plain(name, waiting);
      }
    },
  });

/**
 * @param {Hook} hook
 * @returns {() => void} says what is new, if anything is
 */
function listener({ root, made, ready, category, default: first = [], update = [], granted = [], denied = [] }) {
  const page = /** @type {any} */ (window);
  let told = "";
  let due = first;
  const say = () => {
    [...due, ...JSON.parse(told)].forEach(speak);
    due = [];
  };
  if (ready) document.addEventListener(ready, say);
  if (made === "array") page[root] ??= [];
  if (made === "function") page[root] ??= (/** @type {unknown[]} */ ...given) => (page[root].q ??= []).push(given);
  let waits = made === "snippet" && !page[root];
  return () => {
    const now = JSON.stringify(filled([...update, ...(allowed(category) ? granted : denied)]));
    if (now === told) return;
    if (waits && !told) whenMade(root, () => ((waits = false), say()));
    told = now;
    if (!waits) say();
  };
}

/**
 * @param {Kernel} kernel
 * @returns {Part}
 */
export default function words({ may }) {
  const listeners = __WORDS__.map(listener);
  const refresh = () => listeners.forEach((listen) => listen());
  // A withdrawal ends this page: nothing may run on it any more, and who runs is told now or never.
  new BroadcastChannel("consentkit").onmessage = () => may("necessary") || refresh();
  return { refresh };
}
