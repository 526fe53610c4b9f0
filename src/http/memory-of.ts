import type { RegistryOptions } from '../routing/index.ts';
import { type MemoryShares, shareMemory } from '../service/index.ts';
import type { ServerOptions } from './server-options.ts';

/** What the parts of a server that generates text may take of the memory that is there now. */
export function sharesFor({
  kvMemory: kv,
  prefixCache,
  batchInvariant,
  adapterMemory: adapters,
  jobs,
}: ServerOptions): MemoryShares {
  return shareMemory(process.availableMemory(), { kv, prefixCache: batchInvariant ? 0 : prefixCache, adapters, jobs });
}

/** How many weights of adapters are kept in memory, and for how long. */
export function residencyOf({
  adapterMemory: memory,
  maxAdapters: maxResident,
  adapterIdleMs: idleMs = 30_000,
  leaseLimitMs,
}: ServerOptions): RegistryOptions {
  return { memory, maxResident, idleMs, leaseLimitMs };
}
