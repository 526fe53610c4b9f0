import { wholeBlocks, type RankRows } from './rank-rows.ts';

/** An adapter version that has rows of the arena. */
export interface Tenant {
  readonly digest: string;
  /** Its number of rows: the adapter's rank, or more where rows come in blocks. */
  readonly rank: number;
  rows: RankRows;
  /** Number of sequences that run with it or are about to. If it is 0, its rows are available to others. */
  users: number;
  /** False while its weights are being copied into its rows. Until then the rows cannot be given to another tenant. */
  isFilled: boolean;
  /** No request will ask for it again. Its rows are freed as soon as nothing uses them. */
  isForgotten: boolean;
  /** Time of its last use, in counts of `ArenaState.now`. */
  usedAt: number;
}

/**
 * The tenants and their rows, in blocks of `unit` rows. The first block has no tenant: it is always zero, and sequences of the base are
 * bound to it.
 */
export interface ArenaState {
  /** Number of rows, including those of the first block; a multiple of `unit`. */
  readonly total: number;
  /** The rows of one block. A tenant has whole blocks. */
  readonly unit: number;
  readonly tenants: Map<string, Tenant>;
  /** The rows to which a tenant is being moved. */
  reserved: RankRows | undefined;
  /** The number of uses so far. */
  now: number;
}

/** Tenants are moved when the rows that a step binds exceed the rows in use by more than this factor. */
const slack = 1.25;

export function createArenaState(total: number, unit = 1): ArenaState {
  return { total, unit, tenants: new Map(), reserved: undefined, now: 0 };
}

/** Whether a tenant's rows must not be given to another. */
export function isBusy({ users, isFilled }: Tenant): boolean {
  return users > 0 || !isFilled;
}

/** Number of rows of all busy tenants. */
export function usedRows({ tenants }: ArenaState): number {
  let used = 0;
  for (const tenant of tenants.values()) if (isBusy(tenant)) used += tenant.rank;
  return used;
}

/** The end of the last busy row. A step binds only rows below it. */
export function busyEnd({ tenants, unit }: ArenaState): number {
  let end = unit;
  for (const tenant of tenants.values()) if (isBusy(tenant)) end = Math.max(end, tenant.rows.end);
  return end;
}

/**
 * Admits all adapters of a sequence, or none. Adapters that have rows keep them. The others get rows of tenants that are not busy, or
 * free rows.
 * @returns the tenants that must be filled; undefined if there is no room at present
 */
export function admit(
  state: ArenaState,
  wanted: readonly { readonly digest: string; readonly rank: number }[],
): Tenant[] | undefined {
  const begun: Tenant[] = [];
  const evicted: Tenant[] = [];
  const present: Tenant[] = [];
  for (const { digest } of wanted) {
    const tenant = state.tenants.get(digest);
    if (tenant === undefined) continue;
    tenant.users++;
    present.push(tenant);
  }
  for (const { digest, rank: ownRank } of wanted) {
    if (state.tenants.has(digest)) continue;
    const rank = wholeBlocks(ownRank, state.unit);
    const rows = findRows(state, rank, state.total);
    if (rows === undefined) {
      undo(state, { begun, evicted, present });
      return undefined;
    }
    evicted.push(...evict(state, rows));
    const tenant = { digest, rank, rows, users: 1, isFilled: false, isForgotten: false, usedAt: state.now };
    state.tenants.set(digest, tenant);
    begun.push(tenant);
  }
  for (const tenant of present) {
    tenant.usedAt = ++state.now;
    tenant.isForgotten = false;
  }
  for (const tenant of begun) tenant.usedAt = ++state.now;
  return begun;
}

interface Taken {
  readonly begun: readonly Tenant[];
  readonly evicted: readonly Tenant[];
  readonly present: readonly Tenant[];
}

function undo(state: ArenaState, { begun, evicted, present }: Taken): void {
  for (const { digest } of begun) state.tenants.delete(digest);
  for (const tenant of evicted) state.tenants.set(tenant.digest, tenant);
  for (const tenant of present) tenant.users--;
}

/** Ends one sequence's use of a tenant. The weights stay in their rows until the rows are needed. */
export function leave(state: ArenaState, tenant: Tenant): void {
  tenant.users--;
  tenant.usedAt = ++state.now;
}

/** A tenant and the lower rows to which it moves. */
export interface Move {
  readonly tenant: Tenant;
  readonly to: RankRows;
}

/**
 * The next move that makes the busy rows denser, if they have spread too far: it moves the highest tenant that fits into free rows
 * below itself.
 *
 * If no such move is left, every gap is smaller than every tenant above it. The busy rows are then more than half of the rows up to
 * their end.
 */
export function planMove(state: ArenaState): Move | undefined {
  if (state.reserved !== undefined || busyEnd(state) - state.unit <= slack * usedRows(state)) return undefined;
  const movable = [...state.tenants.values()].filter((tenant) => tenant.users > 0 && tenant.isFilled);
  for (const tenant of movable.toSorted((a, b) => b.rows.start - a.rows.start)) {
    const to = findRows(state, tenant.rank, tenant.rows.start);
    if (to !== undefined) return { tenant, to };
  }
  return undefined;
}

/** Reserves the rows to which a tenant moves. Until `endMove` runs read its old rows. */
export function beginMove(state: ArenaState, { to }: Move): void {
  evict(state, to);
  state.reserved = to;
}

/**
 * Ends a move after its rows have been written.
 * @returns whether the tenant is in the new rows from now on; false if it was evicted meanwhile
 */
export function endMove(state: ArenaState, { tenant, to }: Move): boolean {
  state.reserved = undefined;
  if (state.tenants.get(tenant.digest) !== tenant || tenant.users === 0) return false;
  tenant.rows = to;
  return true;
}

/** Evicts the tenants of these rows that are not busy, and returns them. */
export function evict(state: ArenaState, rows: RankRows): Tenant[] {
  const evicted = [...state.tenants.values()].filter((tenant) => !isBusy(tenant) && overlap(tenant.rows, rows));
  for (const { digest } of evicted) state.tenants.delete(digest);
  return evicted;
}

/**
 * Finds rows below `end` without a busy tenant. Within the span that should be dense it prefers empty rows, then those of the least
 * recently used tenant; otherwise it takes the lowest rows.
 */
function findRows(state: ArenaState, rank: number, end: number): RankRows | undefined {
  const tenants = [...state.tenants.values()];
  const dense = Math.max(busyEnd(state), state.unit + Math.ceil(slack * (usedRows(state) + rank)));
  const taken = [...tenants.filter(isBusy).map(({ rows }) => rows), ...(state.reserved ? [state.reserved] : [])];
  const starts = [state.unit, ...tenants.map(({ rows }) => rows.end), ...(state.reserved ? [state.reserved.end] : [])];
  let best: { readonly rows: RankRows; readonly cost: readonly number[] } | undefined;
  for (const start of starts) {
    const rows = { start, end: start + rank };
    if (rows.end > end || taken.some((other) => overlap(other, rows))) continue;
    const lastUse = tenants.reduce(
      (last, tenant) => (overlap(tenant.rows, rows) ? Math.max(last, tenant.usedAt) : last),
      -1,
    );
    const cost = rows.end <= dense ? [0, lastUse, start] : [1, start, 0];
    if (best === undefined || isLess(cost, best.cost)) best = { rows, cost };
  }
  return best?.rows;
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [place, value] of a.entries()) {
    const other = b[place] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}

function overlap(a: RankRows, b: RankRows): boolean {
  return a.start < b.end && b.start < a.end;
}
