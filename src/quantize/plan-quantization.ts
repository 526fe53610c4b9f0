import { didYouMean, EspalierError } from '../core/index.ts';
import { isOutputLayer, type AdaptableModule } from '../ir/index.ts';
import {
  companionNames,
  quantizableMatrices,
  type BaseModel,
  type QuantizableMatrix,
  type WeightRef,
} from '../models/index.ts';
import type { TensorLayout } from '../tensor/index.ts';

export interface QuantizationSettings {
  /** `blocks`: blocks of 4 or 8 bits. `int8`: one scale per channel, for integer matrix products. */
  readonly scheme: 'blocks' | 'int8';
  readonly bits: 4 | 8;
  readonly blockSize: number;
  /** Names of modules that stay floats: the last part of the name, or the whole path. */
  readonly keep: readonly string[];
}

/** The plan for one weight. */
export type PlannedWeight =
  | { readonly kind: 'kept'; readonly name: string; readonly ref: WeightRef }
  | {
      readonly kind: 'blocks' | 'int8';
      readonly name: string;
      readonly ref: WeightRef;
      readonly matrix: QuantizableMatrix;
      readonly bits: 4 | 8;
      readonly blockSize: number;
      /** The source stores the matrix transposed, as [columns, rows]. */
      readonly turned: boolean;
    };

/**
 * Decides for every weight whether and how it is quantized. Matrices of linear layers and the token embedding are quantized. Norms,
 * biases, kept modules and the head of a classifier are not; adapters replace such a head. With 4 bits, the embedding and the head of
 * a language model get 8 bits: they are few, and their errors affect every token.
 *
 * @throws EspalierError QUANTIZE_UNSUPPORTED, QUANTIZE_KEEP_UNMATCHED
 */
export function planQuantization(base: BaseModel, settings: QuantizationSettings): PlannedWeight[] {
  refuseUnsupported(base);
  const kept = keptNames(base, settings.keep);
  const modules = matrixModules(base);
  const matrices = quantizableMatrices(modules);
  const turned = turnedMatrices(modules);
  const plan = [...base.weights].map(([name, ref]): PlannedWeight => {
    const matrix = matrices.get(name);
    if (matrix === undefined || kept.has(name) || !isWorthIt(base, matrix, settings))
      return { kind: 'kept', name, ref };
    const isOuter = matrix.kind === 'embedding' || isOutputLayer(name.replace(/\.weight$/, ''));
    const kind = matrix.kind === 'embedding' ? 'blocks' : settings.scheme;
    const { blockSize } = settings;
    return { kind, name, ref, matrix, blockSize, bits: isOuter ? 8 : settings.bits, turned: turned.has(name) };
  });
  if (plan.every(({ kind }) => kind === 'kept')) throw unsupported(base, 'no matrix is left to quantize');
  return plan;
}

/** The modules with a matrix of their own, and the matrices of experts. */
export function matrixModules({ modules, experts = [] }: BaseModel): readonly AdaptableModule[] {
  return [...modules, ...experts];
}

/** The names of the weights that the checkpoint stores as [columns, rows]. */
export function turnedMatrices(modules: readonly AdaptableModule[]): Set<string> {
  return new Set(modules.flatMap(({ path, transposed }) => (transposed === true ? `${path}.weight` : [])));
}

/** The tensors that replace a weight in the output, by name. */
export function plannedTensors(planned: PlannedWeight): [name: string, layout: TensorLayout][] {
  const { name, ref } = planned;
  if (planned.kind === 'kept') return [[name, { dtype: ref.dtype, shape: ref.shape }]];
  const { rows, columns } = planned.matrix;
  const names = companionNames(name);
  if (planned.kind === 'int8') {
    return [
      [name, { dtype: 'int8', shape: [columns, rows] }],
      [names.scales, { dtype: 'float32', shape: [rows] }],
    ];
  }
  const { bits, blockSize } = planned;
  const blocks = Math.ceil(columns / blockSize);
  const zeroPoints: [string, TensorLayout] = [
    names.zeroPoints,
    { dtype: 'uint8', shape: [rows, Math.ceil(blocks / 2)] },
  ];
  return [
    [name, { dtype: 'uint8', shape: [rows, blocks, (blockSize * bits) / 8] }],
    [names.scales, { dtype: 'float32', shape: [rows, blocks] }],
    ...(bits === 4 ? [zeroPoints] : []),
  ];
}

function refuseUnsupported(base: BaseModel): void {
  if (base.config.family === 'onnx')
    throw unsupported(base, 'it is a graph that another tool wrote; quantize what it was exported from');
  if (base.file !== undefined) throw unsupported(base, 'it is a GGUF file; take the checkpoint that it was made from');
  if ([...base.weights.values()].some(({ quantized }) => quantized !== undefined)) {
    throw unsupported(base, 'it is quantized already; take the float checkpoint that it was made from');
  }
}

function unsupported({ dir }: BaseModel, reason: string): EspalierError {
  return new EspalierError('QUANTIZE_UNSUPPORTED', { dir, reason });
}

/** Names of the weights that `--keep` selects. Selecting a head that is tied to the embedding selects the embedding. */
function keptNames(base: BaseModel, keep: readonly string[]): Set<string> {
  const { weights } = base;
  const modules = matrixModules(base);
  const kept = new Set<string>();
  for (const name of keep) {
    const found = modules.filter(({ path }) => path === name || path.endsWith(`.${name}`));
    if (found.length === 0) {
      const known = modules.flatMap(({ path }) => [path, path.slice(path.lastIndexOf('.') + 1)]);
      throw new EspalierError('QUANTIZE_KEEP_UNMATCHED', { name, hint: didYouMean(name, known) });
    }
    for (const module of found) for (const path of matrixPaths(module, base)) kept.add(`${path}.weight`);
  }
  const head = modules.find(({ path }) => isOutputLayer(path));
  if (head && kept.has(`${head.path}.weight`) && !weights.has(`${head.path}.weight`)) {
    for (const { path, kind } of modules) if (kind === 'embedding') kept.add(`${path}.weight`);
  }
  return kept;
}

/** The paths of the matrices of a module: of a parameter of experts, those of each of them. */
function matrixPaths({ path, kind }: AdaptableModule, { experts = [] }: BaseModel): string[] {
  if (kind !== 'experts') return [path];
  const [, parent = '', isDown] = /^(.*\.)(?:(down_proj)|[^.]*)$/.exec(path) ?? [];
  const own = experts.filter((each) => each.path.startsWith(parent));
  return own.flatMap((each) => (each.path.endsWith('.down_proj') === (isDown !== undefined) ? each.path : []));
}

function isWorthIt(
  base: BaseModel,
  { name, kind, rows, columns }: QuantizableMatrix,
  settings: QuantizationSettings,
): boolean {
  if (kind === 'embedding') return rows === base.config.vocabSize && columns % settings.blockSize === 0;
  return base.task !== 'classification' || /\.\d+\./.test(name);
}
