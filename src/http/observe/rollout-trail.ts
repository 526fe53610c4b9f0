import { type MeanIntervals, meanIntervals, mirrorLimits, type RolloutState } from '../../routing/index.ts';
import { repeat, type Timers } from '../door/timers.ts';

/** What was known of a roll-out at one time. */
export interface TrailPoint {
  /** Unix time in milliseconds. */
  readonly time: number;
  readonly step: number;
  readonly phase: RolloutState['phase']['kind'];
  /** Requests that were compared in the step so far, and the means of what was compared. */
  readonly requests: number;
  readonly divergence: number;
  readonly agreement: number;
  /** Where the true means lie, with 95 %. */
  readonly intervals: MeanIntervals;
  /** Calls of the candidate in the step so far. */
  readonly calls: number;
  readonly failures: number;
}

export interface RolloutTrailOptions {
  /** The roll-outs of all names. */
  readonly list: () => readonly RolloutState[];
  readonly timers: Timers;
  /** Unix time in milliseconds. */
  readonly now?: (() => number) | undefined;
  /** Most points of a roll-out. Default: 240. */
  readonly maxPoints?: number | undefined;
  /** Milliseconds between two looks. Default: two seconds. */
  readonly everyMs?: number | undefined;
}

interface Trail {
  readonly id: string;
  points: TrailPoint[];
  /** A new point is kept if so much time has passed since the last one. Doubles when the points are thinned. */
  gapMs: number;
}

/** Most roll-outs that are followed. WHY: their states are read at every look. */
const maxTrails = 256;

const defaultEveryMs = 2000;

/**
 * How the evidence of roll-outs came about: points in time, of which every second is dropped when there are too many. So a trail covers
 * the whole roll-out in a bounded space, the older part as densely as the newer. It ends with the process.
 */
export class RolloutTrail implements Disposable {
  readonly #options: RolloutTrailOptions;
  readonly #trails = new Map<string, Trail>();
  readonly #looking: Disposable;

  constructor(options: RolloutTrailOptions) {
    this.#options = options;
    const { timers, everyMs = defaultEveryMs } = options;
    this.#looking = repeat(timers, everyMs, () => this.look());
  }

  /** The points of one roll-out, the oldest first. @param id  of the roll-out */
  points(alias: string, id: string): readonly TrailPoint[] {
    const trail = this.#trails.get(alias);
    return trail?.id === id ? trail.points : [];
  }

  /** Looks at all roll-outs now. */
  look(): void {
    const states = this.#options.list().slice(0, maxTrails);
    const known = new Set(states.map(({ alias }) => alias));
    for (const alias of this.#trails.keys()) if (!known.has(alias)) this.#trails.delete(alias);
    const time = (this.#options.now ?? Date.now)();
    for (const state of states) this.#add(state, time);
  }

  #add(state: RolloutState, time: number): void {
    const { everyMs = defaultEveryMs, maxPoints = 240 } = this.#options;
    const known = this.#trails.get(state.alias);
    const trail = known?.id === state.id ? known : { id: state.id, points: [], gapMs: everyMs };
    this.#trails.set(state.alias, trail);
    const point = pointOf(state, time);
    const last = trail.points.at(-1);
    if (last !== undefined && !isTurn(last, point) && (time - last.time < trail.gapMs || !isNews(last, point))) return;
    trail.points.push(point);
    if (trail.points.length <= maxPoints) return;
    trail.points = thinned(trail.points, maxPoints);
    trail.gapMs *= 2;
  }

  [Symbol.dispose](): void {
    this.#looking[Symbol.dispose]();
  }
}

function pointOf({ step, phase, mirror, candidateCalls, settings }: RolloutState, time: number): TrailPoint {
  const { count: requests, mean: divergence } = mirror.divergence;
  const { calls, failures } = candidateCalls;
  const intervals = meanIntervals(mirror, mirrorLimits(settings.limits, settings.noise));
  const means = { requests, divergence, agreement: mirror.agreement.mean, intervals };
  return { time, step, phase: phase.kind, ...means, calls, failures };
}

/** Whether the step or the phase changes between two points. */
function isTurn(last: TrailPoint, next: TrailPoint): boolean {
  return last.step !== next.step || last.phase !== next.phase;
}

function isNews(last: TrailPoint, next: TrailPoint): boolean {
  return last.requests !== next.requests || last.calls !== next.calls;
}

/**
 * About every second point, and of the others those at which the step or the phase changes, and the last one. WHY turns go too where
 * they alone are too many: a roll-out that is paused and resumed again and again must not fill the memory.
 */
function thinned(points: readonly TrailPoint[], most: number): TrailPoint[] {
  const isLast = (at: number): boolean => at === points.length - 1;
  const kept = points.filter((point, at) => {
    const before = points[at - 1];
    return before === undefined || isTurn(before, point) || at % 2 === 0 || isLast(at);
  });
  return kept.length <= most ? kept : points.filter((_point, at) => at % 2 === 0 || isLast(at)).slice(-most);
}
