/** What every page holds: where the kernel is, and what a hint must say to be one of this policy's. */
type Terms = [kernel: string, policy: string, months: number, off: string[], ...categories: string[]];

/** What the server writes into the kernel, once per published policy. */
interface Config {
  policy: string;
  prefix: string;
  /** Optional categories, in the order they are shown. */
  categories: string[];
  /** Those of which something is sold or shared, as laws with an opt-out have it. */
  sold: string[];
  /** Declared services: id to category. */
  services: Record<string, string>;
  /** What each service keeps, by category: `area:key` with globs; "" holds what is known but not declared. */
  trackers: Record<string, string[][]>;
  /** Where the interface of the Global Privacy Platform is, and its sections, where a visitor may be under them. */
  gpp?: string;
  sections: string[];
  /** What is loaded for a reason, and where from. */
  sync: string;
  revive: string;
  placeholders: string;
  banner: string;
  choice: string;
  preferences: string;
  message: string;
  /** Only where a declared service's vendor is told something. */
  words: string;
  styles: Record<"banner" | "preferences" | "placeholders" | "corner" | "message", string>;
  /** Where the small button's script is, if the site has one, and the corner that it stands in. */
  corner: string;
  button: string;
  /** Of the equal buttons, on both layers. */
  order: ("accept" | "reject" | "choose")[];
  notices: Record<string, string>;
  locale: string;
}

/** What the readable cookie says; advisory. */
interface Hint {
  allowed: string[];
  /** Whether every optional category has an unexpired answer under this page's policy. */
  known: boolean;
  key: string;
  /** The categories that the browser objects to. */
  off: string[];
}

/** The answer of GET {prefix}/state, as far as the page needs it. */
interface State extends Pick<ConsentKitState, "allowed" | "ask"> {
  /** Why each category is allowed or not. */
  reasons?: Record<string, string>;
  /** After a withdrawal: where the answers begin that end what is left of its cookies. */
  ending?: string;
  /** Where the visitor's choice counts, on a site with accounts: `account`, `device` or `unknown`. */
  scope?: string;
  /** What law holds for the visitor, as far as the server has said. */
  regime?: string;
}

type ConsentKit = Partial<ConsentKitApi> & ConsentKitQueue;

type Verb = "open" | "accept-all" | "reject-all" | "save" | "opt-out";

/** What was pressed, and whether by the visitor. */
type Press = [verb: Verb, control?: Element | null, trusted?: boolean];

type PartName = "words" | "revive" | "banner" | "corner" | "message" | "placeholders";

/** What the kernel lends to the banner. */
interface Kernel {
  config: Config;
  /** The language of the notice that is drawn. */
  locale?: string;
  /** Whether something of the category may run now. */
  may(category: string): boolean;
  /** What is so while this page has to ask; else false. */
  asking(): State | false;
  /** What is made once: a module, by its name in the configuration, if nothing else. What fails is tried again. */
  once(name: string, make?: () => Promise<any>): Promise<any>;
  /** Until when each answer counts. */
  ends(): Record<string, string>;
  /** The categories of which something runs in this tab. */
  revived: Set<string>;
  /**
   * Locks every tab in which something of these categories runs, if there are any, and ends all reports; to be
   * called before the POST.
   */
  withdraw(denied: string[]): void;
  /** Ends a choice: with the new state, or with nothing when it was not recorded. */
  finish(next?: State): void;
}

/** What is loaded for a reason. */
interface Part {
  /** Brings the page in line with the present state. */
  refresh(): void;
}

/** What the banner lends to the kernel. */
interface Ui extends Part {
  act(...press: Press): Promise<void>;
}

interface NoticeService {
  id: string;
  name: string;
  vendor: string;
  country: string;
  purposes: string[];
  trackers: { name: string; lifetime: string; why?: string }[];
  policy_url: string;
  instead?: { href: string; text: string };
}

interface NoticeCategory {
  id: string;
  name: string;
  description: string;
  locked: boolean;
}

interface Notice {
  locale: string;
  dir: string;
  title: string;
  body: string[];
  purposes_intro: string | string[];
  categories: NoticeCategory[];
  buttons: Record<"accept" | "reject" | "choose", string>;
  links: Record<"policy" | "details", { href: string; text: string }>;
  labels: Record<"always", string>;
  status: Record<"saved" | "failed" | "offline" | "again", string>;
  /** What leads to what has changed. */
  changes: string;
  /** What the small buttons say, if the site has them. */
  manage: string;
  withdraw: string;
  /** What reads otherwise under another regime than the site's own. */
  regimes?: Record<string, Partial<Pick<Notice, "body">>>;
  /** The same with where a choice counts, by the scope that the server tells, on a site with accounts. */
  scope?: Record<string, Pick<Notice, "purposes_intro">>;
  /** The SHA-256 of the details. */
  details: string;
  /** That the browser's objection is heard, and what it keeps off: from the details, where it has one. */
  objection: string[];
}

/** What only the second layer and the placeholders say. */
interface Details {
  services: Record<string, NoticeService[]>;
  buttons: Record<"save" | "back" | "close", string>;
  labels: Record<"services" | "vendor" | "trackers" | "privacy" | "unblock" | "until", string>;
  status: Record<"changed", string>;
  /** How a day is written: {day}, {month} and {year}. */
  dates: { pattern: string; months: string[] };
  embed: Record<"blocked" | "once" | "always" | "instead", string>;
  signal: Partial<Record<"gpc" | "dnt", string[]>>;
}

declare const __STARTER__: Terms;

declare const __CONFIG__: Config;

/** The calls of `gtag` that say Google's defaults. */
declare const __FIRST__: unknown;

/** One call of what the path leads to from the window, or what is set there. */
interface Word {
  call?: string;
  set?: string;
  given?: unknown[];
}

/** What one vendor's tool understands: see policy/hooks.py. */
interface Hook extends Partial<Record<"default" | "update" | "granted" | "denied", Word[]>> {
  root: string;
  made?: "starter" | "array" | "function" | "snippet";
  ready?: string;
  category: string;
}

declare const __WORDS__: Hook[];

/**
 * A pattern, the category of what it names, and whose it is: a service's id; or the days a cookie lives at most.
 * The first row that matches decides.
 */
type Row = [pattern: { test(text: string): boolean }, category: string | 1, detail: any];

declare const __GUARD__: Row[];

/** Of declared cookies: names, and the days that they are declared for each time they are set. */
declare const __LIVES__: [names: RegExp, days: number][];

/** Where ways.js is served. */
declare const __WAYS__: string;

interface Navigator {
  globalPrivacyControl?: boolean;
}

interface Window {
  trustedTypes?: {
    createPolicy(name: string, rules: Record<string, (text: string) => string>): Record<string, (text: string) => string>;
  };
}

/** Puts `decide` before calls, constructors, getters and setters of one window (guard.js). */
type On = (
  interfaces: string,
  names: RegExp | 0,
  decide: (self: any, args: any, call: () => any, name: string) => any,
) => void;
