import { open } from 'node:fs/promises';
import type { AppendedFile } from '../audit/audit-log.ts';
import { changesInOrder, systemFiles, type StoreFiles } from '../files/store-files.ts';

/** A change of the disk, before or after it is made. */
export interface Step {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly when: 'before' | 'after';
}

/** The same changes, with a function called before and after each. What it throws, the change throws. */
export function steppedFiles(step: (step: Step) => void, files: StoreFiles = systemFiles): StoreFiles {
  const stepped: StoreFiles = new Proxy(files, {
    get(target, property) {
      // Several changes are several steps.
      if (property === 'inOrder') return inOrder;
      const name = String(property);
      const change: unknown = Reflect.get(target, property);
      if (typeof change !== 'function') return change;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        step({ name, args, when: 'before' });
        const result: unknown = await Reflect.apply(change, target, args);
        step({ name, args, when: 'after' });
        return result;
      };
    },
  });
  const inOrder: StoreFiles['inOrder'] = (changes) => changesInOrder(stepped, changes);
  return stepped;
}

/**
 * Changes that end after so many steps, as if the process had been killed there: nothing reaches the disk any more, whatever the code
 * does about it.
 */
export class EndingFiles {
  readonly taken: string[] = [];
  readonly #end: number;
  readonly files = steppedFiles(({ name, when }) => this.#step(`${when} ${name}`));

  /** @param end  steps before the end; Infinity: it only counts */
  constructor(end: number) {
    this.#end = end;
  }

  get isEnded(): boolean {
    return this.taken.length > this.#end;
  }

  #step(name: string): void {
    if (!this.isEnded) this.taken.push(name);
    if (this.isEnded) throw new Error('the process was killed');
  }

  /** The audit record ends with the rest: possibly in the middle of a line. */
  readonly openAudit = async (path: string): Promise<AppendedFile> => {
    const handle = await open(path, 'a');
    const alive = (): void => {
      if (this.isEnded) throw new Error('the process was killed');
    };
    return {
      write: async (bytes) => {
        alive();
        return (await handle.write(bytes.subarray(0, Math.ceil(bytes.length / 2)))).bytesWritten;
      },
      sync: async () => alive(),
      close: () => handle.close(),
    };
  };
}
