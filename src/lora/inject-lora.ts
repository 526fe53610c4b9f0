import { float, type Model, type ModuleKind, type Tape, type Value } from '../ir/index.ts';
import { tensorOf } from '../tensor/index.ts';
import type { GraphModule } from './find-modules.ts';
import { loraShapes } from './lora-shapes.ts';
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
  /** alpha / rank, as a rule. */
  readonly scaling: number;
  /** More than 0: the module's input goes through a Dropout, whose probability the graph takes as an input. */
  readonly dropout?: number;
}

export interface InjectOptions {
  readonly modules: readonly LoraModule[];
  /** Seed of the dropout masks; each module draws its own from it. */
  readonly dropoutSeed?: number;
  /** Tells adapters apart where a graph has several: its inputs are `<path>.lora_A.<adapter>` then. */
  readonly adapter?: string;
}

/** The graph input f32 [] that holds the probability of every Dropout; 0 turns them off. */
const ratioInput = 'lora_dropout_ratio';

/**
 * Adds one adapter to a graph, for training it or for running it alone. Each node of a module stays as it is; what read its
 * result y reads from now on
 *
 *   y' = y + scaling · (dropout(x)·Aᵀ)·Bᵀ            of a linear module
 *   y' = y + scaling · A[:, ids]ᵀ·Bᵀ                 of an embedding, which has no dropout
 *   y' = y + conv1x1(scaling · conv(dropout(x), A), B)   of a convolution, A with its strides, pads and dilations
 *
 * A and B are new graph inputs in PEFT's layout, `<path>.lora_A` f32 [rank, in] and `<path>.lora_B` f32 [out, rank]; of a convolution
 * [rank, in, ...kernel] and [out, rank / groups, 1...].
 *
 * @throws EspalierError LORA_MODULES_INVALID with everything that is wrong; the graph is as it was then
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
  const ratio = hasDropout
    ? addLoraInput(model, named(ratioInput, adapter), { owner: '*', adapter, shape: [] })
    : undefined;
  const added = modules.flatMap((module, index) => {
    const settings = wanted.get(module.path);
    const seed = (options.dropoutSeed ?? 0) * modules.length + index;
    return settings ? [addAdapter(model, module, { settings, ratio, seed, adapter })] : [];
  });
  graftModules(model, added, { adapter });
  const inputs = added.flatMap(({ a, b }) => [a, b]);
  return reportOf(modules, ratio ? [ratio, ...inputs] : inputs);
}

function inputNames({ modules, adapter }: InjectOptions, hasDropout: boolean): string[] {
  const own = modules.flatMap(({ path }) => [named(`${path}.lora_A`, adapter), named(`${path}.lora_B`, adapter)]);
  return hasDropout ? [...own, named(ratioInput, adapter)] : own;
}

function problemsOf({ path, rank, scaling, dropout = 0 }: LoraModule): string[] {
  return [
    ...(Number.isSafeInteger(rank) && rank > 0 ? [] : [`${path} should have a rank from 1 up, got ${rank}`]),
    ...(Number.isFinite(scaling) ? [] : [`${path} should have a finite scaling, got ${scaling}`]),
    ...(dropout >= 0 && dropout < 1 ? [] : [`${path} should have a dropout from 0 up and below 1, got ${dropout}`]),
  ];
}

/** The second convolution has the groups of the module's own, and each group as many ranks. */
function misfit({ path, groups = 1 }: GraphModule, wanted: ReadonlyMap<string, LoraModule>): string[] {
  const rank = wanted.get(path)?.rank ?? 1;
  return rank % groups === 0 ? [] : [`${path} has ${groups} groups, which rank ${rank} cannot be shared between`];
}

interface AdapterParts {
  readonly settings: LoraModule;
  readonly ratio: Value | undefined;
  readonly seed: number;
  readonly adapter: string | undefined;
}

interface AddedAdapter extends ModuleGraft {
  readonly a: Value;
  readonly b: Value;
}

function addAdapter(model: Model, module: GraphModule, { settings, ratio, seed, adapter }: AdapterParts): AddedAdapter {
  const { path } = module;
  const owner = { owner: path, adapter };
  const shapes = loraShapes(module, settings.rank);
  const a = addLoraInput(model, named(`${path}.lora_A`, adapter), { ...owner, shape: shapes.a });
  const b = addLoraInput(model, named(`${path}.lora_B`, adapter), { ...owner, shape: shapes.b });
  const graft: Graft = (tape, place) => {
    const { dropout = 0 } = settings;
    const drops = dropout > 0 && ratio !== undefined && module.kind !== 'embedding';
    const x = drops ? dropoutOf(tape, place.x, { ratio, seed, owner }) : place.x;
    return updates[module.kind](tape, { ...place, x, a, b, scaling: settings.scaling, owner });
  };
  return { module, graft, a, b };
}

interface UpdateParts extends GraftPlace {
  readonly a: Value;
  readonly b: Value;
  readonly scaling: number;
  readonly owner: LoraOwner;
}

const updates: Readonly<Record<ModuleKind, (tape: Tape, parts: UpdateParts) => Value>> = {
  linear: (tape, { x, y, a, b, scaling, site }) => {
    const u = tape.op('Gemm', [x, a], { name: 'A', attributes: { ...(site.turned && { transA: 1 }), transB: 1 } });
    return tape.op('Gemm', [u, b, y], { name: 'B', attributes: { transB: 1, alpha: float(scaling) } });
  },
  embedding: (tape, { x, y, a, b, scaling }) => {
    // WHY columns: PEFT keeps A as [rank, vocab], and turning it over would cost as much as the vocabulary is large.
    const u = tape.op('Gather', [a, x], { name: 'A', attributes: { axis: 1 } });
    return tape.op('Gemm', [u, b, y], { name: 'B', attributes: { transA: 1, transB: 1, alpha: float(scaling) } });
  },
  conv: (tape, { x, a, b, scaling, owner, site: { node, groups = 1 } }) => {
    const kept = ['auto_pad', 'dilations', 'kernel_shape', 'pads', 'strides'];
    const window = Object.fromEntries([...node.attributes].filter(([name]) => kept.includes(name)));
    const u = tape.op('Conv', [x, a], { name: 'A', attributes: window });
    const factor = loraConstant(tape, tensorOf('float32', [], [scaling]), { name: 'scaling', ...owner });
    return tape.op('Conv', [tape.op('Mul', [u, factor]), b], { name: 'B', attributes: { group: groups } });
  },
};

/** Always in training mode: a ratio of 0 keeps everything, so that one graph serves training and evaluation. */
function dropoutOf(tape: Tape, x: Value, parts: { ratio: Value; seed: number; owner: LoraOwner }): Value {
  const training = loraConstant(tape, tensorOf('bool', [], [1]), { name: 'training', ...parts.owner });
  return tape.op('Dropout', [x, parts.ratio, training], { attributes: { seed: parts.seed } });
}

function named(input: string, adapter: string | undefined): string {
  return adapter === undefined ? input : `${input}.${adapter}`;
}
