import { finishNow, type Steps } from '../../core/index.ts';
import type { Model, ModuleKind, Tape, Value } from '../../ir/index.ts';
import { tensorOf, type DataType } from '../../tensor/index.ts';
import { biasOf, doraProblem } from './dora-finish.ts';
import { changeHeldSteps, holdModule, type HeldModule } from './byte-groups.ts';
import { byteBlock, type ByteItems } from './stacked-bytes.ts';
import type { GraphModule } from '../targets/find-modules.ts';
import { expertUpdate } from './expert-updates.ts';
import {
  addLoraInput,
  graftSteps,
  loraConstant,
  reportOf,
  requireModules,
  type GraftPlace,
  type InjectionReport,
  type ModuleGraft,
} from './graft.ts';

/** The graph input f32 [mask_rows, rank_rows] that assigns rank rows to tokens. */
const maskInput = 'lora_mask';
const rankRows = 'lora_rank_rows';
const blocks = 'lora_blocks';
/** The graph inputs of matrices of bytes. */
export const itemInputs = ['lora_active', 'lora_few', 'lora_item_rows', 'lora_item_shares'] as const;

export interface StackedOptions {
  /** DoRA: adds another input for each module that can have a magnitude. */
  readonly gains?: boolean;
  /** `lora_bias`: adds another input for each linear module. */
  readonly biases?: boolean;
  /** The modules whose matrices are bytes. Each must be computed as a list of rows, as `quantizedLinear` does. */
  readonly bytes?: ReadonlySet<string>;
}

/**
 * Lets a graph serve any number of adapters in one batch. The matrices of the adapters are stacked by rank rows. The readers of the
 * result y of a linear node or an embedding then read
 *
 *   y' = y + ((x·Aᵀ) ∘ mask)·B        y' = y + (A[:, ids]ᵀ ∘ mask)·B
 *
 * New graph inputs are `<path>.lora_A` f32 [R, in] and `<path>.lora_B` f32 [R, out] for each module. B is already scaled, and is the
 * transpose of PEFT's B. Another input is `lora_mask` f32 [tokens, R], or [1, R] if all tokens have the same adapters: 1 (or the
 * strength of the adapter) if the rank row belongs to an adapter of the token, otherwise 0. R may change from run to run.
 *
 * With gains, each linear module that can have DoRA also gets the input `<path>.lora_gain` f32 [R, out]. It is multiplied with the
 * module's own product and added to it. The first rank row of a DoRA adapter contains its gain less 1, and all other rows contain 0.
 * The rows of B of such an adapter are also scaled by its gain.
 *
 *   y' = y + (y − bias) ∘ (mask·gain) + ((x·Aᵀ) ∘ mask)·B
 *
 * With biases, each linear module also gets the input `<path>.lora_bias` f32 [R, out], and mask·lora_bias is added to its result. The
 * first rank row of an adapter contains its bias, already scaled, and all other rows contain 0.
 *
 * With bytes, R rank rows are blocks of u = 16: `lora_A` is s8 [R / u, in, u], `lora_B` is s8 [R / u, u, out], and
 * `<path>.lora_scale` f32 [R / u, 1, u] has the scale of each rank row. Four more inputs say how a run is computed; see `ByteItems`.
 *
 * @param paths  paths of the modules, such as `model.layers.0.self_attn.q_proj`
 * @throws EspalierError LORA_MODULES_INVALID with all problems; the graph is then unchanged
 */
export function injectStackedLora(
  model: Model,
  paths: readonly string[],
  options: StackedOptions = {},
): InjectionReport {
  return finishNow(stackedLoraSteps(model, paths, options));
}

