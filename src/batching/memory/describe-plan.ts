import { EspalierError } from '../../core/index.ts';
import { decodeModel, type Graph } from '../../ir/index.ts';
import type { ValueInfo } from '../../onnxruntime/index.ts';
import { readSignature, type ModelSignature, type TensorSignature } from '../model-signature.ts';
import { readGraphFile } from '../read-graph-file.ts';
import { OutputShapes } from '../output-shapes.ts';
import type { PlannedBuffer } from './plan-buffers.ts';
import { inputBuffer, layOutRun, outputBuffer, type RunBuffer } from './run-layout.ts';
import type { MemoryPlan } from './run-memory.ts';

export interface DescribeOptions {
  readonly plan: MemoryPlan;
  /** Rows of the batch. */
  readonly batch: number;
  /** Sizes of the other open dimensions, by name. */
  readonly dims?: Readonly<Record<string, number>>;
}

export interface DescribedBuffer extends PlannedBuffer {
  readonly dtype: TensorSignature['dtype'];
  readonly shape: readonly number[];
}

/** The buffers of one run with their places. */
export interface DescribedPlan {
  readonly plan: MemoryPlan;
  readonly batch: number;
  readonly batching: ModelSignature['batching'];
  readonly buffers: readonly DescribedBuffer[];
  /** Size of the block that a run needs. */
  readonly bytes: number;
  /** A description of where the block is allocated. */
  readonly source: string;
  /** Outputs that ONNX Runtime allocates in each run. */
  readonly unplanned: readonly string[];
}

const sources: Readonly<Record<MemoryPlan, string>> = {
  fixed: 'an arena of its own for each concurrent run, kept',
  'two-level': 'a slice of arenas that all models share, for the time of the run',
  'on-demand': 'a memory of its own, given back after the run',
};

/**
 * Computes how the buffers of a run of an ONNX file would be placed, without loading it into ONNX Runtime.
 *
 * @throws EspalierError INFER_DIM_UNKNOWN if an open dimension has no size; the errors of `openInferenceModel`
 */
export async function describePlan(path: string, options: DescribeOptions): Promise<DescribedPlan> {
  const { plan, batch, dims = {} } = options;
  const { bytes, model } = await readGraphFile(path);
  const shapes = new OutputShapes(() => decodeModel(bytes, { what: path }));
  const signature = readSignature(path, interfaceOf(model.graph), { shapes });
  const sizes = new Map(Object.entries(dims));
  if (signature.batching.joins) sizes.set(signature.batching.axis, batch);
  const inputs = signature.inputs.map((tensor) => ({ tensor, shape: sized(tensor.name, shapes, sizes) }));
  const foretold = shapes.of(new Map(inputs.map(({ tensor, shape }) => [tensor.name, shape])));
  const outputs = signature.outputs.flatMap((tensor): RunBuffer[] => {
    const shape = plan === 'on-demand' ? undefined : foretold.get(tensor.name);
    return shape === undefined || tensor.dtype === 'string' ? [] : [{ tensor, shape }];
  });
  const layout = layOutRun(inputs, outputs);
  const known = new Map([
    ...inputs.map((buffer) => [inputBuffer(buffer.tensor.name), buffer] as const),
    ...outputs.map((buffer) => [outputBuffer(buffer.tensor.name), buffer] as const),
  ]);
  return {
    plan,
    batch,
    batching: signature.batching,
    buffers: layout.buffers.flatMap((buffer) => {
      const run = known.get(buffer.name);
      return run === undefined ? [] : [{ ...buffer, dtype: run.tensor.dtype, shape: run.shape }];
    }),
    bytes: layout.bytes,
    source: sources[plan],
    unplanned: signature.outputs.map(({ name }) => name).filter((name) => !known.has(outputBuffer(name))),
  };
}

/** The inputs and outputs as a session of the graph would report them. */
function interfaceOf(graph: Graph): { inputs: ValueInfo[]; outputs: ValueInfo[] } {
  const infoOf = ({ name, dtype, shape = [] }: Graph['inputs'][number]): ValueInfo => {
    return { name, dtype, shape: shape.map((dim) => dim ?? '?') };
  };
  return {
    inputs: graph.inputs.filter(({ constant }) => constant === undefined).map(infoOf),
    outputs: graph.outputs.map(infoOf),
  };
}

function sized(name: string, shapes: OutputShapes, sizes: ReadonlyMap<string, number>): number[] {
  return (shapes.inputs.get(name) ?? []).map((dim) => {
    const size = typeof dim === 'number' ? dim : sizes.get(dim ?? '');
    if (size === undefined) throw new EspalierError('INFER_DIM_UNKNOWN', { input: name, dim: dim ?? '?' });
    return size;
  });
}
