import type { RolloutOptions } from '../../src/routing/index.ts';
import type { Finding, Part, Settings } from '../finding.ts';
import type { Serving } from '../storm/served-here.ts';
import { type Candidate, defects } from './candidates.ts';
import { RolloutsHere, silentMs, type Tried } from './rollouts-here.ts';

/** Longest time from the verdict until a candidate is put away. */
const limitMs = 2000;
const step = { minimumMs: 0, minimumSamples: 20 };

/** WHY a larger share of errors may differ: 220 calls without an error are needed for 2 %, and 45 for 10 %. */
const limits = { errorIncrease: 0.1 };

/** Two ways in which candidates are rolled out: unseen at first, and to users from the beginning. */
export const plans: Readonly<Record<string, RolloutOptions>> = {
  'shadow first': {
    limits,
    steps: [
      { ...step, mirror: 1 },
      { ...step, share: 0.3, mirror: 1 },
      { ...step, share: 1 },
    ],
  },
  'a third of the users at once': {
    limits,
    steps: [
      { ...step, share: 0.3, mirror: 1 },
      { ...step, share: 1 },
    ],
  },
};

/** Ways in which a server is wrong, each with the candidate that shows it. */
export const brokenRollouts: Readonly<
  Record<
    string,
    { readonly candidate: Candidate; readonly rollout: RolloutOptions; change?(serving: Serving): Serving }
  >
> = {
  'gives users what a candidate fails to answer': {
    candidate: named('throws always'),
    rollout: plans['a third of the users at once'] ?? {},
    change: (serving) => ({ ...serving, router: { ...withoutFallBack(serving.router) } }),
  },
  'judges by errors alone': {
    candidate: named("is another customer's adapter"),
    rollout: {
      ...plans['shadow first'],
      limits: { ...limits, divergence: 1e3, agreement: 0, entropyRatio: 0, latencyRatio: 1e3 },
    },
  },
};

export const defectsPart: Part = {
  name: 'defects',
  summary: 'candidates with fourteen planted defects are rolled out by a server under requests',
  async *run(settings) {
    const { seed } = settings;
    yield* plantedFindings(settings);
    for (const [broken, { candidate, rollout, change }] of Object.entries(brokenRollouts)) {
      await using wrong = await RolloutsHere.open(seed, change);
      const tried = await wrong.try(candidate, rollout);
      yield finding(`it catches a server that ${broken}`, !isCaught(tried), figuresOf(tried));
    }
  },
};

async function* plantedFindings(settings: Settings): AsyncIterable<Finding> {
  const all = Object.entries(defects);
  const chosen = all.slice(0, Math.min(all.length, settings.amount(all.length)));
  await using here = await RolloutsHere.open(settings.seed);
  for (const [name, candidate] of chosen) {
    for (const [plan, rollout] of Object.entries(plans)) {
      const tried = await here.try(candidate, rollout);
      yield finding(`${name}, ${plan}: rolled back, and no user sees a failure`, isCaught(tried), figuresOf(tried));
    }
  }
}

/** Whether the candidate was put away in time, the stable version answers, and no user saw a failure. */
export function isCaught(tried: Tried): boolean {
  const { quarantineMs = Infinity } = tried;
  return isRolledBack(tried) && quarantineMs <= limitMs;
}

/** The same, however long it took on a busy machine. */
export function isRolledBack({ phase, failures, quarantineMs, isRight }: Tried): boolean {
  return phase === 'failed' && failures.length === 0 && quarantineMs !== undefined && isRight;
}

function figuresOf({ phase, reason, requests, failures, calls, ms, quarantineMs = -1 }: Tried): Finding['figures'] {
  const [failed, first] = [failures.length, failures[0] ?? 'none'];
  return { phase, reason, requests, failed, first, candidateCalls: calls, ms, quarantineMs, silentMs };
}

function finding(claim: string, isSeen: boolean, figures: Finding['figures']): Finding {
  return { part: 'defects', claim, isSeen, figures };
}

function named(name: string): Candidate {
  const candidate = defects[name];
  if (candidate === undefined) throw new RangeError(`there is no defect ${name}`);
  return candidate;
}

function withoutFallBack(router: Serving['router']): Serving['router'] {
  return {
    assertKnown: (model) => router.assertKnown(model),
    resolveMixture: (adapters) => router.resolveMixture(adapters),
    async resolve(model, key) {
      const route = await router.resolve(model, key);
      return { ...route, fallBack: () => Promise.resolve(undefined) };
    },
  } as Serving['router'];
}
