import { EspalierError } from '../core/index.ts';
import type { Shape } from '../ir/index.ts';
import type { ValueInfo } from '../onnxruntime/index.ts';
import type { DataType } from '../tensor/index.ts';
import type { OutputShapes } from './output-shapes.ts';

/** The name, type and shape of an input or output. A dimension is a number if it is fixed, otherwise a name or '?'. */
export interface TensorSignature {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly (number | string)[];
}

/** The inputs and outputs of a model, and whether its requests can be joined. */
export interface ModelSignature {
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
  /** Whether the first axis of every input and output is one open dimension, the batch. */
  readonly batching: { readonly joins: true; readonly axis: string } | { readonly joins: false; readonly why: string };
}

/** Types that the Open Inference Protocol does not have. */
const unspoken: ReadonlySet<DataType> = new Set(['int4', 'uint4']);

/**
 * Reads the inputs and outputs of a session. Inputs that an injection added are omitted, because requests do not contain them.
 *
 * @throws EspalierError INFER_MODEL_UNSERVABLE if an input or an output is not a tensor that a request can contain
 */
export function readSignature(
  model: string,
  session: { readonly inputs: readonly ValueInfo[]; readonly outputs: readonly ValueInfo[] },
  options: { readonly shapes: OutputShapes; readonly injected?: ReadonlySet<string> },
): ModelSignature {
  const own = session.inputs.filter(({ name }) => options.injected?.has(name) !== true);
  const inputs = own.map((value) => tensorOf(model, 'input', value));
  const outputs = session.outputs.map((value) => tensorOf(model, 'output', value));
  return { inputs, outputs, batching: batchingOf(inputs, outputs, options.shapes) };
}

function tensorOf(model: string, kind: string, { name, dtype, shape }: ValueInfo): TensorSignature {
  if (dtype === undefined || unspoken.has(dtype)) {
    const reason = `its ${kind} ${name} is ${dtype === undefined ? 'no tensor of a known type' : `of type ${dtype}`}`;
    throw new EspalierError('INFER_MODEL_UNSERVABLE', { model, reason });
  }
  return { name, dtype, shape };
}

function batchingOf(
  inputs: readonly TensorSignature[],
  outputs: readonly TensorSignature[],
  shapes: OutputShapes,
): ModelSignature['batching'] {
  let axis: string | undefined;
  for (const { name } of inputs) {
    const first = firstDim(shapes.inputs.get(name));
    if (typeof first !== 'string') return { joins: false, why: `the first axis of its input ${name} is not open` };
    if (axis !== undefined && axis !== first) {
      return { joins: false, why: `its inputs have different first axes, ${axis} and ${first}` };
    }
    axis = first;
  }
  if (axis === undefined) return { joins: false, why: 'it has no input' };
  const differing = outputs.find(({ name }) => firstDim(shapes.symbolic.get(name)) !== axis);
  if (differing)
    return { joins: false, why: `the first axis of its output ${differing.name} is not known to be ${axis}` };
  if ([...inputs, ...outputs].some(({ dtype }) => dtype === 'string')) {
    return { joins: false, why: 'it takes or gives strings' };
  }
  return { joins: true, axis };
}

function firstDim(shape: Shape | undefined): Shape[number] {
  return shape?.[0];
}
