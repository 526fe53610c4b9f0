import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, Turns } from '../../core/index.ts';
import type { Layout } from '../files/layout.ts';
import type { StoreFiles } from '../files/store-files.ts';

/** Who keeps a name at its version, and why. */
export interface PinRecord {
  readonly actor: string;
  readonly reason?: string | undefined;
  /** Whether the weights of the version stay in memory. */
  readonly keepsWeights: boolean;
}

/** The names that a server keeps at their versions, in one file, so that they stay so over a restart. */
export class PinnedNames {
  readonly #layout: Layout;
  readonly #files: StoreFiles;
  readonly #turns = new Turns();
  #known: Promise<ReadonlyMap<string, PinRecord>> | undefined;
  #count = 0;

  constructor(layout: Layout, files: StoreFiles) {
    this.#layout = layout;
    this.#files = files;
  }

  /** @throws EspalierError STORE_PINS_UNREADABLE. WHY not passed over: a name that must not move would move. */
  all(): Promise<ReadonlyMap<string, PinRecord>> {
    return (this.#known ??= readPins(this.#path));
  }

  /**
   * Keeps a name, or with undefined keeps it no longer.
   * @throws the errors of the file system. Nothing was changed then.
   */
  set(name: string, pin: PinRecord | undefined): Promise<void> {
    return this.#turns.take('', async () => {
      const pins = new Map(await this.all());
      if (pin === undefined && !pins.has(name)) return;
      if (pin === undefined) pins.delete(name);
      else pins.set(name, pin);
      const fresh = join(this.#layout.staging, `pins-${this.#count++}`);
      await this.#files.createFile(fresh, `${JSON.stringify(Object.fromEntries(pins), null, 2)}\n`);
      await this.#files.rename(fresh, this.#path);
      await this.#files.flush(this.#layout.history);
      this.#known = Promise.resolve(pins);
    });
  }

  get #path(): string {
    return join(this.#layout.history, '.pins.json');
  }
}

async function readPins(path: string): Promise<ReadonlyMap<string, PinRecord>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw error;
  });
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found !== 'object' || found === null) throw new TypeError('it is no object');
    return new Map(Object.entries(found).map(([name, pin]) => [name, pinOf(pin)]));
  } catch (cause) {
    throw new EspalierError('STORE_PINS_UNREADABLE', { path }, { cause });
  }
}

function pinOf(found: unknown): PinRecord {
  const { actor, reason, keepsWeights } = Object(found) as Record<string, unknown>;
  if (typeof actor !== 'string' || typeof keepsWeights !== 'boolean') throw new TypeError('a pin has other fields');
  return { actor, keepsWeights, ...(typeof reason === 'string' && { reason }) };
}
