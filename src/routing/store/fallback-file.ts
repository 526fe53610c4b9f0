import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import type { FallbackRecords } from '../breaker/declared-fallbacks.ts';
import { type Fallback, fallbacks } from '../breaker/fallback.ts';

const schema = z.record(z.string(), z.enum(fallbacks));

/** Keeps the declarations of all names in one file, which is replaced as a whole. */
export class FallbackFile implements FallbackRecords {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws EspalierError STORE_FALLBACKS_UNREADABLE. WHY not passed over: the base would answer where it must not. */
  async read(): Promise<ReadonlyMap<string, Fallback> | undefined> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    try {
      return new Map(Object.entries(schema.parse(JSON.parse(text))));
    } catch (cause) {
      throw new EspalierError('STORE_FALLBACKS_UNREADABLE', { path: this.#path }, { cause });
    }
  }

  async write(declared: ReadonlyMap<string, Fallback>): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(declared), null, 2)}\n`;
    await writeAtomically(this.#path, (file) => file.writeFile(text));
  }
}
