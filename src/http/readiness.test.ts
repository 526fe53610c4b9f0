import { describe, expect, it } from 'vitest';
import { createApp } from './app.ts';
import { missingOf } from './readiness.ts';
import { fakeContext } from './testing/fake-context.ts';

interface Door {
  readonly isLeaving?: boolean;
  readonly missing?: readonly string[];
  readonly isReady?: boolean;
}

/** A server in some state. */
function appIn({ isLeaving = false, missing = [], isReady = true }: Door) {
  const context = fakeContext();
  const door = {
    apiKey: undefined,
    isReady: () => isReady,
    isShuttingDown: () => false,
    isLeaving: () => isLeaving,
    missingAdapters: () => missing,
  };
  return createApp(door, { generation: context });
}

const places = ['/ready', '/health/ready'];

describe('readiness', () => {
  it.each(places)('%s is 200 while nothing speaks against it', async (place) => {
    expect((await appIn({}).inject(place)).statusCode).toBe(200);
  });

  const states: Readonly<Record<string, Door>> = {
    'it is going to end': { isLeaving: true },
    'an adapter is missing': { missing: ['strict'] },
    'a file was overwritten': { isReady: false },
  };
  it.each(places.flatMap((place) => Object.entries(states).map(([why, door]) => [place, why, door] as const)))(
    '%s is 503 where %s',
    async (place, _why, door) => {
      expect((await appIn(door).inject(place)).statusCode).toBe(503);
    },
  );

  it('names the adapters that are missing', async () => {
    const answer = await appIn({ missing: ['strict', 'org/tone'] }).inject('/health/ready');
    expect(answer.json()).toEqual({
      status: 'not ready',
      ending: false,
      damaged: false,
      missing_adapters: ['strict', 'org/tone'],
    });
  });

  it('counts an adapter once it is served, not when it is announced or failed', () => {
    const listed = ['serving', 'pending', 'failed'].map((state) => ({ name: state, state }));
    expect(missingOf(['serving', 'pending', 'failed', 'other'], listed)).toEqual(['pending', 'failed', 'other']);
    expect(missingOf([], listed)).toEqual([]);
  });
});

describe('a server that is going to end', () => {
  it('answers, and asks that the connection is not used again', async () => {
    const payload = { model: 'base', prompt: 'a' };
    const [staying, leaving] = await Promise.all(
      [false, true].map((isLeaving) =>
        appIn({ isLeaving }).inject({ method: 'POST', url: '/v1/completions', payload }),
      ),
    );
    expect([staying?.statusCode, leaving?.statusCode]).toEqual([200, 200]);
    expect([staying?.headers.connection, leaving?.headers.connection]).toEqual(['keep-alive', 'close']);
  });
});
