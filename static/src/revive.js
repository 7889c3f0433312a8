import { claimsOf } from "./claims.js";

const PREFIX = "data-consentkit";
const SCRIPT = "script[type='text/plain']";
const ARMED = `:is(${SCRIPT},template,iframe,frame,embed,object,param,img,image,feImage,use,animate,set,source,video,audio,track,input,link,meta,base,style,body,frameset)`;
// What only its author marks comes back if its author made it inert: anything else has loaded already.
const MARKED = `[${PREFIX}]:not(script),${SCRIPT}:is([${PREFIX}],[data-category]),${ARMED}[data-category]:is(template,[data-src])`;
// Sanitizers let data-* pass. So what could run gets back its name only where none of them lets the element
// pass, and any other element only what draws or counts: never the href of an <a>, the action of a <form>.
const SHELLS = "iframe,frame,frameset,body,object,embed,link";
const DRAWN = /^(data-.*|style|background|ping|attributionsrc|fill|stroke|filter|mask(-image)?|clip-path|cursor|marker(-\w+)?)$/;
// Read as a whole when they are put in: each attribute alone would load again, or nothing.
const WHOLE = "link,meta,base,style,object,embed,param,iframe,animate,set";
const OURS = /^data-consentkit(-|$)/;
const AUTHORS = /^data-(consentkit-)?(?=(src|type)$)/;
const HELD = `script[${PREFIX}-src]:not([type$=plain])`;
const LATE = `script[defer],script[${PREFIX}-type=module],script[data-type=module]`;

/**
 * Each attribute with the page's own name for it; "" for one that only marks.
 *
 * @param {Element} element
 * @returns {[own: string, attribute: Attr][]}
 */
const ownNames = (element) => {
  const prefix = element.hasAttribute(PREFIX) ? OURS : AUTHORS;
  return [...element.attributes].map((attribute) => [attribute.name.replace(prefix, ""), attribute]);
};

/**
 * Does something with elements that the guard lets pass meanwhile: it goes by addresses, but what waited for
 * a category because its author, or another tool's mark, said so is allowed by that category.
 *
 * @template T
 * @param {Iterable<Element>} elements
 * @param {() => T} act
 */
function passing(elements, act) {
  for (const element of elements) Object.assign(element, { consentkit: true });
  try {
    return act();
  } finally {
    for (const element of elements) Reflect.deleteProperty(element, "consentkit");
  }
}

/** @type {Record<string, (text: string) => string> | undefined} */
let policy;

/**
 * Text as a trusted type where the browser wants one (the site's CSP has to name the policy `consentkit`).
 *
 * @param {"HTML" | "Script" | "ScriptURL"} kind
 * @param {string} text
 */
function trusted(kind, text) {
  const same = (/** @type {string} */ value) => value;
  const rules = { createHTML: same, createScript: same, createScriptURL: same };
  policy ??= window.trustedTypes?.createPolicy("consentkit", rules) ?? rules;
  return policy["create" + kind]?.(text) ?? text;
}

/** @param {HTMLScriptElement} old @param {HTMLScriptElement} script */
function recreate(old, script) {
  for (const [own, { name, value }] of ownNames(old)) {
    if (!own || name === "type") continue;
    // In a browser that knows trusted types, setAttribute takes them as they are. SVG's scripts have an href.
    if (/^(src|(xlink:)?href)$/.test(own)) script.setAttribute("src", trusted("ScriptURL", value));
    else script.setAttribute(own, value);
  }
  script.nonce = old.nonce;
  script.async = old.hasAttribute("async");
  script.text = trusted("Script", old.textContent ?? "");
}

/**
 * Runs a blocked script in its place. Resolves when the next may run.
 *
 * @param {HTMLScriptElement} old
 */
function run(old) {
  const script = document.createElement("script");
  const { write } = document;
  // After parsing, a script's document.write would replace the whole page.
  document.write = (...text) =>
    script.before(document.createRange().createContextualFragment(trusted("HTML", text.join(""))));
  const done = new Promise((resolve) => (script.onload = script.onerror = resolve));
  passing([script], () => {
    recreate(old, script);
    old.replaceWith(script);
  });
  document.write = write;
  // The others never tell that they are done: modern browsers skip nomodule, and data blocks are not fetched.
  if (script.src && !script.async && !script.noModule && /^$|script|module/i.test(script.type)) return done;
}

