import { z } from 'zod';
import { EspalierError, messageOf } from '../../core/index.ts';
import {
  createCallEvidence,
  createMirrorEvidence,
  createSlowdownEvidence,
  type CallEvidence,
  type MirrorEvidence,
} from './evidence.ts';
import { createPairedLatency, type PairedLatency } from './paired-latency.ts';
import type { RecentCalls } from './recent-failures.ts';
import { readRolloutOptions, type RolloutSettings } from './rollout-settings.ts';

/** Where a roll-out stands. */
export type RolloutPhase =
  | { readonly kind: 'running' }
  /** Held at its step, by a person or because there was no verdict in time. Hard failures still roll back. */
  | { readonly kind: 'paused'; readonly reason: string }
  | { readonly kind: 'promoted'; readonly reason: string }
  /** Rolled back. */
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'aborted'; readonly reason: string };

/** All of a roll-out, as plain data. JSON holds it exactly. */
export interface RolloutState {
  readonly format: 1;
  readonly id: string;
  /** The name whose version is to change. */
  readonly alias: string;
  /** SHA-256 of both versions. */
  readonly stable: string;
  readonly candidate: string;
  readonly settings: RolloutSettings;
  phase: RolloutPhase;
  /** Index of the step. */
  step: number;
  /** How long the step has run. Pauses, and times when the service was down, do not count. */
  stepMs: number;
  /** Requests that were assigned, so that those without a key can be told apart. */
  requests: number;
  /** Looks at the samples of this step, how many samples make the next, and looks that could have ended it. */
  looks: number;
  nextLook: number;
  passLooks: number;
  /** The candidate's calls and comparisons in this step; the stable version's calls in the whole roll-out. */
  candidateCalls: CallEvidence;
  mirror: MirrorEvidence;
  readonly stableCalls: CallEvidence;
  /** Of the answers of both versions in this step. */
  latency: PairedLatency;
  readonly recent: { readonly candidate: RecentCalls; readonly stable: RecentCalls };
}

/** The samples at which a step is looked at first. */
export const firstLook = 20;

export interface RolloutSubject {
  readonly id: string;
  readonly alias: string;
  readonly stable: string;
  readonly candidate: string;
}

export function createRolloutState(subject: RolloutSubject, settings: RolloutSettings): RolloutState {
  const { id, alias, stable, candidate } = subject;
  return {
    format: 1,
    id,
    alias,
    stable,
    candidate,
    settings,
    phase: { kind: 'running' },
    step: 0,
    stepMs: 0,
    requests: 0,
    looks: 0,
    nextLook: firstLook,
    passLooks: 0,
    candidateCalls: createCallEvidence(),
    mirror: createMirrorEvidence(),
    stableCalls: createCallEvidence(),
    latency: createPairedLatency(),
    recent: { candidate: { bits: 0 }, stable: { bits: 0 } },
  };
}

/** Begins a step without samples of the candidate. */
export function enterStep(state: RolloutState, step: number): void {
  Object.assign(state, { step, stepMs: 0, looks: 0, nextLook: firstLook, passLooks: 0 });
  state.candidateCalls = createCallEvidence();
  state.mirror = createMirrorEvidence();
  state.latency = createPairedLatency();
}

const count = z.int().nonnegative();
const amount = z.number().nonnegative();
const text = z.string();
const moments = z.strictObject({ count, mean: z.number(), squares: amount });
/** Files of earlier versions do not say who was first. What they hold is not used. */
const slowdown = z.union([
  z.strictObject({ stableFirst: moments, candidateFirst: moments }),
  moments.transform(createSlowdownEvidence),
]);
const logs = z.strictObject({ count, sum: z.number() });
/** Absent in files of earlier versions. */
const latency = z.strictObject({ differences: moments, stable: logs, candidate: logs }).default(createPairedLatency);
const calls = z.strictObject({ calls: count, failures: count, latency: moments });
const recent = z.strictObject({ bits: z.int().nonnegative().max(0x3fff_ffff) });
const numbers = z.record(text, z.number());

const schema = z.strictObject({
  format: z.literal(1),
  id: text,
  alias: text,
  stable: text,
  candidate: text,
  settings: z.strictObject({ steps: z.array(numbers), limits: numbers, noise: numbers }),
  phase: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('running') }),
    z.strictObject({ kind: z.enum(['paused', 'promoted', 'failed', 'aborted']), reason: text }),
  ]),
  step: count,
  stepMs: amount,
  requests: count,
  looks: count,
  nextLook: count,
  passLooks: count,
  candidateCalls: calls,
  mirror: z.strictObject({ divergence: moments, agreement: moments, entropy: moments, slowdown }),
  stableCalls: calls,
  latency,
  recent: z.strictObject({ candidate: recent, stable: recent }),
});

/**
 * Reads what `Rollout.toJSON` gave, after it was kept somewhere.
 * @throws EspalierError ROLLOUT_STATE_INVALID
 */
export function readRolloutState(saved: unknown): RolloutState {
  const parsed = schema.safeParse(saved);
  if (!parsed.success) throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  const state = parsed.data;
  const settings = readSettings(state.settings);
  if (state.step >= settings.steps.length) throw invalid([`step: there is no step ${state.step}`]);
  if (state.stable === state.candidate) throw invalid(['candidate: it is the stable version']);
  return { ...state, settings };
}

/** What is absent in a file of an earlier version gets its default. */
function readSettings(given: z.infer<typeof schema>['settings']): RolloutSettings {
  try {
    return readRolloutOptions(given);
  } catch (cause) {
    throw invalid([`settings: ${messageOf(cause)}`], cause);
  }
}

function invalid(problems: readonly string[], cause?: unknown): EspalierError {
  return new EspalierError('ROLLOUT_STATE_INVALID', { problems }, cause === undefined ? {} : { cause });
}
