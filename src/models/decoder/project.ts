import type { Tape, Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import { splitLast } from '../graph/recurrent/split-last.ts';
import type { AttentionLayer, DecoderConfig } from './decoder-config.ts';
import type { Heads, OwnHeads } from './heads.ts';
import { latentHeads } from './latent-heads.ts';

/** The queries of a layer with its keys and values, or with those of the layer that it names. */
export function withKeys(
  own: OwnHeads,
  { projections }: Pick<AttentionLayer, 'projections'>,
  every: ReadonlyMap<number, Heads>,
): Heads {
  if ('keys' in own) return own;
  const source = projections.kind === 'queries' ? every.get(projections.source) : undefined;
  if (source === undefined) throw new TypeError('the keys and values of a later layer');
  return { ...own, keys: source.keys, values: source.values };
}

/** The description of a decoder with the sizes of this layer's keys. */
export function sizedFor(layer: AttentionLayer, config: DecoderConfig): DecoderConfig {
  return layer.sizes ? { ...config, ...layer.sizes } : config;
}

interface Layer {
  readonly layer: AttentionLayer;
  readonly config: DecoderConfig;
}

/**
 * Computes the queries, keys and values of each token, including the norms over all heads, those with weights
 * for each head, and the clipping.
 *
 * @param x  f32 [tokens, hidden]
 * @returns f32 [tokens, heads·headDim], [tokens, kvHeads·headDim] and [tokens, kvHeads·valueDim]
 */
export function project(builder: GraphBuilder, x: Value, { layer, config }: Layer): OwnHeads {
  const { projections, queryKeyNorm: norms } = layer;
  const tape = builder.tape(layer.path);
  if (projections.kind === 'queries') return { queries: linear(builder, x, projections.query) };
  const flat = flatHeads(builder, x, { layer, config });
  if (layer.gatedOutput) return { ...flat, ...ungated(tape, flat.queries, config) };
  if (norms === undefined || norms.over === 'head') return clipped(tape, flat, layer.clip);
  const normed = (y: Value, layerOf: NormLayer, heads: number): Value => {
    if (norms.over === 'all') return norm(builder, y, layerOf);
    const apart = tape.op('Reshape', [y, tape.int64s([-1, heads, config.headDim])]);
    return tape.op('Reshape', [norm(builder, apart, layerOf), tape.int64s([-1, heads * config.headDim])]);
  };
  const queries = normed(flat.queries, norms.query, config.heads);
  const keys = normed(flat.keys, norms.key, config.kvHeads);
  return clipped(tape, { queries, keys, values: flat.values }, layer.clip);
}

function flatHeads(builder: GraphBuilder, x: Value, { layer: { path, projections }, config }: Layer): Heads {
  switch (projections.kind) {
    case 'packed': {
      const packed = linear(builder, x, projections.packed);
      return unpacked(builder.tape(path), packed, { ...config, grouped: projections.grouped === true });
    }
    case 'separate':
      return {
        queries: linear(builder, x, projections.query),
        keys: linear(builder, x, projections.key),
        values: linear(builder, x, projections.value),
      };
    case 'keys-as-values': {
      const keys = linear(builder, x, projections.key);
      return { queries: linear(builder, x, projections.query), keys, values: keys };
    }
    case 'latent': {
      const { heads, headDim, valueDim = headDim } = config;
      return latentHeads(builder, x, { path, projections, heads, valueDim });
    }
    case 'queries':
      throw new TypeError('keys and values are those of another layer');
  }
}

/** Splits each head into its query and its gate. @param both  f32 [tokens, heads·2·headDim] */
function ungated(
  tape: Tape,
  both: Value,
  { heads, headDim }: Pick<DecoderConfig, 'heads' | 'headDim'>,
): { readonly queries: Value; readonly gate: Value } {
  const apart = tape.op('Reshape', [both, tape.int64s([-1, heads, 2 * headDim])]);
  const [queries, gate] = splitLast(tape, apart, [headDim, headDim]);
  const flat = (x: Value): Value => tape.op('Reshape', [x, tape.int64s([-1, heads * headDim])]);
  return { queries: flat(queries), gate: tape.op('Sigmoid', [flat(gate)]) };
}

function clipped(tape: Tape, { queries, keys, values }: Heads, limit: number | undefined): Heads {
  if (limit === undefined) return { queries, keys, values };
  const clip = (x: Value): Value => tape.op('Clip', [x, tape.scalar(-limit), tape.scalar(limit)]);
  return { queries: clip(queries), keys: clip(keys), values: clip(values) };
}

type Packing = Pick<DecoderConfig, 'heads' | 'kvHeads' | 'headDim'> & { readonly grouped: boolean };

function unpacked(tape: Tape, packed: Value, { heads, kvHeads, headDim, grouped }: Packing): Heads {
  const counts = [heads, kvHeads, kvHeads];
  const parts = grouped
    ? ungrouped(tape, packed, { heads, kvHeads, headDim })
    : tape.ops('Split', [packed, tape.int64s(counts.map((count) => count * headDim))], {
        outputs: 3,
        attributes: { axis: -1 },
      });
  const [queries, keys, values] = parts;
  if (queries === undefined || keys === undefined || values === undefined)
    throw new TypeError('Split has three outputs');
  return { queries, keys, values };
}

/** [tokens, kvHeads·(queries of a key head + 2)·headDim] → three values like those of a plain split */
function ungrouped(tape: Tape, packed: Value, { heads, kvHeads, headDim }: Omit<Packing, 'grouped'>): Value[] {
  const share = heads / kvHeads;
  const groups = tape.op('Reshape', [packed, tape.int64s([-1, kvHeads, share + 2, headDim])]);
  const parts = tape.ops('Split', [groups, tape.int64s([share, 1, 1])], { outputs: 3, attributes: { axis: 2 } });
  return parts.map((part, i) =>
    tape.op('Reshape', [part, tape.int64s([-1, (i === 0 ? heads : kvHeads) * headDim])], {
      shape: ['tokens', (i === 0 ? heads : kvHeads) * headDim],
    }),
  );
}
