import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, messageOf } from '../../core/index.ts';
import type { RolloutRecord } from '../rollout/rollout-record.ts';
import { JsonFile } from './json-file.ts';

/** Where the records of roll-outs are kept. */
export interface RolloutRecords {
  /** Everything that was kept: a record, or why it cannot be read. */
  read(): Promise<readonly (unknown | Error)[]>;
  write(alias: string, record: RolloutRecord): Promise<void>;
}

/** Keeps each record in a file of its name, which is replaced as a whole. */
export class RolloutFiles implements RolloutRecords {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async read(): Promise<readonly (unknown | Error)[]> {
    const names = await readdir(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const files = names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).toSorted();
    return Promise.all(files.map((name) => readRecord(join(this.#dir, name))));
  }

  async write(alias: string, record: RolloutRecord): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    // A name may have a slash.
    const path = join(this.#dir, `${encodeURIComponent(alias)}.json`);
    await new JsonFile(path).write(record);
  }
}

async function readRecord(path: string): Promise<unknown | Error> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    const problem = `${path}: ${messageOf(cause)}`;
    return new EspalierError('ROLLOUT_STATE_INVALID', { problems: [problem] }, { cause });
  }
}
