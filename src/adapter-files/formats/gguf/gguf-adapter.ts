import { EspalierError } from '../../../core/index.ts';
import type { FilePlace } from '../../../lora/index.ts';
import type { BaseModel } from '../../../models/index.ts';
import { convertToFloat32, typedArray, zerosOf, type TensorData, type TensorOf } from '../../../tensor/index.ts';
import { parseGguf, type GgufFloats } from './gguf-format.ts';
import {
  configOfModules,
  readStored,
  type StoredAdapter,
  type StoredModule,
  type StoredStructure,
} from '../stored-adapter.ts';

/** The heads of the base, which a GGUF adapter does not contain. */
export interface AttentionHeads {
  readonly query: number;
  readonly keyValue: number;
}

/** The heads of a base; undefined if it has none. */
export function attentionHeads({ config }: Pick<BaseModel, 'config'>): AttentionHeads | undefined {
  return config.heads === undefined ? undefined : { query: config.heads, keyValue: config.kvHeads };
}

/** Names of modules inside a block, by GGUF's names. */
const blockModules: Readonly<Record<string, string>> = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

interface Architecture {
  /** Whether llama.cpp permutes the rows of queries and keys, so that the two halves of a head's rotation are interleaved. */
  readonly interleaved: boolean;
  readonly modules: Readonly<Record<string, string>>;
}

const plain: Architecture = { interleaved: false, modules: blockModules };

/** Architectures whose names and rows are known, by `general.architecture`. */
const architectures: Readonly<Record<string, Architecture>> = {
  llama: { interleaved: true, modules: blockModules },
  qwen2: plain,
  qwen3: plain,
  gemma: plain,
  gemma2: plain,
  gemma3: plain,
  phi3: {
    interleaved: false,
    modules: { ...blockModules, attn_qkv: 'self_attn.qkv_proj', ffn_up: 'mlp.gate_up_proj' },
  },
};

const tensorName = /^(?:blk\.(?<layer>\d+)\.(?<part>\w+)|(?<head>output))\.weight\.lora_(?<matrix>[ab])$/;

/**
 * Reads a LoRA adapter that llama.cpp's converter wrote. The scale is alpha / rank, or 1 where alpha is 0.
 *
 * @param heads  of the base; needed to undo llama.cpp's permutation of the rows of queries and keys
 * @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED, ADAPTER_NAMES_UNKNOWN
 */
export async function readGgufAdapter(
  bytes: Uint8Array,
  path: string,
  heads: AttentionHeads | undefined,
): Promise<StoredAdapter> {
  return readStored(ggufStructure(parseGguf(bytes, path), path, heads));
}

/** Like `readGgufAdapter`, without the numbers. @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED, ADAPTER_NAMES_UNKNOWN */
export function ggufStructure(content: GgufFloats, path: string, heads: AttentionHeads | undefined): StoredStructure {
  const { alpha, architecture } = headerOf(content, path);
  const pairs = pairsOf(content, { architecture, path });
  const modules = new Map<string, StoredModule>();
  for (const [module, { a, b }] of pairs) {
    const rank = rankOf(module, { a, b }, path);
    const turned = headsOf(module, { architecture, heads, path });
    if (turned !== undefined) assertHalves(b, turned, path);
    const settings = { rank, scaling: alpha === 0 ? 1 : alpha / rank };
    const weights: StoredModule['weights'] = async () => {
      const second = await asFloat32(b);
      return { ...settings, a: await asFloat32(a), b: turned === undefined ? second : deinterleaved(second, turned) };
    };
    const places = { a: a.place, b: b.place };
    modules.set(module, { ...settings, a, b, places, weights });
  }
  const bare = [...modules].map(([module, { rank }]) => ({ path: module, rank, alpha: alpha === 0 ? rank : alpha }));
  return { config: configOfModules(bare), modules, baseName: undefined, end: content.end };
}

interface Header {
  readonly alpha: number;
  readonly architecture: Architecture;
}

function headerOf({ metadata }: GgufFloats, path: string): Header {
  const unsupported = (reason: string): EspalierError => new EspalierError('GGUF_UNSUPPORTED', { path, reason });
  const [kind, type] = [metadata.get('general.type'), metadata.get('adapter.type')];
  if (kind !== 'adapter') throw unsupported(`its general.type is ${told(kind)}, not adapter`);
  if (type !== 'lora') throw unsupported(`its adapter.type is ${told(type)}, not lora`);
  const name = metadata.get('general.architecture');
  const architecture = typeof name === 'string' && Object.hasOwn(architectures, name) ? architectures[name] : undefined;
  if (architecture === undefined) {
    const known = Object.keys(architectures).join(', ');
    throw unsupported(`how llama.cpp lays out ${told(name)} is not known here; known are ${known}`);
  }
  const alpha = metadata.get('adapter.lora.alpha');
  if (typeof alpha !== 'number' || !Number.isFinite(alpha)) throw unsupported(`its alpha is ${told(alpha)}`);
  return { alpha, architecture };
}

