import { EspalierError } from '../../core/index.ts';
import { NativeMemory } from '../../native/index.ts';
import type { MemoryBlock } from './memory-block.ts';
import { SharedArenas } from './shared-arenas.ts';

/** How the buffers of runs are planned. `docs/memory-plans.md` says when to use which plan. */
export const memoryPlans = ['fixed', 'two-level', 'on-demand'] as const;

export type MemoryPlan = (typeof memoryPlans)[number];

/** The memory for the buffers of one model's runs. */
export interface RunMemory {
  readonly plan: MemoryPlan;
  /** Whether buffers are always placed as for the largest batch, so that they never move. */
  readonly placesForLargest: boolean;
  /** Whether outputs have planned buffers. Otherwise ONNX Runtime allocates them in each run. */
  readonly holdsOutputs: boolean;
  /** Bytes that are allocated now, also between runs. */
  readonly reservedBytes: number;
  /** @param lane  index of the model's concurrent run, from 0 */
  acquire(lane: number, bytes: number): MemoryBlock;
  dispose(): void;
}

/** @param arenas  the arenas that models with the plan `two-level` share, and that outlive them; default: arenas of the model itself */
export function createRunMemory(plan: MemoryPlan, arenas?: SharedArenas): RunMemory {
  if (plan === 'fixed') return new FixedMemory();
  if (plan === 'two-level') return twoLevel(arenas ?? new SharedArenas(), { isOwner: arenas === undefined });
  if (plan === 'on-demand') return onDemand();
  throw new EspalierError('OPTION_INVALID', {
    name: 'memoryPlan',
    expected: memoryPlans,
    actual: String(plan satisfies never),
  });
}

/** One arena per lane, as large as the lane's largest run so far. A run that fits allocates nothing and needs no new binding. */
class FixedMemory implements RunMemory {
  readonly plan = 'fixed';
  readonly placesForLargest = true;
  readonly holdsOutputs = true;
  readonly #arenas: (NativeMemory | undefined)[] = [];

  get reservedBytes(): number {
    return this.#arenas.reduce((sum, arena) => sum + (arena?.byteLength ?? 0), 0);
  }

  acquire(lane: number, bytes: number): MemoryBlock {
    let memory = this.#arenas[lane];
    if (memory === undefined || memory.byteLength < bytes) {
      memory?.dispose();
      this.#arenas[lane] = undefined;
      memory = NativeMemory.allocate(bytes);
      this.#arenas[lane] = memory;
    }
    return { memory, byteOffset: 0, isSteady: true, release: () => undefined };
  }

  dispose(): void {
    for (const arena of this.#arenas.splice(0)) arena?.dispose();
  }
}

/** A slice of the shared arenas for each run, of exactly its size, freed when its answers have been cut. */
function twoLevel(arenas: SharedArenas, { isOwner }: { readonly isOwner: boolean }): RunMemory {
  return {
    plan: 'two-level',
    placesForLargest: false,
    holdsOutputs: true,
    get reservedBytes() {
      return arenas.reservedBytes;
    },
    acquire: (_lane, bytes) => arenas.acquire(bytes),
    dispose: () => {
      if (isOwner) arenas.dispose();
    },
  };
}

/** Nothing is kept between runs: the inputs of each run get new memory, and ONNX Runtime allocates the outputs. */
function onDemand(): RunMemory {
  return {
    plan: 'on-demand',
    placesForLargest: false,
    holdsOutputs: false,
    reservedBytes: 0,
    acquire: (_lane, bytes) => {
      const memory = NativeMemory.allocate(bytes);
      return { memory, byteOffset: 0, isSteady: false, release: () => memory.dispose() };
    },
    dispose: () => undefined,
  };
}
