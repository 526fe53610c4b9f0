import type { MirroredCall } from '../../src/routing/index.ts';
import type { Finding, Part, Settings } from '../finding.ts';
import type { Serving } from '../storm/served-here.ts';
import { harmless } from './candidates.ts';
import { plans } from './part.ts';
import { RolloutsHere } from './rollouts-here.ts';

const harmlessRollouts = 500;
/** What a server gives a version by default until it has failed. WHY not less: a busy machine may hold any version up for a second. */
const patienceMs = 60_000;
const wrongRollouts = 10;

export const harmlessPart: Part = {
  name: 'harmless',
  summary: 'candidates that are as good as the version before are rolled out by a server under requests, and promoted',
  run: harmlessFindings,
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

function finding(claim: string, isSeen: boolean, figures: Finding['figures']): Finding {
  return { part: 'harmless', claim, isSeen, figures };
}
