import { typedArray, type TensorData } from '../../tensor/index.ts';
import { int64Tensor, type MicroBatch } from '../data/micro-batch.ts';
import { rectangleOf } from '../memory/batch-dims.ts';

/** The rows of several trainings as one batch. */
export interface JointBatch {
  readonly feeds: ReadonlyMap<string, TensorData>;
  /** For each lane the size of each symbolic dimension of its rows; 0 for a lane without a batch. */
  readonly sizes: readonly LaneSizes[];
}

/** The rows, tokens and targets of one lane. */
export interface LaneSizes {
  readonly batch: number;
  readonly tokens: number;
  readonly targets: number;
}

/** What is read of a batch of tokens. */
interface TokenRows {
  readonly ids: BigInt64Array;
  /** The number of rows, and the length of the longest. */
  readonly rows: number;
  readonly longest: number;
  /** For rows end to end: row · longest + position of each token. */
  readonly places: BigInt64Array | undefined;
  readonly targetRows: BigInt64Array;
  readonly targetIds: BigInt64Array;
}

/**
 * Lays the rows of several batches side by side, in the order of the lanes. All are end to end, or all are padded; padded rows become
 * as long as the longest of all.
 *
 * @param batches  undefined for a lane that has no rows in this pass; at least one has some
 * @param options.equalTokens  gives each lane as many tokens as the one with the most, of rows that are end to end. What is added stands
 *   behind rows, or in rows of its own, has no targets, and changes nothing that comes before it. Default: false
 */
export function mergeBatches(
  batches: readonly (MicroBatch | undefined)[],
  { equalTokens = false }: { readonly equalTokens?: boolean } = {},
): JointBatch {
  const own = batches.map((batch) => batch && readRows(batch));
  const [first] = own.flatMap((each) => each ?? []);
  if (first === undefined) throw new TypeError('no lane has rows');
  const longest = Math.max(...own.map((each) => each?.longest ?? 0));
  const rows = equalTokens && first.places !== undefined ? equalized(own, longest) : own;
  const present = rows.flatMap((each) => each ?? []);
  const total = present.reduce((sum, each) => sum + each.rows, 0);
  const parts = first.places === undefined ? padded(present, longest) : packed(present, longest);
  const targets = sum(present, ({ targetRows }) => targetRows.length);
  const feeds = new Map<string, TensorData>([
    ['input_ids', int64Tensor(parts.ids, first.places === undefined ? [total, longest] : [parts.ids.length])],
    ...(parts.places === undefined
      ? []
      : ([
          ['rectangle', int64Tensor(BigInt64Array.of(BigInt(total), BigInt(longest)), [2])],
          ['token_places', int64Tensor(parts.places, [parts.places.length])],
        ] as const)),
    ['target_rows', int64Tensor(parts.targetRows, [targets])],
    ['target_ids', int64Tensor(joined(present.map(({ targetIds }) => targetIds)), [targets])],
  ]);
  const isPacked = first.places !== undefined;
  return { feeds, sizes: rows.map((each) => sizesOf(each, isPacked ? undefined : longest)) };
}

function sizesOf(rows: TokenRows | undefined, longest: number | undefined): LaneSizes {
  if (rows === undefined) return { batch: 0, tokens: 0, targets: 0 };
  const tokens = longest === undefined ? rows.ids.length : rows.rows * longest;
  return { batch: rows.rows, tokens, targets: rows.targetRows.length };
}

/** Adds tokens to each lane until all have equally many. @param longest  of the rows of all lanes */
function equalized(lanes: readonly (TokenRows | undefined)[], longest: number): TokenRows[] {
  const most = Math.max(...lanes.map((lane) => lane?.ids.length ?? 0));
  return lanes.map((lane = nothing) => {
    const rows = Math.max(lane.rows, Math.ceil(most / longest));
    const places = (lane.places ?? new BigInt64Array()).map((place) =>
      placeIn(place, { own: lane.longest, longest, firstRow: 0 }),
    );
    const taken = new Set(places);
    const free: bigint[] = [];
    for (let place = 0n; taken.size + free.length < most; place++) if (!taken.has(place)) free.push(place);
    const ids = joined([lane.ids, new BigInt64Array(free.length)]);
    return { ...lane, ids, rows, longest, places: joined([places, BigInt64Array.from(free)]) };
  });
}

const nothing: TokenRows = {
  ids: new BigInt64Array(),
  rows: 0,
  longest: 1,
  places: new BigInt64Array(),
  targetRows: new BigInt64Array(),
  targetIds: new BigInt64Array(),
};

interface Joined {
  readonly ids: BigInt64Array;
  readonly places?: BigInt64Array;
  readonly targetRows: BigInt64Array;
}

function packed(present: readonly TokenRows[], longest: number): Joined {
  let [rowsBefore, tokensBefore] = [0, 0];
  const moved = present.map(({ rows, longest: own, places, targetRows, ids }) => {
    const [firstRow, firstToken] = [rowsBefore, BigInt(tokensBefore)];
    rowsBefore += rows;
    tokensBefore += ids.length;
    return {
      places: (places ?? new BigInt64Array()).map((place) => placeIn(place, { own, longest, firstRow })),
      targetRows: targetRows.map((token) => token + firstToken),
    };
  });
  return {
    ids: joined(present.map(({ ids }) => ids)),
    places: joined(moved.map(({ places }) => places)),
    targetRows: joined(moved.map(({ targetRows }) => targetRows)),
  };
}

function padded(present: readonly TokenRows[], longest: number): Joined {
  const ids = new BigInt64Array(longest * sum(present, ({ rows }) => rows));
  let firstRow = 0;
  const targetRows = present.map((each) => {
    for (let row = 0; row < each.rows; row++) {
      ids.set(each.ids.subarray(row * each.longest, (row + 1) * each.longest), (firstRow + row) * longest);
    }
    const at = { own: each.longest, longest, firstRow };
    firstRow += each.rows;
    return each.targetRows.map((place) => placeIn(place, at));
  });
  return { ids, targetRows: joined(targetRows) };
}

/** A place row · own + position in a wider rectangle, behind other rows. */
function placeIn(
  place: bigint,
  { own, longest, firstRow }: { own: number; longest: number; firstRow: number },
): bigint {
  const number = Number(place);
  return BigInt((firstRow + Math.floor(number / own)) * longest + (number % own));
}

function readRows({ feeds }: MicroBatch): TokenRows {
  const ids = int64s(feeds, 'input_ids');
  const own = { ids, targetRows: int64s(feeds, 'target_rows'), targetIds: int64s(feeds, 'target_ids') };
  const [rows, longest] = rectangleOf({ feeds });
  return { ...own, rows, longest, places: feeds.has('rectangle') ? int64s(feeds, 'token_places') : undefined };
}

function int64s(feeds: MicroBatch['feeds'], name: string): BigInt64Array {
  const data = feeds.get(name);
  const values = data && typedArray(data);
  if (!(values instanceof BigInt64Array)) throw new TypeError(`the batch has no ${name}`);
  return values;
}

function joined(parts: readonly BigInt64Array[]): BigInt64Array {
  const all = new BigInt64Array(sum(parts, ({ length }) => length));
  let next = 0;
  for (const part of parts) {
    all.set(part, next);
    next += part.length;
  }
  return all;
}

function sum<Each>(list: readonly Each[], count: (each: Each) => number): number {
  return list.reduce((total, each) => total + count(each), 0);
}
