import { float, type Model, type Tape, type Value } from '../ir/index.ts';
import { tensorOf } from '../tensor/index.ts';
import { addLoraInput, graftModule, loraConstant, reportOf, requireModules, type InjectionReport } from './graft.ts';
import type { GraphModule } from './linear-nodes.ts';

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
}

/** The graph input f32 [] that holds the probability of every Dropout; 0 turns them off. */
const ratioInput = 'lora_dropout_ratio';

/**
 * Adds one adapter to a graph, for training it or for running it alone. Each linear node stays as it is; what read its
 * result y reads from now on
 *
 *   y' = y + scaling · (dropout(x)·Aᵀ)·Bᵀ
 *
 * A and B are new graph inputs in PEFT's layout, `<path>.lora_A` f32 [rank, in] and `<path>.lora_B` f32 [out, rank].
 *
 * @throws EspalierError LORA_MODULES_INVALID with everything that is wrong; the graph is as it was then
 * @see Hu et al. 2021 (LoRA), eq. 3
 */
export function injectLora(model: Model, options: InjectOptions): InjectionReport {
  const wanted = new Map(options.modules.map((module) => [module.path, module]));
  const hasDropout = options.modules.some(({ dropout = 0 }) => dropout > 0);
  const modules = requireModules(
    model,
    options.modules.map(({ path }) => path),
    { problems: options.modules.flatMap(problemsOf), sharedInput: hasDropout ? ratioInput : undefined },
  );
  const ratio = hasDropout ? addLoraInput(model, ratioInput, { owner: '*', shape: [] }) : undefined;
  const inputs = modules.flatMap((module, index) => {
    const settings = wanted.get(module.path);
    const seed = (options.dropoutSeed ?? 0) * modules.length + index;
    return settings ? addAdapter(model, module, { settings, ratio, seed }) : [];
  });
  return reportOf(modules, ratio ? [ratio, ...inputs] : inputs);
}

function problemsOf({ path, rank, scaling, dropout = 0 }: LoraModule): string[] {
  return [
    ...(Number.isSafeInteger(rank) && rank > 0 ? [] : [`${path} should have a rank from 1 up, got ${rank}`]),
    ...(Number.isFinite(scaling) ? [] : [`${path} should have a finite scaling, got ${scaling}`]),
    ...(dropout >= 0 && dropout < 1 ? [] : [`${path} should have a dropout from 0 up and below 1, got ${dropout}`]),
  ];
}

interface AdapterParts {
  readonly settings: LoraModule;
  readonly ratio: Value | undefined;
  readonly seed: number;
}

function addAdapter(model: Model, module: GraphModule, { settings, ratio, seed }: AdapterParts): Value[] {
  const { path } = module;
  const { rank, scaling, dropout = 0 } = settings;
  const a = addLoraInput(model, `${path}.lora_A`, { owner: path, shape: [rank, module.in] });
  const b = addLoraInput(model, `${path}.lora_B`, { owner: path, shape: [module.out, rank] });
  graftModule(model, module, (tape, x, y) => {
    const kept = dropout > 0 && ratio ? dropoutOf(tape, x, { ratio, seed, owner: path }) : x;
    const u = tape.op('Gemm', [kept, a], { name: 'A', attributes: { transB: 1 } });
    return tape.op('Gemm', [u, b, y], { name: 'B', attributes: { transB: 1, alpha: float(scaling) } });
  });
  return [a, b];
}

/** Always in training mode: a ratio of 0 keeps everything, so that one graph serves training and evaluation. */
function dropoutOf(tape: Tape, x: Value, parts: { ratio: Value; seed: number; owner: string }): Value {
  const training = loraConstant(tape, tensorOf('bool', [], [1]), { name: 'training', owner: parts.owner });
  return tape.op('Dropout', [x, parts.ratio, training], { attributes: { seed: parts.seed } });
}
