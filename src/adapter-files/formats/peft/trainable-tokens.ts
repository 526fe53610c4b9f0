import { EspalierError } from '../../../core/index.ts';
import type { AdaptableModule } from '../../../ir/index.ts';
import type { BaseEmbeddings } from '../../../models/index.ts';
import type { ModuleWeights } from '../../../lora/index.ts';
import { tensorOf, toFloat32, type SafetensorsEntry, type TensorData } from '../../../tensor/index.ts';
import { peftPrefix, type TargetModule } from './peft-names.ts';

/** `trainable_token_indices`: of the input embedding, or of modules by the ends of their paths. */
export type TrainableTokens = readonly number[] | Readonly<Record<string, readonly number[]>>;

/** The name of PEFT's tensor of new rows ends so. */
const ending = '.token_adapter.trainable_tokens_delta';

/** The rows of one matrix that an adapter replaces. */
export interface TokenRows {
  readonly path: string;
  /** The name in the adapter's file of the new rows, [tokens, width]. */
  readonly tensor: string;
  readonly tokens: readonly number[];
  /** What it changes: the module, and the head that shares its matrix. */
  readonly targets: readonly TargetModule[];
}

type Entries = ReadonlyMap<string, Pick<SafetensorsEntry, 'shape'>>;

export interface TokenPlanning {
  /** What errors call the configuration. */
  readonly path: string;
  readonly modules: readonly AdaptableModule[];
  readonly embeddings: BaseEmbeddings | undefined;
  /** Modules that the adapter changes otherwise. */
  readonly others: ReadonlySet<string>;
  /** WHY it matters: a configuration with magnitudes has them for every module. */
  readonly useDora: boolean;
}

/** The tensors without those of new rows. */
export function withoutTokens<Entry>(entries: ReadonlyMap<string, Entry>): Map<string, Entry> {
  return new Map([...entries].filter(([name]) => !name.endsWith(ending)));
}

/**
 * Which rows an adapter replaces.
 *
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED if they cannot be replaced here; LORA_TENSORS_INVALID if the tensors do not fit
 */
export function planTokens(
  config: TrainableTokens | undefined,
  entries: Entries,
  planning: TokenPlanning,
): TokenRows[] {
  const tensors = [...entries].filter(([name]) => name.endsWith(ending));
  if (config === undefined) {
    if (tensors.length > 0) throw misfit(planning, `unexpected ${tensors.map(([name]) => name).join(', ')}`);
    return [];
  }
  if (planning.embeddings === undefined) {
    throw unsupported(planning, 'without the base whose rows it replaces: name the base');
  }
  if (planning.useDora) throw unsupported(planning, 'beside use_dora');
  const rows = tensors.map(([tensor, { shape }]) => rowsOf({ tensor, shape }, config, planning));
  const told = new Set(rows.map(({ path }) => path));
  const all = rows.map((each) => ({ ...each, targets: [...each.targets, ...tiedTargets(each, told, planning)] }));
  const changed = all.flatMap(({ targets }) => targets.map(({ path }) => path));
  const lost = keysOf(config).find((key) => !changed.some((path) => isEnd(path, key)));
  if (lost !== undefined || all.length === 0) throw misfit(planning, `no new rows of ${lost ?? 'the embedding'}`);
  const twice = changed.find((path) => planning.others.has(path));
  if (twice !== undefined) throw unsupported(planning, `on ${twice}, which the adapter changes otherwise too`);
  return all;
}

function keysOf(config: TrainableTokens): string[] {
  return isList(config) ? [] : Object.keys(config);
}

function isList(config: TrainableTokens): config is readonly number[] {
  return Array.isArray(config);
}

function isEnd(path: string, key: string): boolean {
  return path === key || path.endsWith(`.${key}`);
}

