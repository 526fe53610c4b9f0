import { createRandom, type Random } from '../../core/index.ts';
import type { CallOutcome } from '../rollout/call-outcome.ts';
import { RequestComparison, type Comparison } from '../rollout/request-comparison.ts';
import type { RolloutOptions } from '../rollout/rollout-settings.ts';
import { Rollout } from '../rollout/rollout.ts';

/** How a candidate differs from the stable version. */
export interface CandidateModel {
  /** Standard deviation of what is added to each logit. */
  readonly noise?: number;
  /** Changes a row of logits in place. */
  readonly change?: (logits: Float32Array) => void;
  readonly slowdown?: number;
  /** @param call  how many calls of the candidate came before */
  readonly outcome?: (call: number, random: Random) => CallOutcome;
}

/** The failures that every version has: one request in 500. */
const background = (random: Random): CallOutcome => (random.uniform() < 1 / 500 ? 'failure' : 'success');

const failsWith =
  (share: number, outcome: CallOutcome = 'failure') =>
  (_: number, random: Random): CallOutcome =>
    random.uniform() < share ? outcome : background(random);

/** Limits by which failures do not count. */
const blindToErrors = { errorIncrease: 1, hardFailures: 30, hardWindow: 30 };

/** Another version of the same adapter, which no limit forbids. */
export const harmless: CandidateModel = { noise: 0.3 };

/** A candidate that must not be served, and what hides its defect: limits, or outcomes that the roll-out does not see. */
export interface Defect {
  readonly model: CandidateModel;
  readonly blind?: RolloutOptions['limits'];
  readonly unseen?: Pick<CandidateModel, 'outcome'>;
}

const failing = (outcome: CandidateModel['outcome']): Defect => ({
  model: { ...harmless, ...(outcome && { outcome }) },
  // Nothing but the outcome is wrong, so that without it nothing is left to see.
  unseen: { outcome: (_, random) => background(random) },
});

const slow = (slowdown: number): Defect => ({ model: { ...harmless, slowdown }, blind: { latencyRatio: 1e3 } });

const different = (model: CandidateModel): Defect => ({
  model,
  blind: { divergence: 1e3, agreement: 0, entropyRatio: 0 },
});

export const defects: Readonly<Record<string, Defect>> = {
  'throws always': failing(failsWith(1)),
  'throws in 60 % of calls': failing(failsWith(0.6)),
  'throws in 40 % of calls': failing(failsWith(0.4)),
  'throws in 5 % of calls': { ...failing(failsWith(0.05)), unseen: {}, blind: blindToErrors },
  'has NaN in 1 % of calls': failing(failsWith(0.01, 'not-finite')),
  'is of another base': failing(() => 'incompatible'),
  'fails after 100 calls': failing((call, random) => (call < 100 ? background(random) : 'failure')),
  'fails after 400 calls': failing((call, random) => (call < 400 ? background(random) : 'failure')),
  'is 1.5 times slower': slow(1.5),
  'is 5 times slower': slow(5),
  'gives one token only': different({ change: (logits) => logits.fill(-30).fill(30, 3, 4) }),
  'is far too sure of itself': different({
    change: (logits) => void logits.forEach((logit, i) => (logits[i] = logit * 8)),
  }),
  'has another distribution': different({ noise: 2.5 }),
  'has no distribution left': different({ change: (logits) => logits.fill(0) }),
};

export interface Simulated {
  readonly phase: Rollout['phase'];
  readonly step: number;
  readonly requests: number;
  /** Of users and of mirrored requests. */
  readonly candidateCalls: number;
  /** Answers of the candidate that failed; the fall-back answers them. */
  readonly failedAnswers: number;
  /** By the simulated clock. */
  readonly ms: number;
}

const [vocabulary, positions, users, gapMs] = [16, 4, 5000, 20];

/** Leads one roll-out through seeded traffic of 50 requests a second until it ends, is held, or `maxRequests` have come. */
export function simulateRollout(
  model: CandidateModel,
  {
    seed,
    maxRequests = 200_000,
    ...options
  }: RolloutOptions & { readonly seed: number; readonly maxRequests?: number },
): Simulated {
  const random = createRandom(seed, 'rollout');
  const subject = { id: `rollout-${seed}`, alias: 'a', stable: 'old', candidate: 'new' };
  const rollout = Rollout.start(subject, { now: 0, ...options });
  const { outcome = (_: number, of: Random) => background(of) } = model;
  let [now, requests, candidateCalls, failedAnswers] = [0, 0, 0, 0];
  while (rollout.phase.kind === 'running' && requests < maxRequests) {
    now += gapMs;
    requests++;
    const { answers, isMirrored } = rollout.assign(`user ${random.integer(users)}`);
    const end = answers === 'candidate' ? outcome(candidateCalls++, random) : background(random);
    if (answers === 'candidate' && end !== 'success') failedAnswers++;
    const latencyMs = 100 * Math.exp(0.5 * random.normal()) * (answers === 'candidate' ? (model.slowdown ?? 1) : 1);
    rollout.recordAnswer(answers, { outcome: end, latencyMs }, now);
    if (!isMirrored) continue;
    const mirrored = outcome(candidateCalls++, random);
    const comparison = mirrored === 'success' ? compareOnce(model, random) : undefined;
    rollout.recordMirrored({ outcome: mirrored, hasStableFailed: end !== 'success', comparison }, now);
  }
  return { phase: rollout.phase, step: rollout.toJSON().step, requests, candidateCalls, failedAnswers, ms: now };
}

function compareOnce({ noise = 0, change }: CandidateModel, random: Random): Comparison | undefined {
  const comparison = new RequestComparison();
  for (let position = 0; position < positions; position++) {
    const stable = Float32Array.from({ length: vocabulary }, () => 2 * random.normal());
    const candidate = noise === 0 ? stable.slice() : stable.map((logit) => logit + noise * random.normal());
    change?.(candidate);
    comparison.add(stable, candidate);
  }
  return comparison.result();
}
