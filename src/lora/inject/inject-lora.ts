import { float, type Model, type ModuleKind, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf, type TensorOf } from '../../tensor/index.ts';
import { doraFinish, doraProblem } from './dora-finish.ts';
import type { GraphModule } from '../targets/find-modules.ts';
import { addSharedDropout, dropout, keysInput, ratioInput, type DropoutParts } from './dropout.ts';
import { expertUpdate } from './expert-updates.ts';
import { loraShapes } from '../lora-shapes.ts';
import {
  addLoraInput,
  graftModules,
  loraConstant,
  reportOf,
  requireModules,
  type Graft,
  type GraftPlace,
  type InjectionReport,
  type LoraOwner,
  type ModuleGraft,
} from './graft.ts';

/** An adapter for one module of a graph. */
export interface LoraModule {
  readonly path: string;
  readonly rank: number;
  /** Usually alpha / rank. */
  readonly scaling: number;
  /** If it is above 0, dropout is applied to the module's input. Its probability and keys are inputs of the graph (`dropout.ts`). */
  readonly dropout?: number;
  /** DoRA: adds the graph input `<path>.lora_magnitude` f32 [out], the length of each row of the weight. */
  readonly dora?: { readonly squaredNorms: TensorOf<'float32'> };
  /** `lora_bias`: adds the graph input `<path>.lora_bias` f32 [out]. It is scaled as the update is. */
  readonly hasBias?: boolean;
  /** PiSSA, OLoRA: the initial adapter, which is subtracted, so that the base's file need not change. */
  readonly initial?: { readonly a: TensorOf<'float32'>; readonly b: TensorOf<'float32'> };
}

export interface InjectOptions {
  readonly modules: readonly LoraModule[];
  /** Determines the dropout masks, together with the keys that are an input of the graph. Each module has its own masks. */
  readonly dropoutSeed?: number;
  /** The name of the adapter, if a graph has several. Its inputs are then `<path>.lora_A.<adapter>`. */
  readonly adapter?: string;
}

/**
 * Adds one adapter to a graph, to train it or to run it alone. The node of a module does not change. The readers of its result y then
 * read
 *
 *   y' = y + scaling · (dropout(x)·Aᵀ)·Bᵀ            for a linear module
 *   y' = y + scaling · A[:, ids]ᵀ·Bᵀ                 for an embedding, which has no dropout
 *   y' = y + conv1x1(scaling · conv(dropout(x), A), B)   for a convolution; conv has the strides, pads and dilations of the module
 *
 * With a bias the update is scaling · ((dropout(x)·Aᵀ)·Bᵀ + bias). With DoRA each row of the changed weight is scaled to the length that its magnitude contains (`dora-finish.ts`).
 *
 * A and B are new graph inputs in PEFT's layout, `<path>.lora_A` f32 [rank, in] and `<path>.lora_B` f32 [out, rank]; for a convolution
 * [rank, in, ...kernel] and [out, rank / groups, 1...].
 *
 * @throws EspalierError LORA_MODULES_INVALID with all problems; the graph is then unchanged
 * @see Hu et al. 2021 (LoRA), eq. 3
 */
export function injectLora(model: Model, options: InjectOptions): InjectionReport {
  const { adapter } = options;
  const wanted = new Map(options.modules.map((module) => [module.path, module]));
  const hasDropout = options.modules.some(({ dropout = 0 }) => dropout > 0);
  const modules = requireModules(
    model,
    options.modules.map(({ path }) => path),
    {
      adapter,
      inputs: inputNames(options, hasDropout),
      problemsOf: (found) => [...options.modules.flatMap(problemsOf), ...found.flatMap((one) => misfit(one, wanted))],
    },
  );
  const drops = hasDropout ? addSharedDropout(model, { adapter, named: (input) => named(input, adapter) }) : undefined;
  const seed = options.dropoutSeed ?? 0;
  const added = modules.flatMap((module) => {
    const settings = wanted.get(module.path);
    return settings ? [addAdapter(model, module, { settings, drops, seed, adapter })] : [];
  });
  graftModules(model, added, { adapter });
  const inputs = added.flatMap(({ values }) => values);
  return reportOf(modules, [...(drops?.inputs ?? []), ...inputs]);
}

