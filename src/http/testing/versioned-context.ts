import type { PreparedAdapter } from '../../engine/index.ts';
import {
  type AdapterArena,
  AdapterRegistry,
  BreakerTable,
  type BreakerOptions,
  type Fallback,
  Router,
  RolloutRunner,
  VersionChoice,
} from '../../routing/index.ts';
import { FakeArena } from '../../routing/testing/fake-arena.ts';
import { storedVersion } from '../../routing/testing/fake-store.ts';
import type { GeneratedToken, GenerationEngine, GenerationRequest, ServingContext } from '../../service/index.ts';
import { fakeContext } from './fake-context.ts';

/** What a version does with a request. */
export type Behaviour = (request: GenerationRequest) => AsyncIterable<GeneratedToken>;

/** A server of one name, `a`, whose versions behave as they are told to. Its clock stands still unless it is set. */
export class VersionedContext implements Disposable {
  now = 0;
  fallback: Fallback = 'previous';
  readonly registry: AdapterRegistry<PreparedAdapter>;
  readonly breakers: BreakerTable;
  readonly runner: RolloutRunner;
  readonly context: ServingContext;
  readonly behaviours = new Map<string, Behaviour>();
  /** The version of each generation; the base is `base`. */
  readonly generated: string[] = [];

  constructor(options: BreakerOptions = {}) {
    const clock = { now: () => this.now };
    // WHY: nothing here looks into weights.
    const arena = new FakeArena() as unknown as AdapterArena<PreparedAdapter>;
    this.registry = new AdapterRegistry(arena, { memory: 1000 });
    this.breakers = new BreakerTable(options);
    const nothing = async (): Promise<void> => undefined;
    this.runner = new RolloutRunner({
      breakers: this.breakers,
      save: nothing,
      promote: nothing,
      quarantine: nothing,
      clock,
    });
    const { registry, runner } = this;
    const versions = new VersionChoice({ registry, runner, fallbackOf: () => this.fallback, clock });
    this.context = {
      ...fakeContext(),
      engine: this.#engine(),
      router: new Router({ baseName: 'base', registry, versions }),
    };
  }

  /** Points the name to these versions, one after the other. */
  async serve(...versions: readonly string[]): Promise<void> {
    for (const version of versions) await this.registry.adopt('a', storedVersion(version));
  }

  #engine(): GenerationEngine {
    return {
      generate: (request) => {
        const version = request.adapters[0]?.lease.version.digest ?? 'base';
        this.generated.push(version);
        return (this.behaviours.get(version) ?? answering(version))(request);
      },
    };
  }

  [Symbol.dispose](): void {
    this.runner[Symbol.dispose]();
    this.breakers[Symbol.dispose]();
    this.registry.dispose();
  }
}

/** Answers with these letters. */
export function answering(text: string, failure?: { readonly after: number; readonly error: Error }): Behaviour {
  return async function* ({ signal }) {
    for (const [i, letter] of [...text].entries()) {
      await Promise.resolve();
      signal?.throwIfAborted();
      if (i === failure?.after) throw failure.error;
      yield { token: letter.charCodeAt(0), ...(i === text.length - 1 && { finishReason: 'length' as const }) };
    }
  };
}

/** Gives its letters and then nothing more, until the request is aborted. */
export function hanging(text = ''): Behaviour {
  return async function* ({ signal }) {
    for (const letter of text) yield { token: letter.charCodeAt(0) };
    await new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  };
}
