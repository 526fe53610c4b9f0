import type { MirroredCall, RolloutOptions } from '../../src/routing/index.ts';
import type { Finding, Part, Settings } from '../finding.ts';
import type { Serving } from '../storm/served-here.ts';
import { type Candidate, defects, harmless } from './candidates.ts';
import { RolloutsHere, silentMs, type Tried } from './rollouts-here.ts';

/** Longest time from the verdict until a candidate is put away. */
const limitMs = 2000;
const harmlessRollouts = 500;
/** What a server gives a version by default until it has failed. WHY not less: a busy machine may hold any version up for a second. */
const patienceMs = 60_000;
const wrongRollouts = 10;
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

/** Compares latencies as if it did not matter which version came first, where it was always the candidate. */
export function withoutOrder(serving: Serving): Serving {
  const { trials } = serving;
  const shadow = trials?.shadow;
  if (shadow === undefined) return serving;
  let pairs = 0;
  const told = ({ latencies, ...call }: MirroredCall): MirroredCall => {
    if (latencies?.first !== 'candidate') return call;
    return { ...call, latencies: { ...latencies, first: pairs++ % 2 === 0 ? 'stable' : 'candidate' } };
  };
  const offer: typeof shadow.offer = ({ record, ...mirrored }) =>
    shadow.offer({ ...mirrored, record: (call) => record(told(call)) });
  return { ...serving, trials: { ...trials, shadow: { offer, skip: () => shadow.skip() } } } as Serving;
}

export const defectsPart: Part = {
  name: 'defects',
  summary: 'candidates with fourteen planted defects, and harmless ones, are rolled out by a server under requests',
  async *run(settings) {
    const { seed } = settings;
    yield* plantedFindings(settings);
    yield* harmlessFindings(settings);
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

async function* harmlessFindings({ seed, amount }: Settings): AsyncIterable<Finding> {
  const tried = await tryHarmless(seed, amount(harmlessRollouts));
  yield finding('harmless candidates are promoted, at least 99 of 100', arePromoted(tried), { ...tried });
  const wrong = await tryHarmless(seed, amount(wrongRollouts), withoutOrder);
  yield finding('it catches a server that compares without regard to the order', !arePromoted(wrong), { ...wrong });
}

/** How many of so many roll-outs of a harmless candidate promoted it. */
interface HarmlessTried {
  readonly rollouts: number;
  readonly promoted: number;
  readonly requests: number;
  readonly failed: number;
  readonly others: string;
}

async function tryHarmless(
  seed: number,
  rollouts: number,
  change?: (serving: Serving) => Serving,
): Promise<HarmlessTried> {
  await using here = await RolloutsHere.open(seed, change, { patienceMs });
  let [promoted, requests, failed] = [0, 0, 0];
  const reasons = new Set<string>();
  for (let i = 0; i < rollouts; i++) {
    const tried = await here.try(harmless, { steps: plans['shadow first']?.steps });
    if (tried.phase === 'promoted' && tried.isRight) promoted++;
    else reasons.add(`${tried.phase}: ${tried.reason}`);
    requests += tried.requests;
    failed += tried.failures.length;
  }
  return { rollouts, promoted, requests, failed, others: [...reasons].join('; ') || 'none' };
}

function arePromoted({ rollouts, promoted, failed }: HarmlessTried): boolean {
  return promoted / rollouts >= 0.99 && failed === 0;
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
