import { EspalierError } from '../../core/index.ts';
import { settleMs, settlingTime, type SourceStamps } from './settling.ts';

/** The clock of the file system's times. */
export interface FileClock {
  /** Milliseconds since 1970. */
  now(): number;
  wait(ms: number): Promise<void>;
}

/** Open files that may change. */
export interface ChangingSource extends AsyncDisposable {
  readonly stamps: SourceStamps;
  /** Whether nothing happened to the files since they were opened. */
  isUnchanged(): Promise<boolean>;
}

/** Changes after which files are given up. */
const maxTries = 5;

/**
 * Reads files as one state: when they have settled, and again if one of them changed before or during the reading.
 *
 * @param path  what the error calls the files
 * @throws EspalierError ADAPTER_CHANGING if the files keep changing; the errors of `open`, and of `read` if nothing changed
 */
export async function readOneState<Source extends ChangingSource, T>(
  open: () => Promise<Source>,
  { path, fileClock }: { readonly path: string; readonly fileClock: FileClock },
  read: (source: Source) => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < maxTries; tries++) {
    await using source = await open();
    if (!(await settles(source, fileClock))) continue;
    const outcome = await read(source).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (!(await source.isUnchanged())) continue;
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }
  throw new EspalierError('ADAPTER_CHANGING', { path, tries: maxTries });
}

/** Waits until files have settled. It looks at them often, so that a writer at work is found out soon. @returns false if they changed */
async function settles(source: ChangingSource, fileClock: FileClock): Promise<boolean> {
  for (let left = settlingTime(source.stamps, fileClock.now()); left > 0; left -= settleMs) {
    await fileClock.wait(Math.min(left, settleMs));
    if (!(await source.isUnchanged())) return false;
  }
  return true;
}
