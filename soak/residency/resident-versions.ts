import type { Clock } from '../../src/core/index.ts';
import { createRandomAdapter } from '../../src/engine/testing/random-adapter.ts';
import { EngineArena } from '../../src/engine/adapters/engine-arena.ts';
import { collectIds } from '../../src/engine/testing/collect.ts';
import type { PreparedAdapter } from '../../src/engine/adapters/prepared-adapter.ts';
import { openEngine, type Engine } from '../../src/engine/index.ts';
import type { Adapter } from '../../src/lora/index.ts';
import { openBaseModel, type BaseModel } from '../../src/models/index.ts';
import { openEnvironment, type Environment } from '../../src/onnxruntime/index.ts';
import { AdapterRegistry, type AdapterArena } from '../../src/routing/index.ts';
import { tinyBase } from '../root.ts';
import { PoisoningArena } from './poison.ts';

/** So that the weights of a version take a quarter of a megabyte. */
const rank = 64;
/** Poisoned memory that is kept. What is used after its release is most likely used soon. */
const poisonBytes = 16 * 2 ** 20;
const maxTokens = 6;
const prompt = [5, 17, 99, 3];
const contents = 96;
export const maxResident = 64;
export const idleMs = 30_000;

/** Time that passes when the test says so. */
export class SoakTime implements Clock {
  #now = 0;

  now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
  }
}

/** How residency goes wrong in a broken variant. */
export type Breaking = (arena: AdapterArena<PreparedAdapter>) => AdapterArena<PreparedAdapter> & Disposable;

/** An engine on the tiny base whose registry keeps at most 64 versions, and versions that come from a store. */
export class ResidentVersions implements AsyncDisposable {
  readonly registry: AdapterRegistry<PreparedAdapter>;
  readonly time = new SoakTime();
  /** Bytes of the weights of one version. */
  readonly bytes: number;
  readonly #contents: readonly Adapter[];
  readonly #environment: Environment;
  readonly #engine: Engine;
  readonly #arenas: readonly Disposable[];
  readonly #answers = new Map<number, string>();

  private constructor(
    opened: { base: BaseModel; environment: Environment; engine: Engine; arena: EngineArena },
    { seed, breaking }: { readonly seed: number; readonly breaking: Breaking | undefined },
  ) {
    const linears = opened.base.modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head');
    const random = Array.from({ length: 4 }, (_, i) => createRandomAdapter({ linears, rank, seed: seed * 4 + i }));
    this.#contents = Array.from({ length: contents }, (_, i) => scaled(random, i));
    this.#environment = opened.environment;
    this.#engine = opened.engine;
    const poisoning = new PoisoningArena(opened.arena, poisonBytes);
    const arena = breaking?.(poisoning) ?? poisoning;
    this.#arenas = [arena, poisoning];
    const residency = { memory: 2 ** 32, maxResident, idleMs, clock: this.time };
    this.registry = new AdapterRegistry(arena, residency);
    this.bytes = opened.arena.check('one', this.#content(0)).bytes;
  }

  static async open(seed: number, breaking?: Breaking): Promise<ResidentVersions> {
    const environment = openEnvironment({ threads: 1 });
    const base = await openBaseModel(tinyBase);
    const engine = await openEngine({ base, environment, maxSlots: 4, adapterRows: 512 });
    const { arena } = engine;
    if (!(arena instanceof EngineArena)) throw new TypeError('the engine has no arena');
    return new ResidentVersions({ base, environment, engine, arena }, { seed, breaking });
  }

  #content(version: number): Adapter {
    const content = this.#contents[version % contents];
    if (content === undefined) throw new RangeError(`no version ${version}`);
    return content;
  }

  /** Serves a version under its name, without reading it. */
  async plug(version: number): Promise<void> {
    const content = this.#content(version);
    const source = { path: `store/${content.digest}`, isImmutable: true, read: () => Promise.resolve(content) };
    const facts = { rank, bytes: this.bytes, isAlone: false, base: undefined, fingerprint: undefined };
    await this.registry.adopt(nameOf(version), { digest: content.digest, path: source.path, source, ...facts });
  }

  unplug(version: number): Promise<void> {
    return this.registry.unload(nameOf(version));
  }

  /** Reads the weights of a version, as a request does. */
  async hold(version: number): Promise<void> {
    using lease = this.registry.acquire(nameOf(version));
    using _ = await lease.hold();
  }

  /** @returns whether the version gives the answer that it gave at first */
  async isRight(version: number): Promise<boolean> {
    using lease = this.registry.acquire(nameOf(version));
    const request = { tokens: prompt, maxTokens, stopTokenIds: [], adapters: [{ lease, scale: 1 }] };
    const answer = await collectIds(this.#engine.generate(request)).then(
      String,
      (error: unknown) => `failed: ${error}`,
    );
    const key = version % contents;
    const expected = this.#answers.get(key) ?? answer;
    this.#answers.set(key, expected);
    return answer === expected && !answer.startsWith('failed');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.dispose();
    this.registry.dispose();
    for (const arena of this.#arenas) arena[Symbol.dispose]();
    this.#environment.dispose();
  }
}

/** WHY few with random numbers, and others by a factor: to draw the numbers takes longer than everything else. */
function scaled(random: readonly Adapter[], place: number): Adapter {
  const adapter = random[place % random.length];
  if (adapter === undefined) throw new RangeError('there are no adapters');
  const factor = 1 + Math.floor(place / random.length) / 4;
  const modules = [...adapter.modules].map(([path, weights]) => {
    return [path, { ...weights, scaling: weights.scaling * factor }] as const;
  });
  return { ...adapter, modules: new Map(modules), digest: `${adapter.digest} times ${factor}` };
}

function nameOf(version: number): string {
  return `v${version % contents}`;
}
