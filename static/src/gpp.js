// The Global Privacy Platform's interface for scripts, where a law of the United States has an opt-out (IAB Tech
// Lab, GPP CMP API 1.1 and the US sections): what the visitor has said, in the words that vendors read. Loaded
// nowhere else. It blocks nothing: that is done before anybody reads this.

/** Of a platform that isn't registered: that is enough for these sections. */
const CMP_ID = 1;
const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** @type {Record<string, string>} */
const FIELDS = {
  V: "Version",
  M: "MspaVersion",
  m: "MspaCoveredTransaction",
  o: "MspaOptOutOptionMode",
  p: "MspaServiceProviderMode",
  e: "MspaMode",
  S: "SharingNotice",
  P: "ProcessingNotice",
  N: "SaleOptOutNotice",
  H: "SharingOptOutNotice",
  T: "TargetedAdvertisingOptOutNotice",
  D: "SensitiveDataProcessingOptOutNotice",
  L: "SensitiveDataLimitUseNotice",
  I: "SensitiveDataOptOutNotice",
  s: "SaleOptOut",
  h: "SharingOptOut",
  t: "TargetedAdvertisingOptOut",
  d: "SensitiveDataProcessing",
  k: "KnownChildSensitiveDataConsents",
  c: "PersonalDataConsents",
  a: "AdditionalDataProcessingConsent",
};
const LATER = "PNTstd8kamop";
const LAST = "M1mePNTstka";

/**
 * Each section's number, the fields of its core, and what stands behind that: the signal's own part, or an empty
 * list of answers on sensitive data. A field's number is a version, else the length of a list.
 *
 * @type {Record<string, [id: number, core: string, more?: "gpc" | "d8"]>}
 */
const SECTIONS = {
  usnat: [7, "V2SNHTDLshtd16k3cmop", "gpc"],
  usca: [8, "V1NHLshd9k2cmop", "gpc"],
  usva: [9, "V1SNTstd8kmop"],
  usco: [10, "V1SNTstd7kmop", "gpc"],
  usut: [11, "V1SNTDstd8kmop"],
  usct: [12, "V1SNTstd8k3mop", "gpc"],
  usfl: [13, "V1PNTstd8k3amop"],
  usmt: [14, "V1SNTstd8k3amop", "gpc"],
  usor: [15, "V1PNTstd11k3amop", "gpc"],
  ustx: [16, "V1" + LATER, "gpc"],
  usde: [17, "V1PNTstd9k5amop", "gpc"],
  usia: [18, "V1PNTIstd8kmop", "gpc"],
  usne: [19, "V1" + LATER, "gpc"],
  usnh: [20, "V1PNTstd8k3amop", "gpc"],
  usnj: [21, "V1PNTstd10k5amop", "gpc"],
  ustn: [22, "V1" + LATER, "gpc"],
  usmn: [23, "V1" + LATER, "gpc"],
  usmd: [24, "M1mePNTsta", "gpc"],
  usin: [25, LAST, "d8"],
  usky: [26, LAST, "d8"],
  usri: [27, LAST, "d8"],
};

/** @typedef {Record<string, number | boolean | number[]>} Values */

/** @param {number} value @param {number} width */
const fixed = (value, width) => value.toString(2).padStart(width, "0");

/** Whole octets, then whole digits. @param {string} bits */
const digits = (bits) =>
  bits
    .padEnd(Math.ceil((Math.ceil(bits.length / 8) * 8) / 6) * 6, "0")
    .replace(/.{6}/g, (six) => DIGITS[parseInt(six, 2)] ?? "");

/** A Fibonacci code: the sum of its numbers, the greatest last, ended by a second 1. @param {number} value */
function fibonacci(value) {
  const numbers = [1, 2];
  while ((numbers.at(-1) ?? 0) <= value) numbers.push((numbers.at(-1) ?? 0) + (numbers.at(-2) ?? 0));
  let bits = "";
  for (const number of numbers.reverse()) {
    const has = number <= value;
    if (has) value -= number;
    bits = has || bits ? +has + bits : "";
  }
  return bits + "1";
}

/** The header: which sections follow, as ranges of what they are further on than the one before. @param {number[]} ids */
export function header(ids) {
  /** @type {number[][]} */
  const ranges = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last && last.at(-1) === id - 1) last[1] = id;
    else ranges.push([id]);
  }
  let before = 0;
  const bits = ranges.map(([first = 0, last]) => {
    const code = (last ? "1" : "0") + fibonacci(first - before) + (last ? fibonacci(last - first) : "");
    before = last ?? first;
    return code;
  });
  return digits(fixed(3, 6) + fixed(1, 6) + fixed(ranges.length, 12) + bits.join(""));
}

/**
 * A section: its values, and its text.
 *
 * @param {string} name
 * @param {number} sold 0 where nothing is, 1 to somebody who has opted out, 2 to one who hasn't
 * @param {boolean} gpc
 * @returns {[values: Values, text: string]}
 */
