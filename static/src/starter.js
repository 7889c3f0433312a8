import { readHint } from "./hint.js";

// All that a page has to hold itself: what the guard and the site may ask before the kernel is there.
const early = /** @type {any} */ (window.consentkit);

// An element whose id is `consentkit` must not pass for a first copy.
if (!early?.allows?.call) {
  const [path, policy, months, off, ...categories] = __STARTER__;
  const address = location.origin + path;
  /** @type {Set<string>} */
  const asked = new Set();
  const queue = Array.isArray(early) ? early : [];
  const hint = () => readHint(policy, months, categories, off);
  /** @type {ConsentKit} */
  const kit = (window.consentkit = {
    allows(category) {
      const { allowed, known } = hint();
      // Whoever asks will load something; a withdrawal then has to end it.
      return (known || category == "necessary") && allowed.includes(category) && !!asked.add(category);
    },
    open: () => act(),
    push: (/** @type {(kit: ConsentKitApi) => void} */ callback) => queue.push(callback),
  });
  const loaded = import(address).then((kernel) => kernel.default(kit, hint, asked, queue)).catch(() => {});
  // The visitor's page is two levels above the kernel.
  const act = (/** @type {any[]} */ ...press) =>
    loaded.then((presses) => presses(...press)).catch(() => (/** @type {any} */ (window).location = address + "/../.."));
  // What is pressed before the kernel has come waits for it. What stands in an open shadow tree counts too.
  addEventListener(
    "click",
    (event) => {
      const control = /** @type {any[]} */ (event.composedPath()).find((each) =>
        /^(open|save|\w+-(all|out))$/.test(each.dataset?.consent),
      );
      if (!control) return;
      event.preventDefault();
      void act(control, event.isTrusted);
    },
    true,
  );
  __FIRST__;
}
