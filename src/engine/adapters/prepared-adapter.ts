import type { HostWeights, Shard } from '../../routing/index.ts';
import type { NativeMemory } from '../../native/index.ts';

/** Offsets of the weights of one module in the memory of their adapter, in bytes. */
export interface PreparedModule {
  readonly rank: number;
  /** f32 [rank, in]; if there are scales, signed bytes [blocks, in, unit], with zeros for ranks that the last block lacks */
  readonly a: number;
  /** f32 [rank, out], transposed and scaled; signed bytes if there are scales */
  readonly b: number;
  /** f32 [rank]: the scale of each rank row, for both matrices together; undefined if they are floats. */
  readonly scales: number | undefined;
  /** f32 [out]: DoRA's gain minus 1; undefined without a gain. */
  readonly gain: number | undefined;
  /** f32 [out]: the bias of `lora_bias`, scaled; undefined without one. */
  readonly bias: number | undefined;
}

/** An adapter's weights in the layout of the stacked arrays, so that a plain copy activates the adapter. */
export interface PreparedAdapter extends HostWeights {
  readonly memory: NativeMemory;
  /** By path. */
  readonly modules: ReadonlyMap<string, PreparedModule>;
  shards(): readonly Shard[];
}
