import { AT_ONCE, declared, pattern, sweep } from "./clear.js";
import { endOf, keyOf, number } from "./tracker.js";

const REISSUE_DAYS = 5;
/** Digits of the issued day and as many records as the server keeps: a further tracker gets none. */
const FULL = 3 + 9 * 64;
const MOST_TOLD = 200;
const DAY = 864e5;

/** @type {Set<string>} trackers that this page has reported */
const told = new Set();
let listening = false;
/** The report that is under way. */
let request = new AbortController();
/** Whether some tab waits for the server to record an answer. */
let answering = false;

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Reports the trackers that no record in the hint knows, removes those whose life is over, and has our own
 * cookies set again when they are old. To be called once for each state of the page; what scripts write
 * afterwards is reported as the page is left. Resolves when the rest may run, soon in any case.
 *
 * @param {Kernel} kernel
 * @param {State} state
 * @returns {Promise<unknown>}
 */
export default function sync(kernel, { regime }) {
  if (!listening) {
    listening = true;
    let reported = false;
    /** @param {Event} event */
    const leave = ({ type }) => {
      if (!reported && (document.hidden || type === "pagehide")) look(kernel, () => (reported = true)).catch(() => {});
    };
    addEventListener("pagehide", leave);
    addEventListener("visibilitychange", leave);
    // A report's answer sets the cookies that it was sent with again: after an answer they would be the old grant's.
    new BroadcastChannel("consentkit").onmessage = ({ data }) => {
      answering = !!data;
      if (data) request.abort();
    };
  }
  // A database can keep one waiting for ever.
  return Promise.race([Promise.all([look(kernel), platform(kernel, regime)]), pause(2e3)]);
}

/**
 * Has vendors find the Global Privacy Platform before they run, where it counts.
 *
 * @param {Kernel} kernel
 * @param {string} [regime] as the server has said; else the hint does
 */
async function platform(kernel, regime) {
  const { gpp } = kernel.config;
  if (gpp && (regime === "us" || /_allows=\w+[.]us/.test(document.cookie))) {
    (await import(location.origin + gpp)).default(kernel);
  }
}

/**
 * @param {Kernel} kernel
 * @param {() => void} [leaving] given as the page is left: called if there is something to report
 */
async function look({ config, may }, leaving) {
  const allowed = config.categories.filter(may);
  const services = declared(config, allowed, true).map(pattern);
  const denied = pattern(declared(config, allowed, false).flat());
  const today = Math.floor(Date.now() / DAY);
  const [hint, records = ""] = /(?<=^|; )consentkit_allows=[^;~]*~?([^;]*)/.exec(document.cookie) ?? [];
  const age = today - number(records.slice(0, 3).padStart(9, "A"));

  /** @type {{ service: RegExp, cookie: boolean, over: boolean, remove: () => unknown }[]} */
  const found = [];
  /** @type {Map<string, string>} */
  const marks = new Map();
  let due = !leaving && !!hint && !(age >= 0 && age < REISSUE_DAYS);
  await sweep(
    (name, remove) => {
      const service = services.find((each) => each.test(name));
      if (!service || denied.test(name)) return;
      const tracker = name.replace(/^cookie:/, "");
      const end = endOf(tracker);
      const over = !!end && end <= Date.now();
      marks.set(tracker, markOf(name, today));
      found.push({ service, cookie: tracker !== name, over, remove });
      due ||= over || (!end && records.length < FULL && !told.has(tracker));
    },
    leaving && AT_ONCE,
  );
  if (!due) return;
  leaving?.();
  const report = post(config, Object.fromEntries([...marks].slice(0, MOST_TOLD)), !!leaving);
  const over = found.filter((each) => each.over);
  if (leaving || !over[0]) return;
  // The server is told of the value that ends, so that it knows the next one for another.
  await Promise.race([report, pause(1e3)]);
  const ending = new Set(over.map(({ service }) => service));
  for (const each of found) if (each.over || (!each.cookie && ending.has(each.service))) each.remove();
}

/**
 * What a tracker's value is known by, to the server alone. A database shows none: the day stands for it, as what
 * is there on the day after it was removed is another one.
 *
 * @param {string} name
 * @param {number} today
 */
function markOf(name, today) {
  const [, area, key] = /** @type {RegExpExecArray} */ (/^(\w+):(.*)/s.exec(name));
  const value =
    area === "cookie"
      ? document.cookie.split("; ").find((pair) => pair.startsWith(key + "="))
      : /** @type {any} */ (window)[area + "Storage"]?.getItem(key);
  // As it can be long, and no text at all.
  return (keyOf(value ? escape(value.slice(0, 999)) + value.length : "" + today) & 4095).toString(36);
}

/**
 * @param {Config} config
 * @param {Record<string, string>} trackers
 * @param {boolean} keepalive only as the page is left: browsers don't end such a request when they are told to
 */
async function post({ prefix }, trackers, keepalive) {
  if (answering) return;
  request = new AbortController();
  const names = Object.keys(trackers);
  names.forEach((name) => told.add(name));
  try {
    const { ok } = await fetch(location.origin + prefix + "/sync", {
      method: "POST",
      keepalive,
      signal: request.signal,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ trackers }),
    });
    if (ok) return;
  } catch {
    // The next page tries again.
  }
  names.forEach((name) => told.delete(name));
}