/** The names of the inputs that an injection adds. */
export function inputNames({ modules, adapter }: InjectOptions, hasDropout: boolean): string[] {
  const own = modules.flatMap(({ path, dora, hasBias }) =>
    ['lora_A', 'lora_B', ...(dora ? ['lora_magnitude'] : []), ...(hasBias === true ? ['lora_bias'] : [])].map((part) =>
      named(`${path}.${part}`, adapter),
    ),
  );
  return hasDropout ? [...own, named(ratioInput, adapter), named(keysInput, adapter)] : own;
}

/** The reasons why an adapter cannot be one. */
export function problemsOf({ path, rank, scaling, dropout = 0 }: LoraModule): string[] {
  return [
    ...(Number.isSafeInteger(rank) && rank > 0 ? [] : [`${path} should have a rank from 1 up, got ${rank}`]),
    ...(Number.isFinite(scaling) ? [] : [`${path} should have a finite scaling, got ${scaling}`]),
    ...(dropout >= 0 && dropout < 1 ? [] : [`${path} should have a dropout from 0 up and below 1, got ${dropout}`]),
  ];
}

/** The reason why the module cannot have this adapter; undefined if it can. */
export function misfit(module: GraphModule, wanted: ReadonlyMap<string, LoraModule>): string[] {
  const { path, kind, groups = 1 } = module;
  const { rank = 1, dora, initial, hasBias, dropout = 0 } = wanted.get(path) ?? {};
  return [
    // The second convolution has the groups of the module's node, and each group has the same number of ranks.
    ...(rank % groups === 0 ? [] : [`${path} has ${groups} groups, which rank ${rank} cannot be shared between`]),
    ...(dora ? doraProblem(module) : []),
    ...(dropout > 0 && kind === 'experts'
      ? [`${path} has the matrices of experts, for which PEFT has no dropout: set it to 0`]
      : []),
    ...(hasBias === true && kind !== 'linear' ? [`${path} is no linear module, and lora_bias is for those`] : []),
    ...(initial && kind !== 'linear'
      ? [`${path} is no linear module, and only those begin with their own weight`]
      : []),
  ];
}

export interface AdapterParts {
  readonly settings: LoraModule;
  /** undefined if no module has dropout. */
  readonly drops: DropoutParts | undefined;
  readonly seed: number;
  readonly adapter: string | undefined;
}

export interface AddedAdapter extends ModuleGraft {
  /** The graph inputs. */
  readonly values: readonly Value[];
}

/** Adds the inputs of one module's adapter, and returns what is to be grafted. */
export function addAdapter(model: Model, module: GraphModule, parts: AdapterParts): AddedAdapter {
  const { settings, adapter } = parts;
  const { path } = module;
  const owner = { owner: path, adapter };
  const shapes = loraShapes(module, settings.rank);
  const input = (name: string, shape: readonly number[]): Value =>
    addLoraInput(model, named(`${path}.${name}`, adapter), { ...owner, shape });
  const [a, b] = [input('lora_A', shapes.a), input('lora_B', shapes.b)];
  const { dora, scaling } = settings;
  const magnitude = dora && input('lora_magnitude', [module.out]);
  const bias = settings.hasBias === true ? input('lora_bias', [module.out]) : undefined;
  return {
    module,
    graft: graftOf(module, parts, { a, b, ...(bias && { bias }), owner }),
    finish: dora && magnitude && doraFinish({ a, b, magnitude, scaling, owner, ...dora }),
    values: [a, b, ...(magnitude ? [magnitude] : []), ...(bias ? [bias] : [])],
  };
}