function rowsOf(
  { tensor, shape }: { readonly tensor: string; readonly shape: readonly number[] },
  config: TrainableTokens,
  planning: TokenPlanning,
): TokenRows {
  const path = tensor.slice(peftPrefix.length, -ending.length);
  const module = planning.modules.find((each) => each.path === path);
  if (module === undefined) throw misfit(planning, `the base has no module ${path} for ${tensor}`);
  const tokens = isList(config) ? config : Object.entries(config).find(([key]) => isEnd(path, key))?.[1];
  if (tokens === undefined) throw misfit(planning, `no tokens are named for ${tensor}`);
  const isEmbedding = module.kind === 'embedding';
  if (!isEmbedding && ((module.kind ?? 'linear') !== 'linear' || module.transposed === true)) {
    throw unsupported(planning, `on ${path}, which has no row for each token`);
  }
  const [count, width] = isEmbedding ? [module.in, module.out] : [module.out, module.in];
  const beyond = tokens.find((token) => !Number.isSafeInteger(token) || token < 0 || token >= count);
  if (beyond !== undefined) {
    throw unsupported(
      planning,
      `with the token ${beyond}, but ${path} has ${count} rows: the vocabulary had grown before the training. Resize the base likewise, save it, and name that base`,
    );
  }
  if (new Set(tokens).size < tokens.length) throw misfit(planning, `${path} has the same token twice`);
  if (shape.join() !== [tokens.length, width].join()) {
    throw misfit(planning, `${tensor} is [${shape.join(', ')}], expected [${tokens.length}, ${width}]`);
  }
  return { path, tensor, tokens, targets: [target(module, tokens)] };
}

/** The head follows the embedding whose matrix it shares, unless it has rows of its own. */
function tiedTargets(
  { tokens, targets }: TokenRows,
  told: ReadonlySet<string>,
  planning: TokenPlanning,
): TargetModule[] {
  const head = planning.modules.find(({ path }) => path === planning.embeddings?.tiedHead);
  const isInput = targets.some(({ kind, in: rows }) => kind === 'embedding' && rows === head?.out);
  return head === undefined || !isInput || told.has(head.path) ? [] : [target(head, tokens)];
}

function target(module: AdaptableModule, tokens: readonly number[]): TargetModule {
  return { ...module, rank: tokens.length, scaling: 1 };
}

/**
 * The replaced rows as updates of low rank. With the new rows N and the old rows W of the tokens t:
 *
 *   embedding   W' = W + one(t)ᵀ·(N − W[t])      A = one(t) [tokens, vocabulary], B = (N − W[t])ᵀ [width, tokens]
 *   head        the same matrix                  A = N − W[t] [tokens, width],    B = one(t)ᵀ [vocabulary, tokens]
 *
 * WHY so: then rows of any number of adapters share a batch, as those of all updates do.
 *
 * @throws EspalierError LORA_CONFIG_UNSUPPORTED if the base stores the matrix in a form without rows
 */
export async function tokenModules(
  { path, tokens, targets, tensor }: TokenRows,
  { tensors, embeddings, configPath }: TokenReading,
): Promise<[string, ModuleWeights][]> {
  const stored = tensors.get(tensor);
  const source = await embeddings?.rows(path, tokens);
  if (stored === undefined || source === undefined) {
    throw unsupported({ path: configPath }, `on ${path}, whose rows the base does not store as floats or in blocks`);
  }
  const difference = toFloat32(stored).map((value, i) => value - (source[i] ?? NaN));
  return targets.map(({ path: at, kind, rank, scaling, in: width, out }) => {
    const parts =
      kind === 'embedding'
        ? { a: oneHot(tokens, width), b: turned(difference, rank, out) }
        : { a: tensorOf('float32', [rank, width], difference), b: turned(oneHotValues(tokens, out), rank, out) };
    return [at, { ...(kind && { kind }), rank, scaling, ...parts }];
  });
}

export interface TokenReading {
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly embeddings: BaseEmbeddings | undefined;
  readonly configPath: string;
}

function oneHot(tokens: readonly number[], count: number): ModuleWeights['a'] {
  return tensorOf('float32', [tokens.length, count], oneHotValues(tokens, count));
}

function oneHotValues(tokens: readonly number[], count: number): Float32Array {
  const values = new Float32Array(tokens.length * count);
  tokens.forEach((token, i) => (values[i * count + token] = 1));
  return values;
}

/** f32 [rows, columns] → f32 [columns, rows] */
function turned(values: Float32Array, rows: number, columns: number): ModuleWeights['b'] {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column] ?? 0;
  }
  return tensorOf('float32', [columns, rows], result);
}

function unsupported({ path }: Pick<TokenPlanning, 'path'>, what: string): EspalierError {
  return new EspalierError('LORA_CONFIG_UNSUPPORTED', { path, options: `trainable_token_indices ${what}` });
}

function misfit({ path }: Pick<TokenPlanning, 'path'>, problem: string): EspalierError {
  return new EspalierError('LORA_TENSORS_INVALID', { path, problems: [problem] });
}
