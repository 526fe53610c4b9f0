import { join, relative, sep } from 'node:path';
import { EspalierError, isAdapterName, adapterNameForm, type Clock } from '../../core/index.ts';
import type { Layout } from '../files/layout.ts';
import type { Timers } from '../timers.ts';
import { Budget } from './budget.ts';
import { decideEntry, nextState, type EntryDecision, type EntryState, type Patience } from './decide-entry.ts';
import { listEntries, type Entry } from './entries.ts';
import { filesOf, openEntry, sizeOf, type LookOptions, type OpenEntry } from './look-at-entry.ts';

export interface IntakeOptions extends LookOptions {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Stores and activates an entry. It throws what is wrong with it. */
  readonly take: (entry: Entry, opened: OpenEntry) => Promise<void>;
  /** Puts an entry into quarantine. */
  readonly refuse: (entry: Entry, refused: { readonly error: unknown; readonly signature: string }) => Promise<void>;
  /** Whether an entry was dealt with in this state, and could not be removed. */
  readonly isSeen: (entry: Entry, signature: string) => boolean;
  /** Called when an entry could not be tried, through no fault of its own. It is tried again. */
  readonly onTrouble: (entry: Entry, error: unknown) => void;
  /** Watches a folder, if it is one. @returns whether it is watched from now on, and was not before */
  readonly watch: (path: string) => boolean;
}

/** WHY 2 s: the time after which files that were replaced are believed. */
const patience: Patience = { refusalMs: 2000, incompleteMs: 60_000 };
const troubleMs = 1000;
/** Bytes of the adapters that are brought in at once. */
const bytesAtOnce = 2 ** 28;

/** WHY a share for each: opening, checking and flushing take time too. WHY so many at once: most wait for the disk. */
const bytesOfEach = 2 ** 24;

interface Known extends EntryState {
  readonly error: unknown;
}

