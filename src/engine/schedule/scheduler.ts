/**
 * Which request gets the next run: a state machine over plain data. It knows counts and slots, never tokens, weights or
 * time; the engine acts on what it plans.
 *
 *   waiting -> prefilling (in chunks, first come first served among those that are ready) -> running -> gone
 *
 * Running sequences own the slots [0, running.length), so that a decode batch is a prefix of the slots. The sequence in
 * prefill owns a slot above them. A hole that a finished sequence leaves is filled from the end.
 */
export interface ScheduleState {
  readonly limits: ScheduleLimits;
  /** First come first. */
  readonly waiting: WaitingSequence[];
  prefilling: PrefillingSequence | undefined;
  /** Ids by slot. */
  readonly running: number[];
  /** What was spent on prefill since the last decode step. */
  readonly spent: { tokens: number; runs: number };
}

export interface ScheduleLimits {
  readonly slots: number;
  /** Most prompt tokens in one run, and between two decode steps. Long prompts go in such chunks, so that streams keep going. */
  readonly prefillChunk: number;
  /** Most prefill runs between two decode steps. */
  readonly prefillRuns: number;
}

export interface WaitingSequence {
  readonly id: number;
  readonly promptLength: number;
  /** Most tokens of this prompt in one run, where they are fewer than of others. */
  readonly chunk?: number;
  /** False while something that its runs need is not in place yet; others pass it meanwhile. */
  isReady: boolean;
}

export interface PrefillingSequence extends WaitingSequence {
  readonly slot: number;
  done: number;
}

export type Plan = PrefillPlan | { readonly kind: 'decode'; readonly batch: number } | { readonly kind: 'idle' };

/** Run the prompt's tokens [start, end) of sequence `id` in `slot`; after the `last` chunk it is running. */
export interface PrefillPlan {
  readonly kind: 'prefill';
  readonly id: number;
  readonly slot: number;
  readonly start: number;
  readonly end: number;
  readonly last: boolean;
}

/** The keys and values of sequence `id` must be moved to another slot before the next run. */
export interface SlotMove {
  readonly id: number;
  readonly from: number;
  readonly to: number;
}

const idle: Plan = { kind: 'idle' };

export function createSchedule(limits: ScheduleLimits): ScheduleState {
  return { limits, waiting: [], prefilling: undefined, running: [], spent: { tokens: 0, runs: 0 } };
}

/** What to run next. Does not change the state: `begin` and `advance` do when the engine acts. */
export function schedule(state: ScheduleState): Plan {
  const prefill = nextPrefill(state);
  const streams = state.running.length;
  if (prefill && (streams === 0 || isWithinBudget(state, prefill))) return prefill;
  return streams > 0 ? { kind: 'decode', batch: streams } : idle;
}

function nextPrefill({ prefilling, waiting, running, limits }: ScheduleState): PrefillPlan | undefined {
  const next = prefilling ?? (running.length < limits.slots ? waiting.find(({ isReady }) => isReady) : undefined);
  if (next === undefined) return undefined;
  const start = prefilling?.done ?? 0;
  const end = Math.min(next.promptLength, start + Math.min(limits.prefillChunk, next.chunk ?? Infinity));
  const slot = prefilling?.slot ?? running.length;
  return { kind: 'prefill', id: next.id, slot, start, end, last: end === next.promptLength };
}

/** A chunk is never cut to fit: it waits for the next turn, since a run of three tokens costs nearly what one of thirty does. */
function isWithinBudget({ spent, limits }: ScheduleState, { start, end }: PrefillPlan): boolean {
  return spent.runs < limits.prefillRuns && (spent.runs === 0 || spent.tokens + end - start <= limits.prefillChunk);
}

/** Notes that a plan is being acted on: a prefill takes its sequence from the queue, a decode step refills the budget. */
export function begin(state: ScheduleState, plan: Plan): void {
  if (plan.kind === 'decode') [state.spent.tokens, state.spent.runs] = [0, 0];
  if (plan.kind !== 'prefill') return;
  state.spent.tokens += plan.end - plan.start;
  state.spent.runs++;
  if (state.prefilling?.id === plan.id) return;
  const place = state.waiting.findIndex(({ id }) => id === plan.id);
  const next = state.waiting[place];
  if (!next?.isReady || state.prefilling) throw new RangeError(`Sequence ${plan.id} is not the next to prefill`);
  state.waiting.splice(place, 1);
  state.prefilling = { ...next, slot: plan.slot, done: 0 };
}

/**
 * Notes that a prefill chunk has run. After the last chunk the sequence is running, in the slot after the others.
 * @returns the move that this needs, where sequences have ended meanwhile
 */
export function advance(state: ScheduleState, plan: PrefillPlan): SlotMove | undefined {
  const sequence = state.prefilling;
  if (sequence?.id !== plan.id) return undefined;
  sequence.done = plan.end;
  if (!plan.last) return undefined;
  const to = state.running.push(plan.id) - 1;
  state.prefilling = undefined;
  return to === sequence.slot ? undefined : { id: plan.id, from: sequence.slot, to };
}

/**
 * Lets a waiting sequence run at once, with what a running one has: their prompts are the same.
 * @returns the copy that this needs, from the running one's slot; undefined where no slot is free, and the sequence waits on
 */
export function fork(
  state: ScheduleState,
  { id, from }: { readonly id: number; readonly from: number },
): SlotMove | undefined {
  const { waiting, running, prefilling, limits } = state;
  const [place, slot] = [waiting.findIndex((sequence) => sequence.id === id), running.indexOf(from)];
  if (!waiting[place]?.isReady || slot < 0 || prefilling !== undefined || running.length >= limits.slots)
    return undefined;
  waiting.splice(place, 1);
  return { id, from: slot, to: running.push(id) - 1 };
}

/**
 * Takes a sequence out, wherever it is.
 * @returns the move that closes the hole it leaves
 */
export function remove(state: ScheduleState, id: number): SlotMove | undefined {
  if (state.prefilling?.id === id) state.prefilling = undefined;
  const place = state.waiting.findIndex((sequence) => sequence.id === id);
  if (place >= 0) state.waiting.splice(place, 1);
  const to = state.running.indexOf(id);
  if (to < 0) return undefined;
  const last = state.running.pop();
  if (last === undefined || last === id) return undefined;
  state.running[to] = last;
  return { id: last, from: state.running.length, to };
}
