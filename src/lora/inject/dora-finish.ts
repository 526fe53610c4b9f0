import { float, stopGradientKey, type Node, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { loraConstant, type Finish, type LoraOwner } from './graft.ts';
import type { GraphModule, ModulePlace } from '../targets/find-modules.ts';

/** The values that DoRA needs. */
export interface DoraParts {
  /** f32 [rank, in] */
  readonly a: Value;
  /** f32 [out, rank] */
  readonly b: Value;
  /** f32 [out] */
  readonly magnitude: Value;
  /** f32 [out]: Σᵢ W[o, i]² of the base's weight. */
  readonly squaredNorms: TensorData;
  readonly scaling: number;
  readonly owner: LoraOwner;
}

/**
 * Scales each row of the changed weight to the length that its magnitude contains:
 *
 *   V = W + s·B·A        gain = magnitude / ‖V‖        y' = gain ∘ (y − bias + update) + bias
 *
 * The length can be computed without V and W. The module's own node is run on the rows of A, which costs as much as `rank` tokens:
 *
 *   ‖V‖² = ‖W‖² + s · Σᵣ B ∘ (2·W·Aᵀ + s·B·(A·Aᵀ))
 *
 * Quantized weights therefore need no special case. The length counts as a constant in the backward pass, as in PEFT.
 *
 * @see Liu et al. 2024 (DoRA), eq. 5 and §4.3
 */
export function doraFinish(parts: DoraParts): Finish {
  return (tape, sum, place) => {
    const norm = tape.op('Sqrt', [squaredLength(tape, place, parts)], {
      name: 'norm',
      metadata: { [stopGradientKey]: 'the length of a row' },
    });
    const gain = tape.op('Div', [parts.magnitude, norm], { name: 'gain' });
    const scaled = tape.op('Mul', [sum, gain]);
    const bias = biasOf(tape, place, parts.owner);
    return bias ? tape.op('Add', [scaled, tape.op('Sub', [bias, tape.op('Mul', [bias, gain])])]) : scaled;
  };
}

/** The reason why a module cannot have a magnitude; undefined if it can. */
export function doraProblem({ path, kind, places }: GraphModule): string[] {
  if (kind !== 'linear') return [`${path} is no linear module, and DoRA is for those`];
  return places.flatMap(({ site: { node, y } }) => {
    if (node.floatAttribute('beta', 1) !== 1 && node.opType === 'Gemm') return [`${path} scales its bias (beta)`];
    if (y.dtype !== undefined && y.dtype !== 'float32') return [`${path} computes in ${y.dtype}, and DoRA in float32`];
    return roughOnA.has(node.opType) ? [`${path} rounds what goes into it to 8 bits, too roughly for DoRA`] : [];
  });
}

const roughOnA: ReadonlySet<string> = new Set(['DynamicQuantizeMatMul', 'MatMulInteger', 'MatMulIntegerToFloat']);

/** f32 [out] */
function squaredLength(tape: Tape, place: ModulePlace, parts: DoraParts): Value {
  const { a, b, squaredNorms, scaling, owner } = parts;
  const product = weightTimesA(tape, place, parts);
  const square = tape.op('Gemm', [a, a], { attributes: { transB: 1 } });
  const inner = tape.op('Gemm', [b, square, product], { attributes: { alpha: float(scaling), beta: float(2) } });
  const axes = loraConstant(tape, tensorOf('int64', [1], [1]), { name: 'axes', ...owner });
  const change = tape.op('ReduceSum', [tape.op('Mul', [b, inner]), axes], { attributes: { keepdims: 0 } });
  const factor = loraConstant(tape, tensorOf('float32', [], [scaling]), { name: 'scaling', ...owner });
  const own = loraConstant(tape, squaredNorms, { name: 'squared_norms', ...owner });
  return tape.op('Add', [own, tape.op('Mul', [change, factor])]);
}

/** W·Aᵀ, f32 [out, rank]: the module's node applied to the rows of A, without its bias. */
function weightTimesA(tape: Tape, place: ModulePlace, { a, owner }: DoraParts): Value {
  const { node, out, bias } = place.site;
  const inputs = node.inputs.map((input, i) => (i === 0 ? a : input === bias ? undefined : input));
  while (inputs.at(-1) === undefined) inputs.pop();
  const rows = tape.op(node.opType, inputs, {
    name: 'W',
    domain: node.domain,
    attributes: exactAttributes(node),
    dtype: 'float32',
    shape: [a.shape?.[0], out],
  });
  return tape.op('Transpose', [partOf(tape, rows, place, { axis: 1, owner })], { attributes: { perm: [1, 0] } });
}

/** WHY without `accuracy_level`: it lets MatMulNBits round its input, and here the input is a weight. */
function exactAttributes({
  attributes,
}: Node): Readonly<Record<string, NonNullable<ReturnType<typeof attributes.get>>>> {
  return Object.fromEntries([...attributes].filter(([name]) => !['transA', 'beta', 'accuracy_level'].includes(name)));
}

/** The bias that a module's own node adds, f32 [out]. For a packed node it is the module's range of the bias. */
export function biasOf(tape: Tape, place: ModulePlace, owner: LoraOwner): Value | undefined {
  return place.site.bias && partOf(tape, place.site.bias, place, { axis: -1, owner });
}

/** The range of an axis that belongs to the module, if a node computes several modules. */
function partOf(
  tape: Tape,
  value: Value,
  { part }: ModulePlace,
  { axis, owner }: { readonly axis: number; readonly owner: LoraOwner },
): Value {
  if (part === undefined) return value;
  const start = part.widths.slice(0, part.index).reduce((sum, width) => sum + width, 0);
  const bounds = [start, start + (part.widths[part.index] ?? 0), axis];
  const constants = bounds.map((bound, i) =>
    loraConstant(tape, tensorOf('int64', [1], [bound]), { name: ['start', 'end', 'axis'][i] ?? '', ...owner }),
  );
  return tape.op('Slice', [value, ...constants]);
}
