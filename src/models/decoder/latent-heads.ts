import type { Tape, Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear, type LinearLayer } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { Heads } from './heads.ts';
import type { LatentProjections, NarrowLayers } from './latent-projections.ts';

export interface LatentLayer {
  readonly path: string;
  readonly projections: LatentProjections;
  readonly heads: number;
  readonly valueDim: number;
}

/**
 * Computes the heads with the turned part first, because the rotary embedding turns leading coordinates. The order of coordinates does
 * not change products of queries and keys.
 *
 * @param x  f32 [tokens, hidden]
 * @returns f32 [tokens, heads·(turned + plain)] twice, and [tokens, heads·valueDim]
 */
export function latentHeads(
  builder: GraphBuilder,
  x: Value,
  { path, projections, heads, valueDim }: LatentLayer,
): Heads {
  const { query, keyValue, plain, turned } = projections;
  const tape = builder.tape(path);
  const [tokens] = x.shape ?? [];
  const apart = (of: Value, parts: readonly [number, number]): [Value, Value] => {
    const width = parts[0] + parts[1];
    const shaped = tape.op('Reshape', [of, tape.int64s([-1, heads, width])], { shape: [tokens, heads, width] });
    return split(tape, shaped, parts);
  };
  const joined = (first: Value, second: Value): Value => {
    const both = tape.op('Concat', [first, second], { attributes: { axis: 2 } });
    return flat(tape, both, [tokens, heads * (plain + turned)]);
  };
  const [queryPlain, queryTurned] = apart(narrowLinear(builder, x, query), [plain, turned]);
  const [latent, sharedKey] = split(tape, linear(builder, x, keyValue.down), [keyValue.norm.width, turned]);
  const [keyPlain, values] = apart(linear(builder, norm(builder, latent, keyValue.norm), keyValue.up), [
    plain,
    valueDim,
  ]);
  const each = tape.op('Expand', [tape.op('Unsqueeze', [sharedKey, tape.int64s([1])]), tape.int64s([1, heads, 1])], {
    shape: [tokens, heads, turned],
  });
  return {
    queries: joined(queryTurned, queryPlain),
    keys: joined(each, keyPlain),
    values: flat(tape, values, [tokens, heads * valueDim]),
  };
}

function narrowLinear(builder: GraphBuilder, x: Value, layers: LinearLayer | NarrowLayers): Value {
  if (!('down' in layers)) return linear(builder, x, layers);
  return linear(builder, norm(builder, linear(builder, x, layers.down), layers.norm), layers.up);
}

function split(tape: Tape, of: Value, parts: readonly [number, number]): [Value, Value] {
  const [first, second] = tape.ops('Split', [of, tape.int64s(parts)], { outputs: 2, attributes: { axis: -1 } });
  if (first === undefined || second === undefined) throw new TypeError('Split has two outputs');
  return [first, second];
}

function flat(tape: Tape, x: Value, shape: NonNullable<Value['shape']>): Value {
  return tape.op('Reshape', [x, tape.int64s([-1, Number(shape[1])])], { shape });
}
