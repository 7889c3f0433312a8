import { readHint } from "./hint.js";

// All that a page has to hold itself: what the guard and the site may ask before the kernel is there.
const early = window.consentkit;

// An element whose id is `consentkit` must not pass for a first copy.
if (typeof Object(early).allows != "function") {
  const [path, policy, months, off, ...categories] = __STARTER__;
  const address = location.origin + path;
  /** @type {Set<string>} */
  const asked = new Set();
  const queue = Array.isArray(early) ? early : [];
  const hint = () => {
    let cookies = "";
    try {
      cookies = document.cookie;
    } catch {
      // A sandboxed frame has none.
    }
    return readHint({ policy, months, off, categories }, cookies, Date.now());
  };
  /** @type {ConsentKit} */
  const kit = (window.consentkit = {
    allows(category) {
      const { allowed, known } = hint();
      // Whoever asks will load something; a withdrawal then has to end it.
      return (known || category == "necessary") && allowed.includes(category) && !!asked.add(category);
    },
    open: () => loaded.then(() => kit.open()),
    push: (/** @type {(kit: ConsentKitApi) => void} */ callback) => void queue.push(callback),
  });
  const loaded = import(address)
    .then((kernel) => kernel.default(kit, hint, asked, queue))
    .catch(() => {
      // The visitor's page is two levels above the kernel.
      kit.open = async () => location.assign(address + "/../..");
    });
}