/** Follows the entries of `incoming` until each is stored or refused. */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #known = new Map<string, Known>();
  readonly #timers = new Map<string, Disposable>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #budget = new Budget(bytesAtOnce);
  #isEnded = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Lists the entries and looks at those that are new.
   * @param changed  paths in `incoming` of which only these, and what is in them, need be looked at; undefined: everything
   * @returns the paths of the entries that were found
   */
  async scan(changed?: ReadonlySet<string>): Promise<readonly string[]> {
    const { incoming } = this.#options.layout;
    // The link behind which a volume keeps its files: everything may have changed.
    if (changed?.has(join(incoming, '..data')) === true) return this.scan();
    const topOf = (path: string): string => relative(incoming, path).split(sep)[0] ?? '';
    const only = changed && new Set([...changed].map(topOf).filter((name) => name !== ''));
    const entries = await listEntries(incoming, { onFolder: this.#options.watch, only });
    const paths = new Set(entries.map(({ path }) => path));
    for (const path of this.#known.keys()) {
      if (!paths.has(path) && only?.has(topOf(path)) !== false) this.#forget(path);
    }
    const isOld = ({ path }: Entry): boolean =>
      this.#known.has(path) && changed !== undefined && !holdsOneOf(path, changed);
    for (const entry of entries) if (!isOld(entry)) this.#tend(entry);
    return [...paths];
  }

  /** Resolves when every entry that was found is stored, refused, or waits for time to pass. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async end(): Promise<void> {
    this.#isEnded = true;
    for (const path of this.#timers.keys()) this.#stopTimer(path);
    await this.settled();
  }

  #tend(entry: Entry): void {
    if (this.#isEnded) return;
    if (this.#running.has(entry.path)) {
      this.#again.add(entry.path);
      return;
    }
    this.#stopTimer(entry.path);
    const running = this.#look(entry)
      .catch((error: unknown) => this.#retry(entry, error))
      .finally(() => {
        this.#running.delete(entry.path);
        if (this.#again.delete(entry.path)) this.#tend(entry);
      });
    this.#running.set(entry.path, running);
  }

  #retry(entry: Entry, error: unknown): void {
    this.#options.onTrouble(entry, error);
    this.#later(entry, troubleMs);
  }

  async #look(entry: Entry): Promise<void> {
    let opened: OpenEntry;
    try {
      opened = await openEntry(entry, this.#options);
    } catch (error) {
      return this.#lookFailed(entry, error);
    }
    await using _ = opened.source;
    if (this.#options.isSeen(entry, opened.signature)) return;
    const now = this.#options.clock.now();
    const before = this.#known.get(entry.path);
    const state = { error: before?.error, ...nextState(before, opened, now) };
    this.#known.set(entry.path, state);
    const decision = decideEntry(opened, state, now, patience);
    await this.#act(entry, decision, { opened, state });
  }

  async #lookFailed(entry: Entry, error: unknown): Promise<void> {
    const code = EspalierError.isInstance(error) ? error.code : undefined;
    // It is gone, or a link to nothing.
    if (code === 'FILE_NOT_FOUND') return this.#forget(entry.path);
    if (code !== 'ADAPTER_PATH_OUTSIDE') throw error;
    const signature = 'outside';
    if (!this.#options.isSeen(entry, signature)) await this.#options.refuse(entry, { error, signature });
  }

  async #act(
    entry: Entry,
    decision: EntryDecision,
    { opened, state }: { readonly opened: OpenEntry; readonly state: Known },
  ): Promise<void> {
    const { signature } = opened;
    switch (decision.kind) {
      case 'wait':
        this.#watch(entry);
        return this.#later(entry, decision.ms);
      case 'take':
        return this.#take(entry, opened, state);
      case 'refuse':
        await this.#options.refuse(entry, { error: state.error, signature });
        return this.#forget(entry.path);
      case 'give-up':
        await this.#options.refuse(entry, { error: incomplete(entry, opened), signature });
        return this.#forget(entry.path);
    }
  }

  async #take(entry: Entry, opened: OpenEntry, state: Known): Promise<void> {
    try {
      if (!isAdapterName(entry.name)) {
        throw new EspalierError('STORE_NAME_INVALID', { name: entry.name, expected: adapterNameForm });
      }
      const bytes = Math.max(bytesOfEach, sizeOf(opened.source));
      await this.#budget.take(bytes, () => this.#options.take(entry, opened));
      this.#forget(entry.path);
      // It may be one that cannot be removed.
      this.#watch(entry);
    } catch (error) {
      if (isNoFaultOfIts(error)) throw error;
      const isChanging = EspalierError.isInstance(error) && error.code === 'ADAPTER_CHANGING';
      this.#known.set(entry.path, { ...state, hasFailed: !isChanging, error });
      this.#again.add(entry.path);
    }
  }

  /** WHY not earlier: most entries are taken at once, and are gone then. What happened before the watch is found by one look more. */
  #watch({ path }: Entry): void {
    if (this.#options.watch(path)) this.#again.add(path);
  }

  #later(entry: Entry, ms: number): void {
    if (this.#isEnded) return;
    this.#stopTimer(entry.path);
    this.#timers.set(
      entry.path,
      this.#options.timers.after(ms, () => {
        this.#timers.delete(entry.path);
        this.#tend(entry);
      }),
    );
  }

  #stopTimer(path: string): void {
    this.#timers.get(path)?.[Symbol.dispose]();
    this.#timers.delete(path);
  }

  #forget(path: string): void {
    this.#known.delete(path);
    this.#stopTimer(path);
  }
}

/** Whether one of the paths is this one, or lies in it. */
function holdsOneOf(path: string, changed: ReadonlySet<string>): boolean {
  if (changed.has(path)) return true;
  return [...changed].some((one) => one.startsWith(path + sep));
}

function incomplete({ path }: Entry, { source }: OpenEntry): EspalierError {
  const names = filesOf(source).map(({ name }) => name);
  const missing = ['adapter_config.json', 'adapter_model.safetensors'].filter((name) => !names.includes(name));
  const seconds = patience.incompleteMs / 1000;
  return new EspalierError('STORE_ENTRY_INCOMPLETE', { path, missing: missing.join(' and '), seconds });
}

/** Whether an error says nothing of the adapter: the disk is full, or the system refused something else. */
function isNoFaultOfIts(error: unknown): boolean {
  if (EspalierError.isInstance(error)) {
    return ['DISK_FULL', 'MEMORY_UNAVAILABLE', 'ADAPTER_VERSION_CONFLICT', 'ROLLOUT_ACTIVE'].includes(error.code);
  }
  return error instanceof Error && 'errno' in error;
}