function graftOf(
  { kind, in: channels }: GraphModule,
  { settings, drops, seed }: AdapterParts,
  { owner, ...matrices }: { readonly a: Value; readonly b: Value; readonly bias?: Value; readonly owner: LoraOwner },
): Graft {
  const { scaling, initial } = settings;
  const hasDropout = settings.dropout !== undefined && settings.dropout > 0 && kind !== 'embedding';
  const axes = matrices.a.shape?.length ?? 2;
  return (tape, place) => {
    // The channels of a linear module are on the last axis, unless it is transposed. Those of a convolution are on the second axis.
    const axis = place.site.turned ? 0 : 1;
    const at = { axis, axes, channels, seed, owner };
    const x = hasDropout && drops ? dropout(tape, place.x, drops, at) : place.x;
    const y = initial === undefined ? place.y : takeOff(tape, place, { ...initial, scaling, owner });
    return updates[kind](tape, { ...place, x, y, ...matrices, scaling, owner });
  };
}

/** y − scaling·(x·A₀ᵀ)·B₀ᵀ. There is no dropout here, because PEFT subtracts this part from the base's weight. */
function takeOff(
  tape: Tape,
  place: GraftPlace,
  { scaling, owner, ...matrices }: NonNullable<LoraModule['initial']> & Pick<UpdateParts, 'scaling' | 'owner'>,
): Value {
  const [a, b] = (['a', 'b'] as const).map((name) =>
    loraConstant(tape, matrices[name], { name: `initial_${name.toUpperCase()}`, ...owner }),
  );
  if (a === undefined || b === undefined) throw new TypeError('unreachable: there are two matrices');
  return updates.linear(tape, { ...place, a, b, scaling: -scaling, owner });
}

interface UpdateParts extends GraftPlace {
  readonly a: Value;
  readonly b: Value;
  /** Of a linear module. */
  readonly bias?: Value;
  readonly scaling: number;
  readonly owner: LoraOwner;
}

const updates: Readonly<Record<ModuleKind, (tape: Tape, parts: UpdateParts) => Value>> = {
  linear: (tape, { x, y, a, b, bias, scaling, site, owner }) => {
    const u = tape.op('Gemm', [x, a], { name: 'A', attributes: { ...(site.turned && { transA: 1 }), transB: 1 } });
    const sum = tape.op('Gemm', [u, b, y], { name: 'B', attributes: { transB: 1, alpha: float(scaling) } });
    if (bias === undefined) return sum;
    const factor = loraConstant(tape, tensorOf('float32', [], [scaling]), { name: 'bias_scaling', ...owner });
    return tape.op('Add', [sum, tape.op('Mul', [bias, factor])], { name: 'bias' });
  },
  embedding: (tape, { x, y, a, b, scaling }) => {
    // WHY columns: PEFT stores A as [rank, vocab], and the cost of transposing it would grow with the vocabulary.
    const u = tape.op('Gather', [a, x], { name: 'A', attributes: { axis: 1 } });
    return tape.op('Gemm', [u, b, y], { name: 'B', attributes: { transA: 1, transB: 1, alpha: float(scaling) } });
  },
  experts: (tape, { x, y, a, b, scaling, site }) => {
    const attributes = { transB: 1, alpha: float(scaling) };
    const last = (inner: Tape, ranks: Value, matrix: Value): Value =>
      inner.op('Gemm', [ranks, matrix], { name: 'B', attributes });
    const update = expertUpdate(tape, { site, x, a, b, axis: 0, last });
    return y === undefined ? update : tape.op('Add', [y, update]);
  },
  conv: (tape, { x, a, b, scaling, owner, site: { node, groups = 1 } }) => {
    const kept = ['auto_pad', 'dilations', 'kernel_shape', 'pads', 'strides'];
    const window = Object.fromEntries([...node.attributes].filter(([name]) => kept.includes(name)));
    const u = tape.op('Conv', [x, a], { name: 'A', attributes: window });
    const factor = loraConstant(tape, tensorOf('float32', [], [scaling]), { name: 'scaling', ...owner });
    return tape.op('Conv', [tape.op('Mul', [u, factor]), b], { name: 'B', attributes: { group: groups } });
  },
};

/** The name of an input of an adapter. */
export function named(input: string, adapter: string | undefined): string {
  return adapter === undefined ? input : `${input}.${adapter}`;
}