/** As `injectStackedLora`, for callers that let other tasks run meanwhile. */
export function* stackedLoraSteps(
  model: Model,
  paths: readonly string[],
  { gains = false, biases = false, bytes = new Set() }: StackedOptions = {},
): Steps<InjectionReport> {
  const kinds = ['lora_A', 'lora_B', 'lora_scale', ...(gains ? ['lora_gain'] : []), ...(biases ? ['lora_bias'] : [])];
  const names = paths.flatMap((path) => kinds.map((kind) => `${path}.${kind}`));
  const modules = requireModules(model, paths, {
    inputs: [...names, maskInput, ...itemInputs],
    problemsOf: (found) => found.flatMap(({ path, kind }) => (kind === 'conv' ? [`${path} is a convolution`] : [])),
  });
  const mask = addLoraInput(model, maskInput, { owner: '*', shape: ['lora_mask_rows', rankRows] });
  const items = bytes.size > 0 ? addItems(model) : undefined;
  const held: HeldModule[] = [];
  const added: AddedStack[] = [];
  for (const module of modules) {
    yield;
    added.push(addStack(model, module, { mask, gains, biases, held: bytes.has(module.path) ? held : undefined }));
  }
  yield* graftSteps(model, added);
  if (items) yield* changeHeldSteps(model, held, { items, mask });
  return reportOf(modules, [mask, ...Object.values(items ?? {}), ...added.flatMap(({ values }) => values)]);
}

interface AddedStack extends ModuleGraft {
  /** The graph inputs. */
  readonly values: readonly Value[];
}

interface StackInputs {
  readonly mask: Value;
  readonly gains: boolean;
  readonly biases: boolean;
  /** Present if the module's matrices are bytes: takes the module up, which is changed together with others. */
  readonly held: HeldModule[] | undefined;
}

function addItems(model: Model): ByteItems {
  const [isActive, isFew, rows, shares] = itemInputs;
  const input = (name: string, dtype: DataType, shape: readonly (number | string)[]): Value =>
    addLoraInput(model, name, { owner: '*', shape, dtype });
  return {
    isActive: input(isActive, 'bool', [1]),
    isFew: input(isFew, 'bool', [1]),
    rows: input(rows, 'int64', [blocks, 'lora_places']),
    shares: input(shares, 'float32', ['lora_item_tokens', 'lora_items']),
  };
}

function addStack(model: Model, module: GraphModule, { mask, gains, biases, held }: StackInputs): AddedStack {
  const { path, kind } = module;
  const matrices = matrixInputs(model, module, held !== undefined);
  const gain =
    gains && doraProblem(module).length === 0
      ? addLoraInput(model, `${path}.lora_gain`, { owner: path, shape: [rankRows, module.out] })
      : undefined;
  const bias =
    biases && kind === 'linear'
      ? addLoraInput(model, `${path}.lora_bias`, { owner: path, shape: [rankRows, module.out] })
      : undefined;
  return {
    module,
    values: [...Object.values(matrices), ...(gain ? [gain] : []), ...(bias ? [bias] : [])],
    graft: (tape, place) => {
      const { a, b, scale } = matrices;
      const product =
        scale && held
          ? hold(held, holdModule(tape, place, { path, out: module.out, a, b, scale }))
          : addFloatStack(tape, place, { path, kind, a, b, mask });
      // WHY not within the product before: the mask may have one row for all tokens.
      const sum = bias ? tape.op('Add', [product, tape.op('Gemm', [mask, bias], { name: 'bias' })]) : product;
      return gain ? tape.op('Add', [sum, lengthened(tape, place, { module, mask, gain })]) : sum;
    },
  };
}

function hold(all: HeldModule[], module: HeldModule): Value {
  all.push(module);
  return module.sum;
}

interface Matrices {
  readonly a: Value;
  readonly b: Value;
  /** Present if they are bytes. */
  readonly scale?: Value;
}

