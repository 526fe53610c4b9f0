import { createRandom, Pace } from '../../core/index.ts';

export interface OrderOptions {
  /** Whether the order is drawn anew in each epoch; else it is that of the file. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Counted from 0. The order depends on nothing but (seed, epoch, number of rows). */
  readonly epoch: number;
}

/** How rows of similar length are put into the same batches. */
export interface LengthGroups {
  readonly batchSize: number;
  /** Tokens of a row, by its number. */
  readonly lengthOf: (row: number) => number;
}

/** The number of the row at each place of an epoch. */
export type RowOrder = (place: number) => number;

/** Rows between two looks at the clock. */
const stride = 512;

/** Draws the order of one epoch's rows (Fisher-Yates), in slices, so that other tasks run in between. */
export async function drawOrder(rows: number, { shuffle, seed, epoch }: OrderOptions): Promise<RowOrder> {
  if (!shuffle) return (place) => place;
  const random = createRandom(seed, `shuffle/${epoch}`);
  const order = await inFileOrder(rows);
  const pace = new Pace();
  for (let place = rows - 1; place > 0; place--) {
    const other = random.integer(place + 1);
    const row = order[place] ?? 0;
    order[place] = order[other] ?? 0;
    order[other] = row;
    const turn = place % stride === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return (place) => order[place] ?? 0;
}

async function inFileOrder(rows: number): Promise<Uint32Array> {
  const order = new Uint32Array(rows);
  const pace = new Pace();
  for (let row = 0; row < rows; row++) {
    order[row] = row;
    const turn = row % stride === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return order;
}

/** Batches whose rows are sorted together. WHY not all rows: a batch should differ from epoch to epoch. */
const batchesInGroup = 50;

/**
 * Draws the order of one epoch's rows like `drawOrder`, and then sorts the rows of each 50 batches by length and shuffles the batches.
 * Each batch then has rows of similar length, and the batches follow each other as they fall. Only the last may have fewer rows.
 */
export async function drawGroupedOrder(
  rows: number,
  options: OrderOptions,
  { batchSize, lengthOf }: LengthGroups,
): Promise<RowOrder> {
  const drawn = await drawOrder(rows, options);
  const order = new Uint32Array(rows);
  const pace = new Pace();
  const groupRows = batchesInGroup * batchSize;
  for (let start = 0; start < rows; start += groupRows) {
    const group = Array.from({ length: Math.min(groupRows, rows - start) }, (_, i) => drawn(start + i));
    order.set(
      group.sort((a, b) => lengthOf(b) - lengthOf(a)),
      start,
    );
    const turn = pace.step();
    if (turn) await turn;
  }
  // WHY only whole batches: the places of the others would move.
  const batches = Math.floor(rows / batchSize);
  const random = createRandom(options.seed, `shuffle-batches/${options.epoch}`);
  const places = random.shuffle(Array.from({ length: batches }, (_, batch) => batch));
  return (place) => {
    const batch = Math.floor(place / batchSize);
    return order[(places[batch] ?? batch) * batchSize + (place % batchSize)] ?? 0;
  };
}

/** The rows of one batch of an epoch, by their numbers. Every row is in exactly one batch, and the last may be smaller. */
export function batchOf(
  index: number,
  { rows, batchSize, order }: { readonly rows: number; readonly batchSize: number; readonly order: RowOrder },
): number[] {
  const start = index * batchSize;
  return Array.from({ length: Math.min(batchSize, rows - start) }, (_, i) => order(start + i));
}

/** The numbers of rows from the shortest to the longest, those of one length in the order of the file; in slices too. */
export async function orderByLength(rows: number, lengthOf: (row: number) => number): Promise<Uint32Array> {
  const pace = new Pace();
  const counts = new Map<number, number>();
  for (let row = 0; row < rows; row++) {
    counts.set(lengthOf(row), (counts.get(lengthOf(row)) ?? 0) + 1);
    const turn = row % stride === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  const next = new Map<number, number>();
  let begin = 0;
  for (const [length, count] of [...counts].sort(([a], [b]) => a - b)) {
    next.set(length, begin);
    begin += count;
  }
  const order = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) {
    const place = next.get(lengthOf(row)) ?? 0;
    order[place] = row;
    next.set(lengthOf(row), place + 1);
    const turn = row % stride === 0 ? pace.step() : undefined;
    if (turn) await turn;
  }
  return order;
}
