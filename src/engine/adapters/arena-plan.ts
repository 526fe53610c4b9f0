import type { RankRows } from './rank-rows.ts';

/** An adapter version that has rows of the arena. */
export interface Tenant {
  readonly digest: string;
  readonly rank: number;
  rows: RankRows;
  /** Sequences that run with it, or are about to. Its rows are free for others when there are none. */
  users: number;
  /** False while its weights are on their way into its rows: till then the rows cannot be given away. */
  isFilled: boolean;
  /** No request will ask for it again: its rows are given back as soon as nobody uses them. */
  isForgotten: boolean;
  /** When it was last used, in a count that only grows. */
  usedAt: number;
}

/** Who has which rows. Row 0 belongs to nobody: it stays zero for ever, and base rows are bound to it. */
export interface ArenaState {
  /** Rows in all, the zero row included. */
  readonly total: number;
  readonly tenants: Map<string, Tenant>;
  /** Rows into which a tenant is being copied. */
  reserved: RankRows | undefined;
  /** Counts the uses. */
  now: number;
}

/** How much longer than the rows in use the rows that a step binds may be, before tenants are moved. */
const slack = 1.25;

export function createArenaState(total: number): ArenaState {
  return { total, tenants: new Map(), reserved: undefined, now: 0 };
}

/** Whether a tenant's rows may not be given to another. */
export function isBusy({ users, isFilled }: Tenant): boolean {
  return users > 0 || !isFilled;
}

/** Rows of all tenants that are busy. */
export function usedRows({ tenants }: ArenaState): number {
  let used = 0;
  for (const tenant of tenants.values()) if (isBusy(tenant)) used += tenant.rank;
  return used;
}

/** The end of the last busy row: what a step binds lies below it. */
export function busyEnd({ tenants }: ArenaState): number {
  let end = 1;
  for (const tenant of tenants.values()) if (isBusy(tenant)) end = Math.max(end, tenant.rows.end);
  return end;
}

/**
 * Takes all of a sequence's adapters in, or none: those that have rows keep them, and the others get rows that no busy tenant has.
 * @returns the tenants that are to be filled; undefined where there is no room at present
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
  for (const { digest, rank } of wanted) {
    if (state.tenants.has(digest)) continue;
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

/** Lets one sequence's use of a tenant end. Its weights stay where they are until the rows are needed. */
export function leave(state: ArenaState, tenant: Tenant): void {
  tenant.users--;
  tenant.usedAt = ++state.now;
}

/** A tenant with the lower rows that it is to move to. */
export interface Move {
  readonly tenant: Tenant;
  readonly to: RankRows;
}

/**
 * The next move that makes the busy rows dense again, once they have spread too far: the highest tenant that fits into free rows
 * below itself.
 *
 * Where no such move is left, every gap is smaller than every tenant above it, so that the busy rows are more than half of those up
 * to their end.
 */
export function planMove(state: ArenaState): Move | undefined {
  if (state.reserved !== undefined || busyEnd(state) - 1 <= slack * usedRows(state)) return undefined;
  const movable = [...state.tenants.values()].filter((tenant) => tenant.users > 0 && tenant.isFilled);
  for (const tenant of movable.toSorted((a, b) => b.rows.start - a.rows.start)) {
    const to = findRows(state, tenant.rank, tenant.rows.start);
    if (to !== undefined) return { tenant, to };
  }
  return undefined;
}

/** Reserves the rows that a tenant moves to. Until `endMove` it runs where it is. */
export function beginMove(state: ArenaState, { to }: Move): void {
  evict(state, to);
  state.reserved = to;
}

/**
 * Ends a move whose rows are written.
 * @returns whether the tenant lies there from now on: it does not where it was let go meanwhile
 */
export function endMove(state: ArenaState, { tenant, to }: Move): boolean {
  state.reserved = undefined;
  if (state.tenants.get(tenant.digest) !== tenant || tenant.users === 0) return false;
  tenant.rows = to;
  return true;
}

/** Takes tenants that are not busy out of rows, and says which. */
export function evict(state: ArenaState, rows: RankRows): Tenant[] {
  const evicted = [...state.tenants.values()].filter((tenant) => !isBusy(tenant) && overlap(tenant.rows, rows));
  for (const { digest } of evicted) state.tenants.delete(digest);
  return evicted;
}

/**
 * Rows below `end` that no busy tenant has: within the span that is wanted dense those whose present tenant was not used for longest
 * (empty ones first), else the lowest.
 */
function findRows(state: ArenaState, rank: number, end: number): RankRows | undefined {
  const tenants = [...state.tenants.values()];
  const dense = Math.max(busyEnd(state), 1 + Math.ceil(slack * (usedRows(state) + rank)));
  const taken = [...tenants.filter(isBusy).map(({ rows }) => rows), ...(state.reserved ? [state.reserved] : [])];
  const starts = [1, ...tenants.map(({ rows }) => rows.end), ...(state.reserved ? [state.reserved.end] : [])];
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
