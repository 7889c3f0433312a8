/**
 * What a page that consentkit protects has in `window.consentkit`. The starter in its head answers
 * `allows`, `open` and `push`; the rest is there once a function given to `push` is called.
 */

/** What the visitor has chosen, as far as it counts now. */
interface ConsentKitState {
  /** The categories that may run, `necessary` among them. */
  allowed: string[];
  /** Whether the visitor is still to be asked. */
  ask: boolean;
  /** Until when each answer counts: UTC instants by category. */
  until: Record<string, string>;
}

/** There from the page's first script on. */
interface ConsentKitQueue {
  /** Whether a category may run now. Who asks and is told yes is taken to use it: a withdrawal then reloads the page. */
  allows(category: string): boolean;
  /** Shows the visitor their choices. */
  open(): Promise<void>;
  /** Calls back once the visitor's state is known, at once if it is. */
  push(callback: (kit: ConsentKitApi) => void): void;
}

/** There once the visitor's state is known. */
interface ConsentKitApi extends ConsentKitQueue {
  readonly state: ConsentKitState;
  /** As `allows`, for the category of a declared service. */
  allowsService(id: string): boolean;
  /**
   * Records choices and resolves once they are; categories that are not named stay as they are. Allowing
   * something takes the visitor's own action (a click, a key), refusing doesn't. Rejects if nothing was recorded.
   */
  save(choices: Record<string, boolean>): Promise<void>;
  /** As `save`: allows these categories, or all. */
  accept(categories?: string[]): Promise<void>;
  /** As `save`: refuses these categories, or all; what runs of them ends. */
  reject(categories?: string[]): Promise<void>;
}

interface Window {
  /** Before the starter: an array of functions for `push`. */
  consentkit?: (Partial<ConsentKitApi> & ConsentKitQueue) | ((kit: ConsentKitApi) => void)[];
  dataLayer?: unknown;
}

interface DocumentEventMap {
  "consentkit:ready": CustomEvent<ConsentKitState>;
  "consentkit:change": CustomEvent<ConsentKitState>;
}
