import { float, type Tape, type Value } from '../../ir/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { DistanceVectors, EncoderConfig, EncoderLayer } from './encoder-config.ts';

/** What the layers of a network with vectors of distances share. */
export interface SharedDistances {
  /** f32 [rows, hidden]: the vector of each group of distances */
  readonly vectors: Value;
  /** i64 [seq, seq]: the row of the vectors for each query and each key */
  readonly rowsOfPairs: Value;
}

/** @param offsets  i64 [seq, seq]: the position of each key minus that of each query */
export function sharedDistances(
  builder: GraphBuilder,
  { path, norm: after, rowOf }: DistanceVectors,
  { offsets, config }: { readonly offsets: Value; readonly config: EncoderConfig },
): SharedDistances {
  const tape = builder.tape(path);
  const reach = config.maxPositions - 1;
  const rows = Array.from({ length: 2 * reach + 1 }, (_, i) => rowOf(i - reach));
  const table = tape.constant(tensorOf('int64', [rows.length], rows), 'rows');
  const stored = builder.weight(`${path}.weight`);
  return {
    vectors: after ? norm(builder, stored, after) : stored,
    rowsOfPairs: tape.op('Gather', [table, tape.op('Add', [offsets, tape.int64(reach)])], { shape: ['seq', 'seq'] }),
  };
}

export interface DistanceScores {
  /** f32 [batch, heads, seq, headDim] */
  readonly queries: Value;
  /** f32 [batch, heads, seq, headDim] */
  readonly keys: Value;
  readonly shared: SharedDistances;
  readonly config: EncoderConfig;
  /** The factor of all products. */
  readonly scale: number;
}

/**
 * The scores that depend on a token and on the distance to another: with r(i, j) the row of the distance from query i to key j,
 *
 *   Q[i] · K_r[r(i, j)]  +  K[j] · Q_r[r(i, j)]
 *
 * The first sum is there if the layer has keys of distances, the second if it has queries of distances.
 *
 * WHY products with every row first: there are far fewer rows than pairs of tokens.
 *
 * @returns each f32 [batch, heads, seq, seq]
 * @see He et al. 2021 (DeBERTa), eq. 4
 */
export function distanceScores(
  builder: GraphBuilder,
  { path, distances = {} }: EncoderLayer,
  { queries, keys, shared, config, scale }: DistanceScores,
): Value[] {
  const tape = builder.tape(path);
  const products = (heads: Value, layer: NonNullable<typeof distances.keys>): Value => {
    const vectors = linear(builder, shared.vectors, layer);
    const apart = tape.op('Reshape', [vectors, tape.int64s([1, -1, config.heads, config.headDim])]);
    const ofHeads = tape.op('Transpose', [apart], { attributes: { perm: [0, 2, 1, 3] } });
    const attributes = { transB: 1, alpha: float(scale) };
    return tape.op('FusedMatMul', [heads, ofHeads], { domain: 'com.microsoft', attributes });
  };
  const results: Value[] = [];
  if (distances.keys) results.push(picked(tape, products(queries, distances.keys), shared.rowsOfPairs));
  if (distances.queries) {
    const turned = tape.op('Transpose', [shared.rowsOfPairs], { attributes: { perm: [1, 0] } });
    const ofKeys = picked(tape, products(keys, distances.queries), turned);
    results.push(tape.op('Transpose', [ofKeys], { attributes: { perm: [0, 1, 3, 2] } }));
  }
  return results;
}

/** f32 [batch, heads, seq, rows], i64 [seq, seq] → f32 [batch, heads, seq, seq] */
function picked(tape: Tape, products: Value, rows: Value): Value {
  const outer = tape.op('Shape', [products], { attributes: { start: 0, end: 3 } });
  const last = tape.op('Shape', [products], { attributes: { start: 2, end: 3 } });
  const shape = tape.op('Concat', [outer, last], { attributes: { axis: 0 } });
  const [batch = 'batch', heads = 'heads', seq = 'seq'] = products.shape ?? [];
  const indices = tape.op('Expand', [rows, shape], { shape: [batch, heads, seq, seq] });
  return tape.op('GatherElements', [products, indices], { attributes: { axis: 3 } });
}
