import { EspalierError } from '../../../core/index.ts';
import type { FilePlace } from '../../../lora/index.ts';
import { convertToFloat32, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import { formatOnnxAdapter, parseOnnxAdapter } from './onnx-adapter-format.ts';
import {
  defaultNaming,
  parameterName,
  parseParameterName,
  type NameMap,
  type ParameterNaming,
} from '../parameter-names.ts';
import {
  assertExpressible,
  configOfModules,
  readStored,
  type StoredAdapter,
  type StoredModule,
  type StoredStructure,
} from '../stored-adapter.ts';
import { transposed } from '../transpose.ts';

export interface OnnxNames {
  /** How parameters are named when written. All namings are read. See `defaultNaming`. */
  readonly naming?: ParameterNaming | undefined;
  /** Replaces all rules of naming: exactly these modules. */
  readonly names?: NameMap | undefined;
}

/**
 * Writes an adapter as an .onnx_adapter file: A as [in, rank], and B as [rank, out] multiplied by the scale (alpha / rank, or as the
 * configuration says), because the format and its graphs have no scale.
 *
 * @throws EspalierError ADAPTER_NAMES_UNKNOWN if a given map lacks a module; ADAPTER_NOT_EXPRESSIBLE
 */
export async function writeOnnxAdapter(
  adapter: StoredAdapter,
  { naming = defaultNaming(adapter.modules.keys()), names }: OnnxNames = {},
): Promise<Uint8Array> {
  assertExpressible(adapter, { format: '.onnx_adapter', kinds: ['linear'] });
  const parameters = new Map<string, TensorData>();
  for (const [path, { a, b, scaling }] of adapter.modules) {
    const own = names?.get(path);
    if (names !== undefined && own === undefined) {
      throw new EspalierError('ADAPTER_NAMES_UNKNOWN', { path: 'The adapter', problems: `no names for ${path}` });
    }
    const name = (matrix: 'A' | 'B'): string => own?.[matrix] ?? parameterName({ path, matrix }, naming);
    parameters.set(name('A'), await transposed(a));
    parameters.set(name('B'), await transposed(b, scaling));
  }
  return formatOnnxAdapter({ adapterVersion: 1, modelVersion: 1, parameters });
}

/**
 * Reads an .onnx_adapter file as LoRA. Its B contains the scale, so each module gets alpha = rank, a scale of 1.
 *
 * @throws EspalierError ONNX_ADAPTER_MALFORMED, ADAPTER_NAMES_UNKNOWN
 */
export async function readOnnxAdapter(bytes: Uint8Array, path: string, names: OnnxNames = {}): Promise<StoredAdapter> {
  return readStored(onnxStructure(bytes, path, names));
}

/** Like `readOnnxAdapter`, without the numbers. @throws EspalierError the errors of `readOnnxAdapter` */
export function onnxStructure(bytes: Uint8Array, path: string, { names }: OnnxNames = {}): StoredStructure {
  const { parameters } = parseOnnxAdapter(bytes, path);
  const pairs = names === undefined ? pairsByRule(parameters.keys()) : pairsByMap(parameters, names);
  if (pairs.problems.length > 0) {
    throw new EspalierError('ADAPTER_NAMES_UNKNOWN', { path, problems: pairs.problems });
  }
  const modules = new Map<string, StoredModule>();
  for (const [module, { A, B }] of pairs.modules) {
    const [a, b] = [parameters.get(A ?? ''), parameters.get(B ?? '')];
    if (a === undefined || b === undefined) continue; // both are there: pairs without problems are whole
    const placeOf = (tensor = '', data: TensorData): FilePlace => {
      return { tensor, offset: data.bytes.byteOffset - bytes.byteOffset };
    };
    const places = { a: placeOf(A, a), b: placeOf(B, b) };
    modules.set(module, storedModule({ a, b }, { rank: rankOf(module, a, b, path), places }));
  }
  const bare = [...modules].map(([module, { rank }]) => ({ path: module, rank, alpha: rank }));
  return { config: configOfModules(bare), modules, baseName: undefined, end: bytes.byteLength };
}

const floats: ReadonlySet<string> = new Set(['float32', 'float16', 'bfloat16', 'float64']);

function storedModule(
  { a, b }: Readonly<Record<'a' | 'b', TensorData>>,
  { rank, places }: Pick<StoredModule, 'rank' | 'places'>,
): StoredModule {
  return {
    rank,
    scaling: 1,
    places,
    a: { shape: a.shape.toReversed() },
    b: { shape: b.shape.toReversed() },
    weights: async () => ({ rank, scaling: 1, a: await matrixOf(a), b: await matrixOf(b) }),
  };
}

interface Pairs {
  readonly modules: ReadonlyMap<string, { readonly A?: string; readonly B?: string }>;
  readonly problems: readonly string[];
}

function pairsByRule(names: Iterable<string>): Pairs {
  const modules = new Map<string, { A?: string; B?: string }>();
  const problems: string[] = [];
  for (const name of names) {
    const known = parseParameterName(name);
    const pair = known && (modules.get(known.path) ?? {});
    if (pair === undefined || known === undefined) problems.push(`${name} follows no known naming`);
    else if (pair[known.matrix] !== undefined) problems.push(`${name} names the same matrix as ${pair[known.matrix]}`);
    else modules.set(known.path, { ...pair, [known.matrix]: name });
  }
  for (const [path, { A, B }] of modules) {
    if (A === undefined || B === undefined) problems.push(`${path} has no ${A === undefined ? 'A' : 'B'}`);
  }
  return { modules, problems };
}

function pairsByMap(parameters: ReadonlyMap<string, TensorData>, names: NameMap): Pairs {
  const told = new Set([...names.values()].flatMap(({ A, B }) => [A, B]));
  const problems = [
    ...[...told].filter((name) => !parameters.has(name)).map((name) => `it has no parameter ${name}`),
    ...[...parameters.keys()].filter((name) => !told.has(name)).map((name) => `the names leave out ${name}`),
  ];
  return { modules: names, problems };
}

function rankOf(module: string, a: TensorData, b: TensorData, path: string): number {
  const rank = a.shape[1] ?? 0;
  const isPair = a.shape.length === 2 && b.shape.length === 2 && b.shape[0] === rank;
  for (const { dtype } of [a, b]) {
    if (!floats.has(dtype)) throw new EspalierError('DTYPE_UNSUPPORTED', { dtype, use: 'conversion to float32' });
  }
  if (isPair && ![...a.shape, ...b.shape].includes(0)) return rank;
  const reason = `${module} has A [${a.shape.join(', ')}] and B [${b.shape.join(', ')}], expected [in, rank] and [rank, out]`;
  throw new EspalierError('ONNX_ADAPTER_MALFORMED', { path, reason });
}

/** The matrix transposed back, as f32. */
async function matrixOf(tensor: TensorData): Promise<TensorOf<'float32'>> {
  const { buffer, byteOffset, byteLength } = await convertToFloat32(tensor);
  return transposed({ dtype: 'float32', shape: tensor.shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) });
}