/**
 * Puts a template's content in its place, its scripts still inert, so that they run in order with the rest.
 *
 * @param {HTMLTemplateElement} template
 */
function unfold(template) {
  for (const script of template.content.querySelectorAll("script")) {
    if (script.dataset.category) continue;
    script.setAttribute(PREFIX + "-type", script.type);
    script.type = "text/plain";
    script.dataset.category = template.dataset.category;
  }
  passing(template.content.querySelectorAll("*"), () => template.replaceWith(template.content));
}

/**
 * Whether an attribute may have its name back.
 *
 * @param {Element} element
 * @param {string} own
 * @param {string} value
 */
function mayReturn(element, own, value) {
  if (element.matches(SHELLS)) return true;
  // As the URL parser reads it: blanks and control characters before and within the scheme don't count.
  const runs = /^(on|form)/.test(own) || /^javascript:/i.test(value.replace(/[\0-\x20]/g, ""));
  return !runs && (element.matches(ARMED) || DRAWN.test(own));
}

/** @param {string} own @param {string} value */
const typed = (own, value) =>
  /^on/.test(own) ? trusted("Script", value)
  : own === "srcdoc" ? trusted("HTML", value)
  : /^(src|data)$/.test(own) ? trusted("ScriptURL", value)
  : value;

/** @param {Element} element */
function rename(element) {
  if (element.localName === "style" && element.hasAttribute(PREFIX)) element.removeAttribute("type");
  for (const [own, { name, value }] of ownNames(element)) {
    if (own === name) continue;
    element.removeAttribute(name);
    if (own && mayReturn(element, own, value)) {
      element.setAttributeNS(own.startsWith("xlink:") ? "http://www.w3.org/1999/xlink" : null, own, typed(own, value));
    }
  }
}

/** Gives a blocked element back to the page, in its place. @param {Element} element */
export function restore(element) {
  if (element.localName === "script") return run(/** @type {HTMLScriptElement} */ (element));
  if (element.localName === "template") return unfold(/** @type {HTMLTemplateElement} */ (element));
  const { parentNode: parent, nextSibling: next } = element;
  if (element.matches(WHOLE)) element.remove();
  passing([element], () => {
    try {
      rename(element);
    } finally {
      if (!element.parentNode) parent?.insertBefore(element, next);
    }
  });
  // A <source> that gets its address late is only looked at when the player starts over.
  if (element.localName === "source" && parent instanceof HTMLMediaElement) parent.load();
}

/**
 * Revives, in document order, every marked element whose categories are allowed, deferred scripts and modules
 * last, as the parser would have run them.
 *
 * @param {Kernel} kernel
 * @returns {Part}
 */
export default function revive({ config, may: allowed, revived }) {
  const seen = new WeakSet();
  /** What had been prepared for when the kernel last asked. @type {string[]} */
  let ready = [];
  const may = (/** @type {string} */ category) => ready.includes(category) && allowed(category);
  let busy = false;
  const next = () => {
    const waiting = [...document.querySelectorAll(MARKED)].filter(
      (element) => !seen.has(element) && claimsOf(config, element).every(may),
    );
    return waiting.find((element) => !element.matches(LATE)) ?? waiting[0];
  };
  return {
    async refresh() {
      ready = ["necessary", ...config.categories].filter(allowed);
      if (busy) return;
      busy = true;
      // What the guard held back as markup, and copies.
      for (const script of document.querySelectorAll(HELD)) {
        if (claimsOf(config, script).every(may)) Object.assign(script, { src: script.getAttribute(PREFIX + "-src") });
      }
      for (let element; (element = next()); ) {
        seen.add(element);
        claimsOf(config, element).forEach((category) => revived.add(category));
        try {
          await restore(element);
        } catch (error) {
          // One element that the page's own CSP refuses must not hold up the others.
          console.error(error);
        }
      }
      busy = false;
    },
  };
}
