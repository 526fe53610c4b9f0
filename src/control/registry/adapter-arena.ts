import type { Adapter } from '../../lora/index.ts';

/** What an arena says of an adapter before any of its weights are copied. */
export interface AdapterFacts {
  /** The largest rank of its modules. */
  readonly rank: number;
  /** Host memory that its weights take in the arena's layout. */
  readonly bytes: number;
  /** Whether a request can have it only by itself and at scale 1, as a DoRA adapter. */
  readonly isAlone: boolean;
}

/** An adapter's weights in host memory of their own, in the layout in which an arena uses them. */
export interface HostWeights {
  readonly bytes: number;
  /** Gives the memory back to the system. Idempotent. */
  dispose(): void;
}

/**
 * Where adapters are used by runs: the stacked arrays of an engine, or the tensors that a served model binds. An arena knows the
 * layout of weights; the registry knows names, versions and memory.
 */
export interface AdapterArena<Weights extends HostWeights> {
  /** Throws, with nothing changed, where the adapter cannot be used here. */
  check(name: string, adapter: Adapter): AdapterFacts;
  /** Copies the weights into host memory in the arena's layout. */
  prepare(name: string, adapter: Adapter): Promise<Weights>;
  /** Says that no request will ask for this version again, so that nothing of it need be kept. */
  forget(digest: string): void;
}
