import { AdapterRegistry } from '../../routing/index.ts';
import type { PreparedAdapter } from '../adapters/prepared-adapter.ts';
import { openEngine, type Engine, type EngineOptions } from '../engine.ts';
import type { EngineStats } from '../engine-stats.ts';
import type { GenerationRequest } from '../sequence/generation-request.ts';
import type { GenerationStream } from '../sequence/generation-stream.ts';

/** A request that names its adapters. */
export type NamingRequest = Omit<GenerationRequest, 'adapters'> & {
  readonly adapters?: readonly { readonly name: string; readonly scale?: number }[];
};

/** An engine with a registry above it, as a service has them: requests name adapters. */
export class ServedEngine implements AsyncDisposable {
  readonly engine: Engine;
  readonly adapters: AdapterRegistry<PreparedAdapter>;

  constructor(engine: Engine, memory: number | undefined) {
    this.engine = engine;
    this.adapters = new AdapterRegistry(engine.arena, { memory });
  }

  generate({ adapters = [], ...request }: NamingRequest): GenerationStream {
    const leases: Disposable[] = [];
    try {
      const requested = adapters.map(({ name, scale = 1 }) => {
        const lease = this.adapters.acquire(name);
        leases.push(lease);
        return { lease, scale };
      });
      return this.engine.generate({ ...request, adapters: requested });
    } finally {
      for (const lease of leases) lease[Symbol.dispose]();
    }
  }

  get maxLength(): number {
    return this.engine.maxLength;
  }

  stats(): EngineStats {
    return this.engine.stats();
  }

  drain(): Promise<void> {
    return this.engine.drain();
  }

  async dispose(): Promise<void> {
    await this.engine.dispose();
    this.adapters.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }
}

export interface ServedEngineOptions extends EngineOptions {
  /** Bytes of host memory for adapters. */
  readonly adapterMemory?: number;
}

export async function openServedEngine({ adapterMemory, ...options }: ServedEngineOptions): Promise<ServedEngine> {
  return new ServedEngine(await openEngine(options), adapterMemory);
}
