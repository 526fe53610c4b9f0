import { publishAdapterEvent } from '../../core/index.ts';
import type { Timers } from '../timers.ts';
import type { QuarantineBounds } from './quarantine-bounds.ts';
import type { QuarantineFolder } from './quarantine-folder.ts';

export interface QuarantineKeeperOptions {
  readonly quarantine: Pick<QuarantineFolder, 'keepWithin'>;
  readonly bounds: QuarantineBounds;
  readonly timers: Timers;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** WHY: what is there grows old without anything that happens. */
const lookMs = 3_600_000;

/** Keeps the quarantine within its bounds: at the start, whenever something was refused, and from time to time. */
export class QuarantineKeeper implements AsyncDisposable {
  readonly #options: QuarantineKeeperOptions;
  #running: Promise<void> | undefined;
  #isAsked = false;
  #isBroken = false;
  #isEnded = false;
  #timer: Disposable | undefined;

  constructor(options: QuarantineKeeperOptions) {
    this.#options = options;
  }

  /** Has the quarantine looked at soon. Never throws: what goes wrong is told once, until it goes well. */
  look(): void {
    if (this.#isEnded) return;
    this.#isAsked = true;
    this.#running ??= this.#lookWhileAsked().finally(() => {
      this.#running = undefined;
    });
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#isAsked && !this.#isEnded) {
      this.#isAsked = false;
      await this.#lookOnce();
    }
  }

  async #lookOnce(): Promise<void> {
    const { quarantine, bounds, timers, now } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = timers.after(lookMs, () => this.look());
    try {
      for (const { name, digest: version, reason, bytes } of await quarantine.keepWithin(bounds, now())) {
        const gone = { event: 'discard', actor: 'store', name, reason, details: { bytes } } as const;
        publishAdapterEvent({ ...gone, ...(version !== undefined && { version }) });
      }
      this.#isBroken = false;
    } catch (error) {
      if (!this.#isBroken) publishAdapterEvent({ event: 'discard', actor: 'store', error });
      this.#isBroken = true;
    }
  }

  /** Resolves when nothing is looked at. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.settled();
    this.#timer?.[Symbol.dispose]();
  }
}
