import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAdapter } from '../../src/adapter-files/index.ts';
import { EspalierError } from '../../src/core/index.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { openBaseModel } from '../../src/models/index.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { openGeneration, type GenerationService } from '../../src/service/index.ts';
import { checksumsOf } from '../checksums.ts';
import { openScratch, type Scratch, tinyBase } from '../root.ts';
import type { Corruptible, Corruption } from './corruptions.ts';

const prompt = [5, 17, 99, 3];
const maxTokens = 12;
const numbers = 'adapter_model.safetensors';
const settings = 'adapter_config.json';
/** The name whose files are corrupted, and one that is only served. */
export const [changed, steady] = ['policy', 'steady'];

/** A service with a store in this process, which serves two adapters. At most one is resident. */
export class StoreHere implements AsyncDisposable {
  readonly original: Corruptible;
  /** The version of `policy`. */
  readonly digest: string;
  readonly #scratch: Scratch;
  readonly #environment: Environment;
  readonly #service: GenerationService;
  /** What the adapters answer while nothing is wrong. */
  readonly #answers = new Map<string, string>();

  private constructor(
    opened: { scratch: Scratch; environment: Environment; service: GenerationService },
    { original, digest }: { readonly original: Corruptible; readonly digest: string },
  ) {
    this.#scratch = opened.scratch;
    this.#environment = opened.environment;
    this.#service = opened.service;
    this.original = original;
    this.digest = digest;
  }

  static async open(seed: number): Promise<StoreHere> {
    const scratch = await openScratch('corrupt');
    const environment = openEnvironment({ threads: 1 });
    const base = await openBaseModel(tinyBase);
    const service = await openGeneration({
      base,
      tokenizer: undefined,
      environment,
      baseName: 'base',
      adaptersFolder: undefined,
      storeFolder: join(scratch.path, 'store'),
      maxSlots: 4,
      maxLength: undefined,
      dora: false,
      residency: { maxResident: 1 },
    });
    const linears = base.modules.filter(({ path }) => /layers\.0\.self_attn\.[qv]_proj$/.test(path));
    const digests: string[] = [];
    for (const [i, name] of [changed, steady].entries()) {
      const folder = join(scratch.path, name);
      const adapter = createRandomAdapter({ linears, rank: 4, seed: seed * 2 + i, strength: 2 });
      await writeAdapter(folder, adapter, { format: 'peft' });
      await writeSums(folder);
      const { control } = service.context;
      const { digest } = (await control?.keep(name, folder, {})) ?? { digest: '' };
      await control?.move(name, digest, {});
      digests.push(digest);
    }
    const at = join(scratch.path, changed);
    const original = { weights: await readFile(join(at, numbers)), config: await readFile(join(at, settings)) };
    const here = new StoreHere({ scratch, environment, service }, { original, digest: digests[0] ?? '' });
    for (const name of [changed, steady]) here.#answers.set(name, await here.#ask(name));
    if (here.#answers.get(changed) === here.#answers.get(steady)) throw new Error('both adapters answer alike');
    return here;
  }

  /**
   * Offers an adapter that is corrupted for verification.
   * @param hasSums  whether the checksums of the original come with it
   * @returns its version if it was taken
   */
  async offer({ file, bytes }: Corruption, { hasSums }: { readonly hasSums: boolean }): Promise<string | undefined> {
    const folder = join(this.#scratch.path, 'offered');
    const { weights, config } = this.original;
    await writeAll(folder, { [numbers]: weights, [settings]: config, [file]: bytes });
    if (hasSums) await writeFile(join(folder, 'SHA256SUMS'), sumsOf(this.original));
    try {
      return (await this.#service.context.control?.keep(changed, folder, {}))?.digest;
    } catch (error) {
      if (EspalierError.isInstance(error)) return undefined;
      throw error;
    }
  }

  /** Overwrites a file of the stored version, in place. */
  async overwrite({ file, bytes }: Pick<Corruption, 'file' | 'bytes'>): Promise<void> {
    const path = join(this.#scratch.path, 'store', 'store', this.digest, file);
    await chmod(path, 0o644);
    await writeFile(path, bytes);
  }

  async restore(): Promise<void> {
    await this.overwrite({ file: numbers, bytes: this.original.weights });
    await this.overwrite({ file: settings, bytes: this.original.config });
  }

  /** Drops the weights of `policy` from memory, by those of the other name. */
  async evict(): Promise<void> {
    await this.isRight(steady);
  }

  /** @returns whether the weights of a name are in memory now, if necessary after reading them */
  async canRead(name: string): Promise<boolean> {
    using route = await this.#service.context.router.resolve(name);
    try {
      const hold = await route.leases[0]?.hold();
      hold?.dispose();
      return hold !== undefined;
    } catch (error) {
      if (EspalierError.isInstance(error)) return false;
      throw error;
    }
  }

  /** Whether a name answers as it did at first. */
  async isRight(name: string): Promise<boolean> {
    return (await this.#ask(name).catch(String)) === this.#answers.get(name);
  }

  /** The version to which a name points. */
  version(name: string): string | undefined {
    return this.#service.context.control?.list().find((each) => each.name === name)?.version;
  }

  async #ask(name: string): Promise<string> {
    using route = await this.#service.context.router.resolve(name);
    const adapters = route.leases.map((lease) => ({ lease }));
    const request = { tokens: prompt, adapters, maxTokens, temperature: 0, stopTokenIds: new Set<number>() };
    const answer: number[] = [];
    for await (const { token } of this.#service.context.engine.generate(request)) answer.push(token);
    return String(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service.dispose();
    this.#environment.dispose();
    await this.#scratch[Symbol.asyncDispose]();
  }
}

async function writeAll(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
}

async function writeSums(folder: string): Promise<void> {
  const weights = await readFile(join(folder, numbers));
  const config = await readFile(join(folder, settings));
  await writeFile(join(folder, 'SHA256SUMS'), sumsOf({ weights, config }));
}

function sumsOf({ weights, config }: Corruptible): string {
  return checksumsOf({ [numbers]: weights, [settings]: config });
}
