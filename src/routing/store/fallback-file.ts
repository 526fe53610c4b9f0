import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { FallbackRecords } from '../breaker/declared-fallbacks.ts';
import { type Fallback, fallbacks } from '../breaker/fallback.ts';
import { JsonFile } from './json-file.ts';

const schema = z.record(z.string(), z.enum(fallbacks));

/** Keeps the declarations of all names in one file. */
export class FallbackFile implements FallbackRecords {
  readonly #file: JsonFile;

  constructor(path: string) {
    this.#file = new JsonFile(path);
  }

  /** @throws EspalierError STORE_FALLBACKS_UNREADABLE. WHY not passed over: the base would answer where it must not. */
  async read(): Promise<ReadonlyMap<string, Fallback> | undefined> {
    try {
      const found = await this.#file.read();
      return found === undefined ? undefined : new Map(Object.entries(schema.parse(found)));
    } catch (cause) {
      throw new EspalierError('STORE_FALLBACKS_UNREADABLE', { path: this.#file.path }, { cause });
    }
  }

  write(declared: ReadonlyMap<string, Fallback>): Promise<void> {
    return this.#file.write(Object.fromEntries(declared));
  }
}
