/** What every page holds: where the kernel is, and what a hint must say to be one of this policy's. */
type Terms = [kernel: string, policy: string, months: number, ...categories: string[]];

/** What the server writes into the kernel, once per published policy. */
interface Config {
  policy: string;
  prefix: string;
  /** Optional categories, in the order they are shown. */
  categories: string[];
  /** Declared services: id to category. */
  services: Record<string, string>;
  /** What each service keeps, by category: `area:key` with globs; "" holds what is known but not declared. */
  trackers: Record<string, string[][]>;
  sync: string;
  banner: string;
  css: string;
  notices: Record<string, string>;
  locale: string;
}

/** What the readable cookie says; advisory. */
interface Hint {
  allowed: string[];
  /** Whether every optional category has an unexpired answer under this page's policy. */
  known: boolean;
  key: string;
}

/** The answer of GET {prefix}/state, as far as the page needs it. */
interface State {
  allowed: string[];
  ask: boolean;
}

type Verb = "open" | "accept-all" | "reject-all" | "save";

/** What the kernel lends to the banner. */
interface Kernel {
  config: Config;
  /** Whether something of the category may run now. */
  may(category: string): boolean;
  asking(): boolean;
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

/** What the banner lends to the kernel. */
interface Ui {
  /** Revives what is allowed; shows, hides and marks what the present state asks for. */
  refresh(): void;
  act(verb: Verb, opener: Element | null, trusted?: boolean): Promise<void>;
}

interface NoticeService {
  id: string;
  name: string;
  vendor: string;
  country: string;
  purposes: string[];
  trackers: { name: string; lifetime: string; why?: string }[];
  policy_url: string;
}

interface NoticeCategory {
  id: string;
  name: string;
  description: string;
  locked: boolean;
  services: NoticeService[];
}

interface Notice {
  locale: string;
  dir: string;
  title: string;
  body: string[];
  purposes_intro: string;
  categories: NoticeCategory[];
  buttons: Record<"accept" | "reject" | "choose" | "save" | "back", string>;
  links: Record<"policy" | "details", { href: string; text: string }>;
  labels: Record<
    "always" | "services" | "vendor" | "trackers" | "country" | "privacy" | "lifetime" | "unblock",
    string
  >;
  embed: Record<"blocked" | "once" | "always" | "instead", string>;
  status: Record<"saved" | "failed" | "offline", string>;
}

interface ConsentKit {
  open(): Promise<void>;
  allows(category: string): boolean;
  /** Once the kernel is there. */
  readonly state?: State;
  push(callback: Callback): void;
}

type Callback = (kit: ConsentKit) => void;

declare const __STARTER__: Terms;

declare const __CONFIG__: Config;

/**
 * A pattern, the category of what it names, and whose it is: a service's id; or the days a cookie lives at most,
 * and those it is declared for. The first row that matches decides.
 */
type Row = [pattern: { test(text: string): boolean }, category: string, detail: any, declared: number];

declare const __GUARD__: Row[];

/** Where ways.js is served. */
declare const __WAYS__: string;

interface Window {
  consentkit?: ConsentKit | Callback[];
  dataLayer?: unknown;
  trustedTypes?: {
    createPolicy(name: string, rules: Record<string, (text: string) => string>): Record<string, (text: string) => string>;
  };
}

/** Puts `decide` before calls, constructors, getters and setters of one window (guard.js). */
type On = (
  interfaces: RegExp,
  names: RegExp,
  decide: (self: any, args: any, call: () => any, name: string) => any,
) => void;
