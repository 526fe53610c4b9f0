import { chunkedLossKey, lossChunkSizes } from '../../autodiff/index.ts';
import type { Model, Node } from '../../ir/index.ts';
import { dropoutKeysInput } from '../../lora/index.ts';
import { chunkDimSizes } from '../../models/index.ts';
import { typedArray, type TensorData } from '../../tensor/index.ts';
import type { MicroBatch } from '../data/micro-batch.ts';

/**
 * The sizes of the symbolic dimensions of a training graph for one micro-batch: those of its inputs, those of the rectangle of the
 * attention (`places` = `batch` · `seq`), and those of its rows in chunks.
 */
export function batchDims({ graph: { inputs, nodes } }: Model, { feeds, tokens }: MicroBatch): Map<string, number> {
  const dims = new Map<string, number>([['tokens', tokens]]);
  for (const { name, shape } of inputs) {
    const given = name === dropoutKeysInput ? [2, tokens] : feeds.get(name)?.shape;
    for (const [index, dim] of (shape ?? []).entries()) {
      const size = given?.[index];
      if (typeof dim === 'string' && size !== undefined) dims.set(dim, size);
    }
  }
  const rectangle = feeds.get('rectangle');
  if (rectangle !== undefined) {
    const [batch = 0, seq = 0] = numbersOf(rectangle);
    dims.set('batch', batch).set('seq', seq);
  }
  const seq = dims.get('seq') ?? 1;
  dims.set('places', (dims.get('batch') ?? 1) * seq);
  for (const [name, size] of chunkDimSizes(seq)) dims.set(name, size);
  for (const [name, size] of lossDims(nodes, dims.get('targets') ?? 0)) dims.set(name, size);
  return dims;
}

/** Those of a loss in chunks. */
function lossDims(nodes: readonly Node[], targets: number): Map<string, number> {
  const rows = nodes.map(({ metadata }) => metadata.get(chunkedLossKey)).find((each) => each !== undefined);
  return rows === undefined ? new Map() : lossChunkSizes(Number(rows), targets);
}

/**
 * The micro-batches that can need the most memory: the one with the most tokens, with the largest attention, with the most targets.
 */
export class LargestBatches {
  readonly #largest = new Map<string, { readonly size: number; readonly batch: MicroBatch }>();

  see(batch: MicroBatch): void {
    const { tokens, targets, feeds } = batch;
    const [rows, longest] = rectangleOf(batch);
    const inputs = [...feeds.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    const sizes = { tokens, targets, inputs, attention: rows * longest ** 2 };
    for (const [name, size] of Object.entries(sizes)) {
      if (size > (this.#largest.get(name)?.size ?? -1)) this.#largest.set(name, { size, batch });
    }
  }

  get batches(): MicroBatch[] {
    return [...new Set([...this.#largest.values()].map(({ batch }) => batch))];
  }
}

/** The rows of a batch and the length of the longest. */
export function rectangleOf({ feeds }: Pick<MicroBatch, 'feeds'>): readonly [number, number] {
  const rectangle = feeds.get('rectangle');
  if (rectangle !== undefined) {
    const [rows = 0, longest = 0] = numbersOf(rectangle);
    return [rows, longest];
  }
  const [rows = 0, longest = 0] = feeds.get('input_ids')?.shape ?? [];
  return [rows, longest];
}

function numbersOf(data: TensorData): number[] {
  return Array.from(typedArray(data), Number);
}
