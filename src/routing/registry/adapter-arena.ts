import type { Adapter } from '../../lora/index.ts';

/** What an arena determines about an adapter before it copies any weights. */
export interface AdapterFacts {
  /** The largest rank of its modules. */
  readonly rank: number;
  /** Host memory that its weights take in the arena's layout. */
  readonly bytes: number;
  /** Whether a request can use it only without other adapters and with scale 1, as for DoRA. */
  readonly isAlone: boolean;
}

/** One array of an adapter's weights in host memory. */
export interface Shard {
  /** The name of the tensor in its file; for what was computed, the module and what it is. */
  readonly tensor: string;
  /** Bytes before the tensor in its file; undefined where the array is not made from one tensor of a file. */
  readonly fileOffset: number | undefined;
  /** Where the array begins in the memory of this process. */
  readonly address: bigint;
  readonly bytes: number;
  /** The same, up to the beginning of the next array. */
  readonly alignedBytes: number;
}

/** The weights of one adapter in host memory, in the layout of an arena. */
export interface HostWeights {
  readonly bytes: number;
  /** Its arrays, in the order of their addresses. Absent where they have no addresses. */
  shards?(): readonly Shard[];
  /** Frees the memory. Idempotent. */
  dispose(): void;
}

/**
 * The place from which runs read adapters: the stacked arrays of an engine, or the tensors that a served model binds. An arena knows
 * the layout of weights. The registry knows names, versions and memory.
 */
export interface AdapterArena<Weights extends HostWeights> {
  /** Throws if the adapter cannot be used here. Changes nothing. */
  check(name: string, adapter: Adapter): AdapterFacts;
  /** Copies the weights into host memory in the arena's layout. */
  prepare(name: string, adapter: Adapter): Promise<Weights>;
  /** Tells the arena that no request will ask for this version again, so that it need not keep its weights. */
  forget(digest: string): void;
}
