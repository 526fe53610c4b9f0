import { describe, expect, it } from 'vitest';
import { runTrace, type Ask } from './run-trace.ts';
import { summarize } from './summary.ts';
import type { PlannedRequest } from './trace.ts';

const planned = (index: number, atMs: number): PlannedRequest => {
  return { index, atMs, model: 'm', promptTokens: 4, answerTokens: 3 };
};

/** A clock that moves only when somebody waits, and wakes sleepers in order. */
class World {
  time = 100;
  readonly #sleepers: { readonly at: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.time;
  }

  wait = (ms: number): Promise<void> =>
    new Promise((wake) => {
      this.#sleepers.push({ at: this.time + ms, wake });
    });

  /** Wakes sleepers, the earliest first, until nobody sleeps. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const ended = work.finally(() => (isOver = true));
    while (!isOver) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      this.#sleepers.sort((a, b) => a.at - b.at);
      const next = this.#sleepers.shift();
      if (next === undefined) continue;
      this.time = Math.max(this.time, next.at);
      next.wake();
    }
    return ended;
  }
}

function slowServer(world: World, eachMs: number): Ask {
  return async (_, onToken) => {
    for (let token = 0; token < 3; token++) {
      await world.wait(eachMs);
      onToken();
    }
    return { outcome: 'ok', tokens: 3 };
  };
}

describe('runTrace', () => {
  it('sends at the planned times, however slow the answers are', async () => {
    const world = new World();
    const trace = [planned(0, 0), planned(1, 10), planned(2, 20)];
    const { signal } = new AbortController();
    const records = await world.run(
      runTrace(trace, { ask: slowServer(world, 1000), clock: world, wait: world.wait, signal }),
    );
    expect(records.map(({ sentMs }) => sentMs)).toEqual([0, 10, 20]);
    expect(records.map(({ firstMs = 0, intendedMs }) => firstMs - intendedMs)).toEqual([1000, 1000, 1000]);
    expect(records[0]).toMatchObject({ tokens: 3, gapsMs: [1000, 1000], endMs: 3000, outcome: 'ok' });
  });

  it('counts waiting from the intended time when it is sent late', async () => {
    const world = new World();
    const late = async (ms: number): Promise<void> => world.wait(ms + 500);
    const { signal } = new AbortController();
    const [record] = await world.run(
      runTrace([planned(0, 100)], { ask: slowServer(world, 10), clock: world, wait: late, signal }),
    );
    expect(record).toMatchObject({ intendedMs: 100, sentMs: 600, firstMs: 610 });
    expect(summarize(record ? [record] : [])).toMatchObject({ latenessMs: { max: 500 }, firstTokenMs: { max: 510 } });
  });

  it('sends nothing more once it is stopped', async () => {
    const world = new World();
    const stop = new AbortController();
    const ask: Ask = async () => {
      stop.abort();
      return { outcome: 'failed', error: 'stopped' };
    };
    const trace = [planned(0, 0), planned(1, 10)];
    const records = await world.run(runTrace(trace, { ask, clock: world, wait: world.wait, signal: stop.signal }));
    expect(records).toHaveLength(1);
  });
});

describe('summarize', () => {
  const base = { model: 'm', promptTokens: 4, gapsMs: [], tokens: 2, intendedMs: 0, sentMs: 0 };

  it('keeps refusals and failures apart from answers', () => {
    const summary = summarize([
      { ...base, index: 0, firstMs: 100, endMs: 200, outcome: 'ok' },
      { ...base, index: 1, endMs: 4, tokens: 0, outcome: 'refused', status: 429, error: 'full' },
      { ...base, index: 2, endMs: 2000, tokens: 0, outcome: 'failed', error: 'reset' },
    ]);
    expect(summary).toMatchObject({ sent: 3, ok: 1, refused: 1, failed: 1, seconds: 2, requestsPerSecond: 0.5 });
    expect(summary).toMatchObject({ refusalMs: { max: 4 }, latencyMs: { max: 200 }, perTokenMs: { mean: 100 } });
    expect(summary.errors).toEqual({ '429: full': 1, reset: 1 });
  });

  it('says nothing of times that nobody had', () => {
    expect(summarize([]).firstTokenMs).toBeUndefined();
  });
});
