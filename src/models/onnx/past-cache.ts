import { addDims, Tape, type Dim, type Model, type Node, type Value } from '../../ir/index.ts';
import type { KvSizes } from './kv-sizes.ts';
import { countUpTo, placesEndingTogether, scalarOf, type RowPlaces } from './past-places.ts';

/** The keys or values of one layer in memory of the caller, f32 [batch, kvHeads, maxLength, headDim], and the value that the graph reads. */
export interface CachedState {
  readonly cache: Value;
  /** f32 [batch, kvHeads, past, headDim]: the earlier tokens, arranged so that all rows end at the same column. */
  readonly past: Value;
}

/** The places of tokens in the form that the operators need, repeated for every head. */
export interface CachePlaces {
  readonly rows: RowPlaces;
  readonly kv: KvSizes;
  /** i64 [batch, kvHeads, past, 1] and [batch, kvHeads, total, 1]: the place in the cache of each place of a rectangle. */
  readonly ofPast: Value;
  readonly ofTotal: Value;
  /** i64 [batch, kvHeads, seq, 3]: the places in the cache for the new tokens. */
  readonly ofFresh: Value;
  /** i64 [4]: the shape of the past. */
  readonly pastShape: Value;
}

const pastShapeOf = ({ kvHeads, headDim }: KvSizes): Dim[] => ['batch', kvHeads, 'past', headDim];
const totalShapeOf = ({ kvHeads, headDim }: KvSizes): Dim[] => ['batch', kvHeads, addDims('past', 'seq'), headDim];

export function addCachePlaces(tape: Tape, rows: RowPlaces, kv: KvSizes): CachePlaces {
  const heads = tape.int64s([kv.kvHeads]);
  const ofEveryHead = (places: Value): Value => {
    const spread = tape.op('Unsqueeze', [places, tape.int64s([1, 3])]);
    return tape.op('Expand', [spread, tape.int64s([1, kv.kvHeads, 1, 1])]);
  };
  const fresh = ofEveryHead(rows.fresh);
  const shape = tape.op('Shape', [fresh]);
  const row = tape.op('Unsqueeze', [countUpTo(tape, scalarOf(tape, rows.batch)), tape.int64s([1, 2, 3])]);
  const head = tape.op('Unsqueeze', [countUpTo(tape, tape.int64(kv.kvHeads)), tape.int64s([0, 2, 3])]);
  const index = [tape.op('Expand', [row, shape]), tape.op('Expand', [head, shape]), fresh];
  const pastShape = tape.op('Concat', [rows.batch, heads, rows.past.list, tape.int64s([kv.headDim])], {
    attributes: { axis: 0 },
  });
  return {
    rows,
    kv,
    ofPast: ofEveryHead(placesEndingTogether(tape, rows, rows.past.scalar)),
    ofTotal: ofEveryHead(placesEndingTogether(tape, rows, rows.total.scalar)),
    ofFresh: tape.op('Concat', index, { attributes: { axis: -1 }, shape: ['batch', kv.kvHeads, 'seq', 3] }),
    pastShape,
  };
}

/** f32 [batch, kvHeads, past, headDim] */
export function readPast(tape: Tape, cache: Value, { kv, ofPast }: CachePlaces): Value {
  const shape = pastShapeOf(kv);
  return tape.op('GatherND', [cache, ofPast], { attributes: { batch_dims: 2 }, dtype: 'float32', shape });
}

/** When the graph only needs the length of the past, this returns it without reading the past. */
export function tellPastShape(model: Model, past: Value, { pastShape }: CachePlaces): void {
  for (const { node } of past.uses) {
    const [output] = node.outputs;
    if (node.opType !== 'Shape' || output === undefined) continue;
    const [start, end] = [node.intAttribute('start', 0), node.intAttribute('end', 4)];
    const axes = [0, 1, 2, 3].slice(start, end);
    const tape = new Tape(model, { scope: 'espalier/cache', insertAfter: node });
    model.graph.replaceAllUses(
      output,
      axes.length === 4 ? pastShape : tape.op('Gather', [pastShape, tape.int64s(axes)]),
    );
  }
}

/**
 * Writes the keys or values of the new tokens into the cache. Readers of the present then read it from the cache.
 *
 * Most exporters append the new tokens to the past by one Concat. In that case only the new ones are written, and the whole rectangle
 * is read from the cache. Otherwise the new tokens are cut from the present that the graph computes.
 *
 * @returns f32 [batch, kvHeads, maxLength, headDim], to be bound to the memory of the cache
 */
export function writePresent(model: Model, present: Value, { cache, past }: CachedState, places: CachePlaces): Value {
  const join = joinOf(present, past);
  const tape = new Tape(model, { scope: 'espalier/cache', ...(present.producer && { insertAfter: present.producer }) });
  const fresh = join?.inputs[1] ?? cutFresh(tape, present, places);
  const written = tape.op('ScatterND', [cache, places.ofFresh, fresh], { dtype: 'float32', shape: cache.shape ?? [] });
  if (join === undefined) return written;
  const options = { attributes: { batch_dims: 2 }, dtype: 'float32', shape: totalShapeOf(places.kv) } as const;
  model.graph.replaceAllUses(present, tape.op('GatherND', [written, places.ofTotal], options));
  return written;
}

/** Finds the Concat that appends the new tokens to a past and does nothing else. */
function joinOf({ producer }: Value, past: Value): Node | undefined {
  if (producer?.opType !== 'Concat' || producer.inputs.length !== 2 || producer.inputs[0] !== past) return undefined;
  return [2, -2].includes(producer.intAttribute('axis', 0)) ? producer : undefined;
}

/** Returns the end of a present: f32 [batch, kvHeads, seq, headDim]. */
function cutFresh(tape: Tape, present: Value, { rows: { past, total } }: CachePlaces): Value {
  return tape.op('Slice', [present, past.list, total.list, tape.int64s([2])]);
}
