/**
 * Decides which requests run together, and when: a state machine over plain data. It knows rows, groups and times, but no tensors. The
 * model's loop executes its plans.
 *
 *   waiting (in its group, first come first served) -> running -> gone
 *
 * Requests of one group can be joined along their first axis. A group is ready when its first requests fill a batch, when its oldest
 * has waited long enough, or when waiting cannot help. Of the ready groups the one with the oldest request goes first, so that no
 * request starves: a request that has waited for the full time is never overtaken by a later group.
 */
export interface BatchState {
  readonly limits: BatchLimits;
  /** By group; no queue is empty. */
  readonly queues: Map<string, QueuedRequest[]>;
  waiting: number;
  /** Number of running batches. */
  running: number;
}

export interface BatchLimits {
  /** Most rows of a batch. */
  readonly maxRows: number;
  /** How long a request may wait for others to join it. */
  readonly maxWaitMs: number;
  /** Most batches that run at once. */
  readonly runs: number;
}

export interface QueuedRequest {
  /** Ascending in the order of arrival. */
  readonly id: number;
  /** Requests of the same group can be joined; undefined for a request that runs alone. */
  readonly group: string | undefined;
  readonly rows: number;
  readonly arrivedMs: number;
}

export type BatchPlan =
  | { readonly kind: 'run'; readonly requests: readonly QueuedRequest[]; readonly rows: number }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'idle' };

export function createBatchState(limits: BatchLimits): BatchState {
  return { limits, queues: new Map(), waiting: 0, running: 0 };
}

/** @param request  of at most `maxRows` rows, unless it runs alone */
export function enqueue(state: BatchState, request: QueuedRequest): void {
  const { maxRows } = state.limits;
  if (request.group !== undefined && request.rows > maxRows) throw new RangeError(`${request.rows} rows of ${maxRows}`);
  const key = keyOf(request);
  const queue = state.queues.get(key);
  if (queue === undefined) state.queues.set(key, [request]);
  else queue.push(request);
  state.waiting++;
}

/** Removes a waiting request. @returns false if it is not waiting (any more) */
export function cancel(state: BatchState, request: QueuedRequest): boolean {
  const key = keyOf(request);
  const queue = state.queues.get(key);
  const place = queue?.findIndex(({ id }) => id === request.id) ?? -1;
  if (queue === undefined || place < 0) return false;
  queue.splice(place, 1);
  if (queue.length === 0) state.queues.delete(key);
  state.waiting--;
  return true;
}

/** Plans the next action. Does not change the state: `begin` and `end` do when the loop executes the plan. */
export function planBatch(state: BatchState, nowMs: number): BatchPlan {
  if (state.running >= state.limits.runs || state.waiting === 0) return { kind: 'idle' };
  let first: readonly QueuedRequest[] | undefined;
  let soonest = Infinity;
  for (const queue of state.queues.values()) {
    const head = queue[0];
    if (head === undefined) continue;
    const deadline = isFull(queue, state.limits) ? head.arrivedMs : head.arrivedMs + state.limits.maxWaitMs;
    soonest = Math.min(soonest, deadline);
    if (deadline <= nowMs && head.id < (first?.[0]?.id ?? Infinity)) first = queue;
  }
  if (first === undefined) return { kind: 'wait', untilMs: soonest };
  const requests = first.slice(0, countThatFits(first, state.limits.maxRows));
  return { kind: 'run', requests, rows: requests.reduce((sum, { rows }) => sum + rows, 0) };
}

/** Records that a planned batch is being run. Its requests leave the queue. */
export function begin(state: BatchState, plan: BatchPlan & { readonly kind: 'run' }): void {
  const head = plan.requests[0];
  const queue = head && state.queues.get(keyOf(head));
  if (head === undefined || queue?.[0]?.id !== head.id) throw new RangeError('The batch is not the next of its group');
  queue.splice(0, plan.requests.length);
  if (queue.length === 0) state.queues.delete(keyOf(head));
  state.waiting -= plan.requests.length;
  state.running++;
}

/** Records that a batch has ended, with or without success. */
export function end(state: BatchState): void {
  state.running--;
}

/** A request that runs alone has its own queue, with a name that no group has. */
function keyOf({ group, id }: QueuedRequest): string {
  return group === undefined ? `alone ${id}` : `group ${group}`;
}

/** Whether waiting would not make the next batch larger. */
function isFull(queue: readonly QueuedRequest[], { maxRows }: BatchLimits): boolean {
  if (queue[0]?.group === undefined) return true;
  const count = countThatFits(queue, maxRows);
  if (count < queue.length) return true;
  let rows = 0;
  for (const request of queue) rows += request.rows;
  return rows >= maxRows;
}

/** WHY later requests that would still fit are not taken: within a group no request overtakes another. */
function countThatFits(queue: readonly QueuedRequest[], maxRows: number): number {
  let rows = 0;
  let count = 0;
  for (const request of queue) {
    rows += request.rows;
    if (rows > maxRows && count > 0) break;
    count++;
  }
  return count;
}
