import type { CompanionFiles } from '../../adapter-files/index.ts';
import { type Cause, messageOf, publishAdapterEvent } from '../../core/index.ts';
import type { Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';
import type { QuarantineFolder } from '../quarantine/quarantine-folder.ts';
import type { Entry } from './entries.ts';
import type { OpenEntry } from './look-at-entry.ts';
import type { SeenEntries } from './seen-entries.ts';
import { takeAway } from './take-away.ts';

export interface ArrivalsOptions {
  readonly layout: Layout;
  readonly files: StoreFiles;
  readonly seen: SeenEntries;
  readonly quarantine: QuarantineFolder;
  readonly companions: CompanionFiles;
  readonly now: () => number;
  /** Stores and activates the open files of an adapter. */
  readonly bring: (name: string, opened: OpenEntry, cause: Cause) => Promise<void>;
  /** Called when something was put into quarantine. */
  readonly onRefused: () => void;
}

/** What becomes of the entries of `incoming`: each is stored and removed, or put into quarantine. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** Entries of which it was told that they could not be tried. */
  readonly #troubles = new Set<string>();

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** @throws what is wrong with the entry, or an error of the system */
  async take({ name, path, isLink }: Entry, opened: OpenEntry): Promise<void> {
    await this.#options.bring(name, opened, { actor: 'store', reason: `${name} came into incoming` });
    this.#troubles.delete(path);
    const outcome = isLink ? 'kept' : await takeAway(path, opened.source, this.#options);
    if (outcome === 'kept') await this.#options.seen.add(path, opened.signature);
  }

  async refuse(
    { name, path, isLink }: Entry,
    { error, signature }: { readonly error: unknown; readonly signature: string },
  ): Promise<void> {
    const { quarantine, seen, now, onRefused } = this.#options;
    const refusal = { name, ...inWords(error), time: new Date(now()).toISOString(), entry: path };
    const { folder, isMoved } = await quarantine.take(refusal, isLink ? undefined : path);
    if (!isMoved) await seen.add(path, signature);
    const reason = isMoved ? `it was moved to ${folder}` : `it stays where it is; the reason is in ${folder}`;
    publishAdapterEvent({ event: 'quarantine', actor: 'store', result: 'refused', name, reason, error });
    onRefused();
  }

  /** Told once for each entry, until it succeeds: it is tried again every second. */
  tellTrouble(entry: Entry | undefined, error: unknown): void {
    const key = entry?.path ?? '';
    if (this.#troubles.has(key)) return;
    this.#troubles.add(key);
    const name = entry === undefined ? {} : { name: entry.name };
    publishAdapterEvent({ event: 'verify', actor: 'store', ...name, error, reason: 'it is tried again' });
  }
}

/** An error as `reason.json` has it. */
export function inWords(error: unknown): { readonly code: string | undefined; readonly message: string } {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { code, message: messageOf(error) };
}
