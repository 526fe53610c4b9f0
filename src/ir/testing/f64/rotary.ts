import { assertAttributes, input, type Operators64 } from './operator64.ts';
import { floats } from './tensor64.ts';

/**
 * RotaryEmbedding of ONNX Runtime: x [batch, seq, heads·headDim] or [batch, heads, seq, headDim], the first position [1] or all [batch,
 * seq], and tables [positions, dims / 2].
 */
export const rotary: Operators64 = {
  'com.microsoft:RotaryEmbedding'(call) {
    assertAttributes(call, ['interleaved', 'num_heads', 'rotary_embedding_dim']);
    const [x, positions, cos, sin] = [input(call, 0), input(call, 1), input(call, 2), input(call, 3)];
    const half = cos.shape[1] ?? 0;
    const [, second = 0, third = 0, fourth] = x.shape;
    const heads = call.node.intAttribute('num_heads', 0);
    const headDim = fourth ?? (heads > 0 ? third / heads : 2 * half);
    const seq = fourth === undefined ? second : third;
    const between = fourth === undefined ? third / headDim : second;
    const isInterleaved = call.node.intAttribute('interleaved', 0) === 1;
    const values = x.values.slice();
    for (let head = 0; head < values.length / headDim; head++) {
      const row = Math.floor(head / (seq * between));
      const place = fourth === undefined ? Math.floor(head / between) % seq : head % seq;
      const [first = NaN] = positions.values;
      const position = positions.values.length === 1 ? first + place : (positions.values[row * seq + place] ?? NaN);
      for (let i = 0; i < half; i++) {
        const [a, b] = (isInterleaved ? [2 * i, 2 * i + 1] : [i, i + half]).map((at) => head * headDim + at);
        if (a === undefined || b === undefined) throw new TypeError('a pair has two places');
        const [c, s] = [cos.values[position * half + i] ?? NaN, sin.values[position * half + i] ?? NaN];
        const [left, right] = [x.values[a] ?? NaN, x.values[b] ?? NaN];
        values[a] = left * c - right * s;
        values[b] = left * s + right * c;
      }
    }
    return [floats(x.shape, values)];
  },
};
