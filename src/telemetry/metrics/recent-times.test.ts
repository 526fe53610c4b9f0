import { describe, expect, it } from 'vitest';
import { RecentTimes } from './recent-times.ts';
import type { EndedSequence } from './sources.ts';

const ended = (ms: number, more: Partial<EndedSequence> = {}): EndedSequence => ({
  how: 'finished',
  isBackground: false,
  adapters: [],
  promptTokens: 1,
  cachedTokens: 0,
  generatedTokens: 1,
  times: { arrived: 100, admitted: 101, firstToken: 100 + ms / 2, finished: 100 + ms },
  ...more,
});

describe('RecentTimes', () => {
  it('tells percentiles by nearest rank', () => {
    const times = new RecentTimes(() => 0);
    for (let ms = 1; ms <= 100; ms++) times.add(ended(ms));
    expect(times.figures()).toEqual({
      answers: 100,
      queueMs: { p50: 1, p95: 1 },
      firstTokenMs: { p50: 25, p95: 47.5 },
      answerMs: { p50: 50, p95: 95 },
    });
  });

  it('forgets what is older than a minute, and keeps at most 512', () => {
    let now = 0;
    const times = new RecentTimes(() => now);
    times.add(ended(1000));
    now = 60_001;
    expect(times.figures()).toMatchObject({ answers: 0, answerMs: undefined });
    for (let i = 0; i < 600; i++) times.add(ended(10));
    expect(times.figures().answers).toBe(512);
  });

  it.each([{ isBackground: true }, { how: 'failed' as const }, { times: {} }])('leaves out %o', (more) => {
    const times = new RecentTimes(() => 0);
    times.add(ended(1, more));
    expect(times.figures().answers).toBe(0);
  });
});