export function section(name, sold, gpc) {
  const [, layout, more] = SECTIONS[name] ?? [0, ""];
  /** @type {Values} */
  const values = {};
  let bits = "";
  for (const [, letter = "", number] of layout.matchAll(/([a-z])(\d*)/gi)) {
    const version = /[VM]/.test(letter);
    // Visitors are told of what is sold; of sensitive data nothing is asked, and no transaction is covered (MSPA).
    const told = /[SPNHT]/.test(letter) ? +!!sold : letter === "m" ? 2 : 0;
    const value = version ? Number(number) : /[sht]/.test(letter) ? sold : told;
    const list = !version && number ? Array(Number(number)).fill(0) : undefined;
    values[FIELDS[letter] ?? ""] = list ?? value;
    bits += list ? "00".repeat(list.length) : fixed(value, version ? 6 : 2);
  }
  const text = digits(bits);
  if (more === "d8") return [{ ...values, SensitiveDataProcessing: Array(8).fill(0) }, text + "." + digits("0".repeat(16))];
  return more ? [{ ...values, GpcSegmentType: 1, Gpc: gpc }, text + "." + digits("01" + +gpc)] : [values, text];
}

/** What `ping` says. @type {any} */
let ping;
/** @type {Record<string, Values>} */
let parsed = {};
/** @type {Map<number, (data: any, success: boolean) => void>} */
const listeners = new Map();
let listener = 0;

/** @param {string} eventName @param {unknown} data */
function tell(eventName, data) {
  for (const [listenerId, callback] of listeners) callback({ eventName, listenerId, data, pingData: ping }, true);
}

/** @type {Record<string, (parameter: any, callback: any) => unknown>} */
const commands = {
  ping: () => ping,
  addEventListener(_, callback) {
    listeners.set(++listener, callback);
    return { eventName: "listenerRegistered", listenerId: listener, data: true, pingData: ping };
  },
  removeEventListener: (id) => ({ eventName: "listenerRemoved", listenerId: id, data: listeners.delete(id), pingData: ping }),
  hasSection: (name) => name in parsed,
  getSection: (name) => parsed[name] ?? null,
  getField(path) {
    const [name, field] = String(path).split(".");
    return parsed[name ?? ""]?.[field ?? ""] ?? null;
  },
};

/** @param {string} command @param {any} callback @param {any} [parameter] */
function answer(command, callback, parameter) {
  const run = Object.hasOwn(commands, command) && commands[command];
  if (typeof callback === "function") callback(run ? run(parameter, callback) : null, !!run);
}

/** Stands where vendors look: for this page's scripts, and by messages for its frames'. */
function install() {
  const early = /** @type {any} */ (window).__gpp;
  Object.assign(window, { __gpp: answer });
  addEventListener("message", ({ data, source }) => {
    const isText = typeof data === "string";
    let call;
    try {
      call = (isText ? JSON.parse(data) : data).__gppCall;
    } catch {
      // Not for us.
    }
    if (!call) return;
    const reply = (/** @type {unknown} */ returnValue, /** @type {boolean} */ success) => {
      const value = { __gppReturn: { returnValue, success, callId: call.callId } };
      /** @type {Window | null} */ (source)?.postMessage(isText ? JSON.stringify(value) : value, "*");
    };
    answer(call.command, reply, call.parameter);
  });
  if (!(/** @type {any} */ (frames).__gppLocator)) {
    document.body.append(Object.assign(document.createElement("iframe"), { name: "__gppLocator", hidden: true }));
  }
  // What a stub of the page's own has kept.
  for (const [command, callback, parameter] of early?.queue ?? []) answer(command, callback, parameter);
  for (const { id, callback } of early?.events ?? []) {
    listeners.set(id, callback);
    listener = Math.max(listener, id);
  }
  tell("signalStatus", ping.signalStatus);
}

/**
 * Says what is so now; to be called once for each state of the page.
 *
 * @param {Kernel} kernel
 */
export default function gpp({ asking, config: { sections, sold }, may }) {
  const state = sold[0] ? (sold.every(may) ? 2 : 1) : 0;
  const made = sections.map((name) => section(name, state, !!navigator.globalPrivacyControl));
  const ids = sections.map((name) => SECTIONS[name]?.[0] ?? 0);
  const before = ping;
  parsed = Object.fromEntries(sections.map((name, i) => [name, made[i]?.[0] ?? {}]));
  ping = {
    gppVersion: "1.1",
    cmpStatus: "loaded",
    cmpDisplayStatus: asking() ? "visible" : "hidden",
    signalStatus: "ready",
    supportedAPIs: sections.map((name, i) => ids[i] + ":" + name),
    cmpId: CMP_ID,
    sectionList: ids,
    applicableSections: ids,
    gppString: [header(ids), ...made.map(([, text]) => text)].join("~"),
    parsedSections: parsed,
  };
  if (!before) return install();
  if (before.cmpDisplayStatus !== ping.cmpDisplayStatus) tell("cmpDisplayStatus", ping.cmpDisplayStatus);
  if (before.gppString !== ping.gppString) {
    sections.forEach((name) => tell("sectionChange", name));
    tell("signalStatus", ping.signalStatus);
  }
}
