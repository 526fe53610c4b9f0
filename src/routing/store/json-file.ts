import { readFile } from 'node:fs/promises';
import { writeAtomically } from '../../atomic-files/index.ts';

/** Keeps one value as JSON in one file, which is replaced as a whole. */
export class JsonFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @returns undefined if there is no file @throws SyntaxError, and the errors of the file system */
  async read(): Promise<unknown> {
    const text = await readFile(this.path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    return text === undefined ? undefined : (JSON.parse(text) as unknown);
  }

  async write(value: object): Promise<void> {
    await writeAtomically(this.path, (file) => file.writeFile(`${JSON.stringify(value, null, 2)}\n`));
  }
}