function told(value: unknown): string {
  return value === undefined ? 'missing' : String(value).slice(0, 60);
}

type PlacedTensor = TensorData & { readonly place: FilePlace };

interface Pair {
  readonly a: PlacedTensor;
  readonly b: PlacedTensor;
}

function pairsOf(
  { tensors }: GgufFloats,
  { architecture, path }: { readonly architecture: Architecture; readonly path: string },
): Map<string, Pair> {
  const found = new Map<string, Partial<Pair>>();
  const problems: string[] = [];
  for (const [name, { offset, ...data }] of tensors) {
    const tensor = { ...data, place: { tensor: name, offset } };
    const { layer, part = '', head, matrix = '' } = tensorName.exec(name)?.groups ?? {};
    const inner = Object.hasOwn(architecture.modules, part) ? architecture.modules[part] : undefined;
    const module = head === undefined ? inner && `model.layers.${Number(layer)}.${inner}` : 'lm_head';
    if (module === undefined) problems.push(`${name} is of no module that is known`);
    else found.set(module, { ...found.get(module), [matrix]: tensor });
  }
  const pairs = new Map<string, Pair>();
  for (const [module, { a, b }] of found) {
    if (a === undefined || b === undefined) problems.push(`${module} has no ${a === undefined ? 'lora_a' : 'lora_b'}`);
    else pairs.set(module, { a, b });
  }
  if (problems.length === 0 && pairs.size === 0) problems.push('it has no tensors');
  if (problems.length > 0) throw new EspalierError('ADAPTER_NAMES_UNKNOWN', { path, problems });
  return pairs;
}

function rankOf(module: string, { a, b }: Pair, path: string): number {
  const [rank = 0] = a.shape;
  if (a.shape.length === 2 && b.shape.length === 2 && b.shape[1] === rank) return rank;
  const reason = `${module} has lora_a [${a.shape.join(', ')}] and lora_b [${b.shape.join(', ')}], expected [rank, in] and [out, rank]`;
  throw new EspalierError('GGUF_MALFORMED', { path, reason });
}

/** The number of heads of a module whose rows were permuted; undefined for others. */
function headsOf(
  module: string,
  { architecture, heads, path }: { architecture: Architecture; heads: AttentionHeads | undefined; path: string },
): number | undefined {
  const isQuery = module.endsWith('.q_proj');
  if (!architecture.interleaved || !(isQuery || module.endsWith('.k_proj'))) return undefined;
  if (heads !== undefined) return isQuery ? heads.query : heads.keyValue;
  const reason = `llama.cpp turned the rows of ${module}, and only the base says by how many heads; convert it with --base`;
  throw new EspalierError('GGUF_UNSUPPORTED', { path, reason });
}

function assertHalves({ shape: [out = 0] }: TensorData, heads: number, path: string): void {
  if (Number.isInteger(out / heads / 2)) return;
  const reason = `${out} rows cannot be shared between the two halves of ${heads} heads`;
  throw new EspalierError('GGUF_MALFORMED', { path, reason });
}

/** Rows (head, i, half) back to (head, half, i). f32 [out, rank] */
function deinterleaved(matrix: TensorOf<'float32'>, heads: number): TensorOf<'float32'> {
  const [out = 0, rank = 0] = matrix.shape;
  const half = out / heads / 2;
  const from = typedArray(matrix);
  const result = zerosOf('float32', matrix.shape);
  const to = typedArray(result);
  for (let row = 0; row < out; row++) {
    const [head, rest] = [Math.floor(row / (2 * half)), row % (2 * half)];
    const source = head * 2 * half + (rest % half) * 2 + Math.floor(rest / half);
    to.set(from.subarray(source * rank, (source + 1) * rank), row * rank);
  }
  return result;
}

async function asFloat32(tensor: TensorData): Promise<TensorOf<'float32'>> {
  const { buffer, byteOffset, byteLength } = await convertToFloat32(tensor);
  return { dtype: 'float32', shape: tensor.shape, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}
