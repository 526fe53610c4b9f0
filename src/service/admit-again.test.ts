import { expect, it } from 'vitest';
import type { RolloutState } from '../routing/index.ts';
import { admitAgain, type AdmitAgainContext } from './admit-again.ts';

it('aborts roll-outs, unpins names and ends fallbacks whose versions are no longer allowed, before names are asked', async () => {
  const done: string[] = [];
  const note = (text: string): Promise<never> => Promise.resolve(void done.push(text)) as Promise<never>;
  const pin = { actor: 'eve', time: 0, reason: undefined, keepsWeights: false };
  const rollout = (alias: string, candidate: string, kind: 'running' | 'aborted') =>
    ({ alias, candidate, phase: { kind } }) as Pick<RolloutState, 'alias' | 'candidate' | 'phase'>;
  const context: AdmitAgainContext = {
    registry: {
      list: () => [
        { name: 'pinned', version: 'bad', pin },
        { name: 'kept', version: 'good', pin },
        { name: 'free', version: 'bad', pin: undefined },
      ],
      held: { endFallback: (name) => void done.push(`ends the fallback of ${name}`) },
    },
    control: { unpin: (name, { cause }) => note(`unpins ${name}: ${cause?.reason}`) },
    rollouts: {
      list: () => [rollout('a', 'bad', 'running'), rollout('b', 'good', 'running'), rollout('c', 'bad', 'aborted')],
      command: (name, what, { cause }) => note(`${what} ${name}: ${cause?.reason}`),
    },
    store: {
      assertVouched: (_name, version) => (version === 'bad' ? Promise.reject(new Error('revoked')) : Promise.resolve()),
      admitAgain: () => note('asks the names'),
    },
  };
  await admitAgain(context);
  expect(done).toEqual([
    'abort a: revoked',
    'ends the fallback of pinned',
    'unpins pinned: revoked',
    'ends the fallback of kept',
    'ends the fallback of free',
    'asks the names',
  ]);
});
