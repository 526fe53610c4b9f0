import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { CaseDim, CaseInput, GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';
const lowest = -3.4028234663852886e38;

const cases: readonly GradientCase[] = [
  grouped('heads in groups', { heads: 4, kvHeads: 2 }),
  grouped('one key-value head for each head', { heads: 2, kvHeads: 2 }),
  grouped('side by side', { heads: 4, kvHeads: 2, packed: true }),
  grouped('symbolic', { heads: 4, kvHeads: 2, packed: true, symbolic: true }),
  grouped('rotary', { heads: 4, kvHeads: 2, packed: true, rotary: 16 }),
  grouped(
    'rotary, interleaved, of a part',
    { heads: 2, kvHeads: 1, headDim: 32, rotary: 16 },
    { rotary_interleaved: 1 },
  ),
  grouped('scale and softcap', { heads: 2, kvHeads: 1 }, { scale: float(0.5), softcap: float(2) }),
  grouped('local window', { heads: 2, kvHeads: 1, tokens: 5 }, { local_window_size: 2 }),
  grouped('smooth softmax', { heads: 2, kvHeads: 1 }, { smooth_softmax: 1 }),
  grouped('past of length 0', { heads: 2, kvHeads: 1, past: 0, symbolic: true, rotary: 16 }),
  grouped('past', { heads: 2, kvHeads: 1, past: 2, batch: 1, symbolic: true, rotary: 16 }),
  grouped('bias', { heads: 2, kvHeads: 1, bias: true }),
  grouped('sinks', { heads: 2, kvHeads: 1, sinks: true }),
  multiHead('heads', {}),
  multiHead('bias of query, key and value', { bias: [24] }),
  multiHead('cross attention, other values', {
    query: ['b=2', 3, 8],
    key: ['b=2', 'keys=4', 8],
    value: ['b=2', 'keys=4', 12],
  }),
  multiHead('keys by heads', { key: [2, 2, 3, 4], value: [2, 2, 3, 4] }),
  multiHead('lengths of rows', { key_padding_mask: integers('int32', [2], [3, 2]) }),
  multiHead('masked keys', { key_padding_mask: integers('int32', [2, 3], [1, 1, 0, 0, 1, 1]) }),
  multiHead('bias of scores', { attention_bias: [1, 2, 3, 3] }),
  multiHead('past', { past_key: [2, 2, 'past=2', 4], past_value: [2, 2, 'past=2', 4] }, { unidirectional: 1 }),
  multiHead('causal, scale', {}, { unidirectional: 1, scale: float(0.7) }),
  oneInput('heads', {}),
  oneInput('masked keys', { mask_index: integers('int32', [2, 3], [1, 1, 0, 0, 1, 1]) }),
  oneInput('lengths of rows', { mask_index: integers('int32', [2], [3, 2]) }),
  oneInput('causal', {}, { unidirectional: 1 }),
  oneInput('past', { past: [2, 2, 2, 'past=2', 4] }, { unidirectional: 1 }),
  oneInput('bias of scores', { attention_bias: [1, 2, 3, 3] }),
  oneInput('other values', { weights: [6, 20], bias: [20] }, { qkv_hidden_sizes: [8, 8, 4] }),
  onnx('heads apart', { Q: [2, 2, 3, 4], K: [2, 2, 3, 4], V: [2, 2, 3, 4] }),
  onnx(
    'heads side by side',
    { Q: ['b=2', 's=3', 8], K: ['b=2', 't=4', 4], V: ['b=2', 't=4', 6] },
    { q_num_heads: 2, kv_num_heads: 1 },
  ),
  onnx('causal, scale', { Q: [1, 2, 3, 4], K: [1, 2, 3, 4], V: [1, 2, 3, 4] }, { is_causal: 1, scale: float(0.7) }),
  onnx('softcap', { Q: [1, 2, 3, 4], K: [1, 1, 3, 4], V: [1, 1, 3, 4] }, { softcap: float(1.5) }),
  onnx(
    'mask and softcap',
    { Q: [1, 1, 2, 4], K: [1, 1, 3, 4], V: [1, 1, 3, 4], attn_mask: [2, 3] },
    { softcap: float(1.5) },
  ),
  onnx('mask of booleans', {
    Q: [1, 1, 2, 4],
    K: [1, 1, 3, 4],
    V: [1, 1, 3, 4],
    attn_mask: { shape: [2, 3], dtype: 'bool', values: [1, 0, 1, 0, 1, 1] },
  }),
  onnx(
    'past, causal',
    {
      Q: [1, 1, 2, 4],
      K: [1, 1, 2, 4],
      V: [1, 1, 2, 4],
      attn_mask: undefined,
      past_key: [1, 1, 2, 4],
      past_value: [1, 1, 2, 4],
    },
    { is_causal: 1 },
  ),
  onnx('lengths of rows', {
    Q: [2, 1, 2, 4],
    K: [2, 1, 3, 4],
    V: [2, 1, 3, 4],
    attn_mask: undefined,
    past_key: undefined,
    past_value: undefined,
    nonpad: integers('int64', [2], [3, 2]),
  }),
  ...blindQueries(),
];

/** A float mask for three queries. It masks all keys of the second query, and a few keys of the others. */
function floatMask(shape: readonly number[], hidden = -Infinity): CaseInput {
  const keys = shape.at(-1) ?? 1;
  const values = Array.from({ length: shape.reduce((product, dim) => product * dim, 1) }, (_, i) => {
    return Math.floor(i / keys) % 3 === 1 || i % 7 === 3 ? hidden : 0;
  });
  return { shape, values, wanted: false };
}

/** Queries whose keys are all masked, for operators whose kernels return 0 for such queries. */
function blindQueries(): GradientCase[] {
  const three = { Q: [1, 2, 3, 4], K: [1, 1, 3, 4], V: [1, 1, 3, 4] };
  const booleans = (values: readonly number[]): CaseInput => ({ shape: [3, 3], dtype: 'bool', values });
  const noPast = { attn_mask: undefined, past_key: undefined, past_value: undefined };
  const rows = { Q: [2, 1, 3, 4], K: [2, 1, 3, 4], V: [2, 1, 3, 4] };
  const nonpad = integers('int64', [2], [3, 0]);
  return [
    onnx('a query without keys', { ...three, attn_mask: floatMask([3, 3]) }),
    onnx('a query without keys, causal', { ...three, attn_mask: floatMask([3, 3]) }, { is_causal: 1 }),
    onnx('a query without keys, softcap', { ...three, attn_mask: floatMask([3, 3]) }, { softcap: float(2) }),
    onnx('a query with the lowest mask', { ...three, attn_mask: floatMask([3, 3], lowest) }),
    onnx('a query without keys by booleans', { ...three, attn_mask: booleans([1, 0, 1, 0, 0, 0, 1, 1, 1]) }),
    onnx(
      'a query without keys by booleans, causal',
      { ...three, attn_mask: booleans([0, 1, 1, 1, 0, 0, 1, 1, 1]) },
      { is_causal: 1 },
    ),
    onnx('a row of length 0', { ...rows, ...noPast, nonpad }),
    onnx('a row of length 0, mask', { ...rows, ...noPast, attn_mask: floatMask([3, 3]), nonpad }),
    grouped('a query without keys', { heads: 2, kvHeads: 1, mask: -Infinity }),
    grouped('a query with the lowest bias', { heads: 2, kvHeads: 1, mask: lowest }),
    grouped('a query with the lowest bias, window', { heads: 2, kvHeads: 1, mask: lowest }, { local_window_size: 2 }),
    grouped('a query without keys, sinks', { heads: 2, kvHeads: 1, mask: -Infinity, sinks: true }),
    grouped('a query without keys, smooth', { heads: 2, kvHeads: 1, mask: -Infinity }, { smooth_softmax: 1 }),
  ];
}

const padding = integers('int32', [2, 3], [0, 1, 1, 0, 0, 0]);
const lowestBias = floatMask([1, 2, 3, 3], lowest);

/**
 * Queries whose keys are all masked, for kernels that return the mean of the values. They are not compared with difference quotients,
 * because adding the lowest number absorbs the scores.
 */
export const swallowedCases: readonly GradientCase[] = [
  grouped('a query with the lowest bias, softcap', { heads: 2, kvHeads: 1, mask: lowest }, { softcap: float(2) }),
  multiHead('a row of length 0', { key_padding_mask: integers('int32', [2], [3, 0]) }),
  multiHead('a query with the lowest bias', { attention_bias: lowestBias }),
  multiHead('a query with the lowest bias, causal', { attention_bias: lowestBias }, { unidirectional: 1 }),
  multiHead(
    'masked keys of the lowest number, causal',
    { key_padding_mask: padding },
    { unidirectional: 1, mask_filter_value: float(lowest) },
  ),
  oneInput('a query with the lowest bias', { attention_bias: lowestBias }),
  oneInput(
    'masked keys of the lowest number, causal',
    { mask_index: padding },
    { unidirectional: 1, mask_filter_value: float(lowest) },
  ),
];

/** Queries whose keys are all masked, for kernels that return NaN. */
export const kernelNaNCases: readonly GradientCase[] = [
  grouped('a query without keys, softcap', { heads: 2, kvHeads: 1, mask: -Infinity }, { softcap: float(2) }),
  multiHead('a query without keys', { attention_bias: floatMask([1, 2, 3, 3]) }),
  multiHead('a query without keys, causal', { attention_bias: floatMask([1, 2, 3, 3]) }, { unidirectional: 1 }),
  multiHead(
    'a row without keys',
    { key_padding_mask: integers('int32', [2, 3], [1, 1, 0, 0, 0, 0]) },
    { mask_filter_value: float(-Infinity) },
  ),
  oneInput('a query without keys', { attention_bias: floatMask([1, 2, 3, 3]) }),
  oneInput(
    'a row without keys',
    { mask_index: integers('int32', [2, 3], [1, 1, 0, 0, 0, 0]) },
    { mask_filter_value: float(-Infinity) },
  ),
];

/** The fused attention operators. Their kernels exist in f32 only. The difference quotients are computed with the fused kernels. */
export const attentionCases: readonly GradientCase[] = cases.map((testCase) => ({ ...testCase, sample: 24 }));

interface Grouped {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim?: number;
  readonly batch?: number;
  readonly packed?: boolean;
  readonly symbolic?: boolean;
  /** Number of features of a head to which the rotary embedding applies. */
  readonly rotary?: number;
  readonly tokens?: number;
  readonly past?: number;
  readonly bias?: boolean;
  readonly sinks?: boolean;
  /** The number that masks all keys of the second query. It replaces the bias. */
  readonly mask?: number;
}

function grouped(note: string, given: Grouped, attributes: GradientCase['attributes'] = {}): GradientCase {
  const {
    heads,
    kvHeads,
    headDim = given.rotary ?? 8,
    batch = 2,
    packed = false,
    tokens = 3,
    past,
    rotary,
    symbolic = false,
  } = given;
  const [b, s]: CaseDim[] = symbolic ? [`batch=${batch}`, `seq=${tokens}`] : [batch, tokens];
  const total = tokens + (past ?? 0);
  const of = (count: number): CaseInput => ({ shape: [b ?? batch, s ?? tokens, count * headDim], range: [-1, 1] });
  const pastOf = (): CaseInput | undefined =>
    past === undefined ? undefined : { shape: [b ?? batch, kvHeads, `past=${past}`, headDim], wanted: past > 0 };
  const inputs = {
    query: of(packed ? heads + 2 * kvHeads : heads),
    key: packed ? undefined : of(kvHeads),
    value: packed ? undefined : of(kvHeads),
    past_key: pastOf(),
    past_value: pastOf(),
    seqlens_k: integers(
      'int32',
      [batch],
      Array.from({ length: batch }, () => total - 1),
    ),
    total_sequence_length: integers('int32', [], [total]),
    cos_cache: rotary === undefined ? undefined : angles(rotary, Math.cos),
    sin_cache: rotary === undefined ? undefined : angles(rotary, Math.sin),
    position_ids: undefined,
    attention_bias: biasOf(given, [1, heads, tokens, total]),
    head_sink: given.sinks ? { shape: [heads] } : undefined,
  };
  return {
    op: 'GroupQueryAttention',
    domain: microsoft,
    note,
    dtype,
    inputs,
    attributes: { num_heads: heads, kv_num_heads: kvHeads, do_rotary: rotary === undefined ? 0 : 1, ...attributes },
    outputs: 3,
  };
}

function biasOf({ bias = false, mask }: Grouped, shape: readonly number[]): CaseInput | undefined {
  if (mask !== undefined) return floatMask(shape, mask);
  return bias ? { shape, wanted: false } : undefined;
}

/** MultiHeadAttention with two heads of 4 features. */
function multiHead(
  note: string,
  given: GradientCase['inputs'],
  attributes: GradientCase['attributes'] = {},
): GradientCase {
  const row = [2, 3, 8];
  const none = { bias: undefined, key_padding_mask: undefined, attention_bias: undefined };
  const inputs = { query: row, key: row, value: row, ...none, ...given };
  return {
    op: 'MultiHeadAttention',
    domain: microsoft,
    note,
    dtype,
    inputs,
    attributes: { num_heads: 2, ...attributes },
    outputs: 3,
  };
}

/** Attention of ONNX Runtime with two heads of 4 features, and an input of 6 features. */
function oneInput(
  note: string,
  given: GradientCase['inputs'],
  attributes: GradientCase['attributes'] = {},
): GradientCase {
  const none = { mask_index: undefined, past: undefined, attention_bias: undefined };
  const inputs = { input: [2, 3, 6], weights: [6, 24], bias: [24], ...none, ...given };
  return {
    op: 'Attention',
    domain: microsoft,
    note,
    dtype,
    inputs,
    attributes: { num_heads: 2, ...attributes },
    outputs: 'past' in given ? 2 : 1,
  };
}

function onnx(note: string, inputs: GradientCase['inputs'], attributes: GradientCase['attributes'] = {}): GradientCase {
  return { op: 'Attention', opset: 24, note, dtype, inputs, attributes, outputs: 'past_key' in inputs ? 3 : 1 };
}

function integers(type: 'int32' | 'int64', shape: readonly number[], values: readonly number[]): CaseInput {
  return { shape, values, dtype: type };
}

/** f32 [8, turned / 2]: a table of sines or cosines for 8 positions. */
function angles(turned: number, turn: (angle: number) => number): CaseInput {
  const half = turned / 2;
  const values = Array.from({ length: 8 * half }, (_, i) => turn(Math.floor(i / half) * 10 ** (-(i % half) / half)));
  return { shape: [8, half], values, wanted: false };
}
