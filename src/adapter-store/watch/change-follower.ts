import { sep } from 'node:path';
import type { FolderEvent } from '../../native/index.ts';
import type { Timers } from '../timers.ts';
import { openWatch, type Watching } from './store-watch.ts';

/** What has changed: paths, or anything. */
export type Changed = ReadonlySet<string> | 'anything';

export interface ChangeFollowerOptions {
  /** The folders that are watched from the beginning. */
  readonly folders: readonly string[];
  readonly timers: Timers;
  /** Whether the system may tell of changes. */
  readonly watch: boolean;
  /** Time between two looks at everything; undefined: as often as the way of noticing needs it. */
  readonly scanMs: number | undefined;
  /** Looks at what has changed. Never runs twice at once. */
  readonly look: (changed: Changed) => Promise<void>;
  /** Called when `look` fails. */
  readonly onError: (error: unknown) => void;
}

/** WHY a scan beside the events: events get lost, and some file systems have none. */
const scanBesideEventsMs = 5000;
const scanAloneMs = 1000;

/** Notices changes in folders, by what the system tells and by looking from time to time, and has them looked at. */
export class ChangeFollower implements AsyncDisposable {
  readonly #options: ChangeFollowerOptions;
  readonly #watching: Watching;
  readonly #watched = new Set<string>();
  #changed: Set<string> | 'anything' | undefined;
  #looking: Promise<void> | undefined;
  #scanTimer: Disposable | undefined;
  #isEnded = false;

  private constructor(options: ChangeFollowerOptions, watching: Watching) {
    this.#options = options;
    this.#watching = watching;
    for (const folder of options.folders) this.watch(folder);
  }

  static async begin(options: ChangeFollowerOptions): Promise<ChangeFollower> {
    const begun: { follower?: ChangeFollower } = {};
    const [first = ''] = options.folders;
    const watching: Watching = options.watch
      ? await openWatch(first, (event) => {
          if (begun.follower !== undefined) begun.follower.#hear(event);
        })
      : { kind: 'scan', reason: 'it was asked not to be told of changes' };
    // No folder is watched before this.
    return (begun.follower = new ChangeFollower(options, watching));
  }

  /** How changes are noticed, in words. */
  get description(): string {
    const { kind } = this.#watching;
    if (kind === 'told') return 'it is told of changes';
    return `it looks for changes every ${this.#scanMs} ms: ${this.#watching.reason}`;
  }

  get #scanMs(): number {
    const { kind } = this.#watching;
    return this.#options.scanMs ?? (kind === 'told' ? scanBesideEventsMs : scanAloneMs);
  }

  /**
   * Watches one more folder. Does nothing for one that is watched.
   * @returns whether it is watched from now on, and was not before
   */
  watch(folder: string): boolean {
    if (this.#watching.kind !== 'told' || this.#watched.has(folder)) return false;
    if (!this.#watching.watcher.watch(folder)) return false;
    this.#watched.add(folder);
    return true;
  }

  #hear(event: FolderEvent): void {
    if (event.kind === 'overflow') return this.look();
    if (event.kind === 'changed')
      return this.look(event.name === '' ? event.folder : `${event.folder}${sep}${event.name}`);
    this.#watched.delete(event.folder);
    this.look(event.folder);
  }

  /** Has a path looked at soon; without one, everything. Calls during a look are one look more. */
  look(path?: string): void {
    if (this.#isEnded) return;
    if (path === undefined || this.#changed === 'anything') this.#changed = 'anything';
    else this.#changed = (this.#changed ?? new Set()).add(path);
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined;
    });
  }

  async #lookAround(): Promise<void> {
    while (this.#changed !== undefined && !this.#isEnded) {
      const changed = this.#changed;
      this.#changed = undefined;
      if (changed === 'anything') this.#scanLater();
      await this.#options.look(changed).catch((error: unknown) => this.#options.onError(error));
    }
  }

  #scanLater(): void {
    this.#scanTimer?.[Symbol.dispose]();
    this.#scanTimer = this.#options.timers.after(this.#scanMs, () => {
      // A folder that was removed may be there again.
      for (const folder of this.#options.folders) this.watch(folder);
      this.look();
    });
  }

  /** Resolves when there is nothing to look at. */
  async settled(): Promise<void> {
    while (this.#looking !== undefined) await this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    if (this.#watching.kind === 'told') this.#watching.watcher[Symbol.dispose]();
    await this.settled();
    this.#scanTimer?.[Symbol.dispose]();
  }
}
