import { decodeModel, encodeModel, inferShapes, runPasses } from '../../ir/index.ts';
import {
  kernelPasses,
  openPreparedGraph,
  type GraphSessionOptions,
  type OpenGraph,
  type PreparedGraph,
} from '../../execution/index.ts';
import { collectGarbage, returnLargeBlocks } from '../../native/index.ts';
import type { Environment } from '../../onnxruntime/index.ts';
import type { LossGraphOpening } from './loss-graph.ts';

/**
 * WHY: each product would hold a copy of its weight in the layout of its kernel, and the mapped file would stay in memory for the backward
 * pass. And a product with a packed weight is rounded in another way than one with a weight that was not packed, so that a layer that is
 * computed again would not get the bits of the first time.
 */
const unpacked = { 'session.disable_prepacking': '1' };

export interface OpenLossGraphOptions {
  readonly environment: Environment;
  readonly session?: GraphSessionOptions | undefined;
}

/** Loads a training graph, as fits its weights. */
export async function openLossGraph(
  graph: PreparedGraph & LossGraphOpening,
  { environment, session = {} }: OpenLossGraphOptions,
): Promise<OpenGraph> {
  const { config, ...given } = session;
  if (graph.savesMemory) {
    // WHY: a product with a matrix in 4 or 8 bits makes its floats in a block of the C library's, one after the other.
    returnLargeBlocks();
  }
  const bytes = graph.roundsProducts ? await forKernels(graph.bytes, environment) : graph.bytes;
  // WHY here: the graph has been built and decoded, and a training run allocates so little in JavaScript that V8 would keep all of it.
  if (graph.savesMemory) collectGarbage();
  // WHY: the number of targets differs from run to run, so no memory plan is used twice. Without plans the peak is a quarter lower.
  // WHY no reuse where memory is saved: the results of a layer would keep their memory until the same layer is computed again.
  const memoryReuse = !graph.savesMemory;
  const options = {
    varyingShapes: true,
    memoryReuse,
    ...given,
    config: { ...(graph.isUnpacked && unpacked), ...config },
  };
  return openPreparedGraph({ ...graph, bytes }, { environment, session: options });
}

/** WHY here: which products a processor computes exactly is tried in its environment. */
async function forKernels(bytes: Uint8Array, environment: Environment): Promise<Uint8Array> {
  const model = decodeModel(bytes);
  // The passes look for signed weights, and the types of results are not in the file.
  inferShapes(model);
  return runPasses(model, await kernelPasses(model, environment)).modified ? encodeModel(model) : bytes;
}
