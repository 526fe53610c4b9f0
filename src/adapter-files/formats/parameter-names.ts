import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EspalierError, messageOf } from '../../core/index.ts';

/** The rules by which parameters of a graph are named after modules. */
export type ParameterNaming = 'genai' | 'olive' | 'plain';

/** The module and the matrix of a parameter. */
export interface ParameterName {
  readonly path: string;
  readonly matrix: 'A' | 'B';
}

/** Module path → names of its parameters, if no rule gives them. */
export type NameMap = ReadonlyMap<string, { readonly A: string; readonly B: string }>;

/**
 * The name of a module's parameter: `model.layers.0.attn.q_proj.lora_A.MatMul.weight` in the graphs of onnxruntime-genai's builder,
 * `model.layers.0.self_attn.q_proj.lora_A.weight` in Olive's conversion of a PEFT folder, `lora_param_a` in a graph with its own names.
 */
export function parameterName({ path, matrix }: ParameterName, naming: ParameterNaming): string {
  if (naming === 'plain') return `${path}_${matrix.toLowerCase()}`;
  if (naming === 'olive') return `${path}.lora_${matrix}.weight`;
  return `${path.replace(hfAttention, '$<layer>attn.')}.lora_${matrix}.MatMul.weight`;
}

const projections = '(?=(?:q|k|v|o|qkv)_proj$)';
const hfAttention = new RegExp(`^(?<layer>model\\.layers\\.\\d+\\.)self_attn\\.${projections}`);
const genaiAttention = new RegExp(`^(?<layer>model\\.layers\\.\\d+\\.)attn\\.${projections}`);
const parameter = /^(?:base_model\.model\.)?(?<path>.+)\.lora_(?<matrix>[AB])(?:\.default)?(?:\.MatMul)?(?:\.weight)?$/;

/** Ends in `_a` or `_b`. The rest of such a name is its module. */
const plainParameter = /^(?<path>.+)_(?<matrix>[ABab])$/;

/** The module and matrix of a parameter by any naming; undefined for any other name. */
export function parseParameterName(name: string): ParameterName | undefined {
  const { path, matrix } = (parameter.exec(name) ?? plainParameter.exec(name))?.groups ?? {};
  if (path === undefined || matrix === undefined) return undefined;
  return { path: path.replace(genaiAttention, '$<layer>self_attn.'), matrix: matrix.toUpperCase() === 'A' ? 'A' : 'B' };
}

/** The naming of onnxruntime-genai, unless no module path has a dot: then plain names of a graph are more likely. */
export function defaultNaming(paths: Iterable<string>): ParameterNaming {
  return [...paths].some((path) => path.includes('.')) ? 'genai' : 'plain';
}

const nameMap = z.record(
  z.string().min(1),
  z.strictObject({ A: z.string().min(1), B: z.string().min(1) }, { error: 'expected {"A": name, "B": name}' }),
  { error: 'expected an object of modules' },
);

/** Most bytes of a file of names. Its length grows with the number of modules. */
const maxNamesBytes = 10_000_000;

/**
 * Reads a file of names: `{ "model.layers.0.self_attn.q_proj": { "A": "lora_param_a", "B": "lora_param_b" } }`.
 *
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_NAMES_INVALID
 */
export async function readNameMap(path: string): Promise<NameMap> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'file of names', path }, { cause });
  });
  return new Map(Object.entries(parseNames(bytes, path)));
}

function parseNames(bytes: Uint8Array, path: string): z.output<typeof nameMap> {
  const invalid = (problems: string, cause?: unknown): EspalierError =>
    new EspalierError('ADAPTER_NAMES_INVALID', { path, problems }, { cause });
  if (bytes.byteLength > maxNamesBytes) throw invalid(`it has ${bytes.byteLength} bytes`);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
  const parsed = nameMap.safeParse(content);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map(({ path: keys, message }) => `${keys.join('.')}: ${message}`).join('; '));
  }
  const names = Object.values(parsed.data).flatMap(({ A, B }) => [A, B]);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`the parameter ${twice} is given twice`);
  return parsed.data;
}
