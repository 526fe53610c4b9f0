import { stat } from 'node:fs/promises';

/**
 * Tells when files have changed and nobody writes them any more: when two looks have seen the same. WHY: an editor may be writing a
 * file, and a part of it may be a whole one of another content. WHY looks and no events of the file system: they also work for links,
 * mounted secrets and network disks.
 */
export class SettledFiles {
  readonly #paths: readonly string[];
  /** The state of the files that was taken last, and that of the last look. */
  #taken = '';
  #seen = '';

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** Takes the state of now as known. WHY before the files are read: what cannot be used is told once, until it changes again. */
  async take(): Promise<void> {
    this.#taken = this.#seen = await this.#state();
  }

  /** @returns whether the files have settled in another state than that which was taken */
  async look(): Promise<boolean> {
    const state = await this.#state();
    const isSettled = state === this.#seen;
    this.#seen = state;
    return isSettled && state !== this.#taken;
  }

  async #state(): Promise<string> {
    return (await Promise.all(this.#paths.map(stateOf))).join(';');
  }
}

/** What tells one content of a file from the next. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  }
}
