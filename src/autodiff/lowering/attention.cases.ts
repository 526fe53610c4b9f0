import { float } from '../../ir/index.ts';
import { microsoft } from '../emit.ts';
import type { CaseDim, CaseInput, GradientCase } from '../testing/gradient-case.ts';

const dtype = 'float32';

/** Attention as fused operators have it. Their kernels exist in f32 only; the differences come from the fused kernels. */
export const attentionCases: readonly GradientCase[] = [
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
];

interface Grouped {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim?: number;
  readonly batch?: number;
  readonly packed?: boolean;
  readonly symbolic?: boolean;
  /** How many features of a head are turned. */
  readonly rotary?: number;
  readonly tokens?: number;
  readonly past?: number;
  readonly bias?: boolean;
  readonly sinks?: boolean;
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
    attention_bias: given.bias ? { shape: [1, heads, tokens, total], wanted: false } : undefined,
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

function integers(type: 'int32' | 'int64', shape: readonly number[], values: readonly number[]): CaseInput {
  return { shape, values, dtype: type };
}

/** f32 [8, turned / 2]: a cache for 8 positions. */
function angles(turned: number, turn: (angle: number) => number): CaseInput {
  const half = turned / 2;
  const values = Array.from({ length: 8 * half }, (_, i) => turn(Math.floor(i / half) * 10 ** (-(i % half) / half)));
  return { shape: [8, half], values, wanted: false };
}
