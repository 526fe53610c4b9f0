import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAdapter } from '../../src/adapter-files/index.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { checksumsOf } from '../checksums.ts';
import { headerEnd } from '../corrupt/corruptions.ts';

/** Adapters of one form, each of its own content. */
export class Variants {
  readonly megabytes: number;
  readonly #weights: Uint8Array;
  readonly #config: Uint8Array;
  readonly #folder: string;
  #count = 0;

  private constructor(folder: string, weights: Uint8Array, config: Uint8Array) {
    this.#folder = folder;
    this.#weights = weights;
    this.#config = config;
    this.megabytes = weights.length / 1e6;
  }

  /** Of all linear modules but the head. */
  static async open(
    folder: string,
    { base: dir, rank }: { readonly base: string; readonly rank: number },
  ): Promise<Variants> {
    const { modules } = await openBaseModel(dir);
    const linears = modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
    const first = join(folder, 'first');
    await writeAdapter(first, createRandomAdapter({ linears, rank, seed: 1, strength: 0.1 }), { format: 'peft' });
    const weights = await readFile(join(first, 'adapter_model.safetensors'));
    return new Variants(folder, weights, await readFile(join(first, 'adapter_config.json')));
  }

  /**
   * Writes and closes the files of a variant that there was not before, with their checksums. WHY checksums: a store that has them need
   * not wait for the files to be quiet.
   * @returns its folder
   */
  async write(): Promise<string> {
    const count = ++this.#count;
    const folder = join(this.#folder, `variant-${count}`);
    await mkdir(folder);
    const bytes = Uint8Array.from(this.#weights);
    new DataView(bytes.buffer).setFloat32(headerEnd(bytes), count / 1024, true);
    const files = { 'adapter_model.safetensors': bytes, 'adapter_config.json': this.#config };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    await writeFile(join(folder, 'SHA256SUMS'), checksumsOf(files));
    return folder;
  }

  /** Writes a variant, and moves its folder to a path as a whole. @returns the time at which all was written and closed */
  async writeTo(path: string): Promise<number> {
    const folder = await this.write();
    const closed = performance.now();
    await rename(folder, path);
    return closed;
  }
}
