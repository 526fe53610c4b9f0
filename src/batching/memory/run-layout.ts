import { byteLength } from '../../tensor/index.ts';
import type { ModelSignature, TensorSignature } from '../model-signature.ts';
import { planBuffers, type BufferPlan } from './plan-buffers.ts';

/**
 * The steps of a run, in which the lifetimes of buffers are given: requests are joined into the inputs, the graph runs, answers are cut
 * from the outputs. Inputs and outputs never share a place, because both are needed while the graph runs.
 */
export const runSteps = { gather: 0, run: 1, answer: 2 } as const;

/** One buffer of a run. */
export interface RunBuffer {
  readonly tensor: TensorSignature;
  readonly shape: readonly number[];
}

/**
 * Places the buffers of a run in one block.
 *
 * @param inputs   with their shapes
 * @param outputs  the outputs whose shapes are known before the run
 */
export function layOutRun(inputs: readonly RunBuffer[], outputs: readonly RunBuffer[]): BufferPlan {
  const { gather, run, answer } = runSteps;
  return planBuffers([
    ...inputs.map(({ tensor, shape }) => ({
      name: inputBuffer(tensor.name),
      bytes: byteLength(tensor.dtype, shape),
      first: gather,
      last: run,
    })),
    ...outputs.map(({ tensor, shape }) => ({
      name: outputBuffer(tensor.name),
      bytes: byteLength(tensor.dtype, shape),
      first: run,
      last: answer,
    })),
  ]);
}

/** Names of buffers in a plan. WHY not the tensor's name: an output of a graph may have the name of an input. */
export const inputBuffer = (name: string): string => `input ${name}`;
export const outputBuffer = (name: string): string => `output ${name}`;

/** The same shape with another number of rows. */
export function withRows(shape: readonly number[], rows: number): readonly number[] {
  return [rows, ...shape.slice(1)];
}

/** The tensors of a signature by name. */
export function findTensor(tensors: ModelSignature['inputs'], name: string): TensorSignature {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new RangeError(`No tensor ${name}`);
  return tensor;
}