function matrixInputs(model: Model, { path, in: width, out }: GraphModule, isBytes: boolean): Matrices {
  const input = (name: string, shape: readonly (number | string)[], dtype?: DataType): Value =>
    addLoraInput(model, `${path}.${name}`, { owner: path, shape, ...(dtype && { dtype }) });
  if (!isBytes) return { a: input('lora_A', [rankRows, width]), b: input('lora_B', [rankRows, out]) };
  return {
    a: input('lora_A', [blocks, width, byteBlock], 'int8'),
    b: input('lora_B', [blocks, byteBlock, out], 'int8'),
    scale: input('lora_scale', [blocks, 1, byteBlock]),
  };
}

/** y + ((x·Aᵀ) ∘ mask)·B */
function addFloatStack(
  tape: Tape,
  place: GraftPlace,
  { path, kind, a, b, mask }: Matrices & { readonly path: string; readonly kind: ModuleKind; readonly mask: Value },
): Value {
  if (kind === 'experts') return addExpertStack(tape, place, { path, a, b, mask });
  const u = updates[kind]?.(tape, place, a);
  if (u === undefined) throw new TypeError(`${kind} modules were not refused`);
  const own = tape.op('Mul', [u, mask], { name: 'mask', dtype: 'float32', shape: u.shape ?? [undefined, rankRows] });
  return tape.op('Gemm', [own, b, place.y], { name: 'B' });
}

/** The same for experts, whose rows have the mask of their token: a row is one token for one expert. */
function addExpertStack(
  tape: Tape,
  { x, y, site }: GraftPlace,
  { path, a, b, mask }: Omit<Matrices, 'scale'> & { readonly path: string; readonly mask: Value },
): Value {
  const { group } = site;
  if (group === undefined) throw new TypeError(`${site.node.label} has no experts`);
  const between = (ranks: Value): Value => {
    const perToken = loraConstant(tape, tensorOf('int64', [], [group.perToken]), { name: 'per_token', owner: path });
    // A mask of one row is that of all tokens.
    const count = tape.op('Shape', [mask], { attributes: { start: 0, end: 1 } });
    const tokens = tape.op('Div', [group.order, perToken]);
    const own = tape.op('Gather', [mask, tape.op('Mod', [tokens, count])]);
    return tape.op('Mul', [ranks, own], { name: 'mask', shape: ranks.shape ?? [undefined, rankRows] });
  };
  const last = (inner: Tape, ranks: Value, matrix: Value): Value => inner.op('Gemm', [ranks, matrix], { name: 'B' });
  const update = expertUpdate(tape, { site, x, a, b, axis: 1, last, between });
  return y === undefined ? update : tape.op('Add', [y, update]);
}

/** f32 [tokens, out]: (y − bias) ∘ (mask·gain). PEFT's magnitudes do not scale the bias. */
function lengthened(
  tape: Tape,
  place: GraftPlace,
  { module: { path, out }, mask, gain }: { readonly module: GraphModule; readonly mask: Value; readonly gain: Value },
): Value {
  const { site, part } = place;
  const bias = biasOf(tape, { site, ...(part && { part }) }, { owner: path });
  const product = bias ? tape.op('Sub', [site.y, bias]) : site.y;
  const rows = (): Value => loraConstant(tape, tensorOf('int64', [2], [-1, out]), { name: 'gain_rows', owner: path });
  const flat = place.y ? product : tape.op('Reshape', [product, rows()]);
  return tape.op('Mul', [flat, tape.op('Gemm', [mask, gain], { name: 'gain' })]);
}

/** x·Aᵀ for each kind of module, f32 [tokens, R]. */
const updates: Readonly<Partial<Record<ModuleKind, (tape: Tape, place: GraftPlace, a: Value) => Value>>> = {
  linear: (tape, { x, site }, a) =>
    tape.op('Gemm', [x, a], { name: 'A', attributes: { ...(site.turned && { transA: 1 }), transB: 1 } }),
  embedding: (tape, { x }, a) =>
    tape.op('Transpose', [tape.op('Gather', [a, x], { name: 'A', attributes: { axis: 1 } })], {
      attributes: { perm: [1, 0] },
    }),
};
