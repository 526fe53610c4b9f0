import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../core/index.ts';
import { drawGapMs } from './arrivals.ts';
import { drawLength, parseLengths } from './lengths.ts';
import { promptIds, promptText } from './prompts.ts';
import { createTrace, type TraceOptions } from './trace.ts';
import { createZipf } from './zipf.ts';

const options: TraceOptions = {
  rate: 5,
  burstiness: 1,
  models: ['a', 'b', 'c'],
  zipf: 1,
  promptTokens: { kind: 'uniform', least: 3, most: 9 },
  answerTokens: { kind: 'lognormal', median: 20, sigma: 1, most: 64 },
  durationMs: 60_000,
  requests: 1000,
  seed: 7,
};

describe('createTrace', () => {
  it('gives the same trace for the same options, and another for another seed', () => {
    expect(createTrace(options)).toEqual(createTrace(options));
    expect(createTrace({ ...options, seed: 8 })).not.toEqual(createTrace(options));
  });

  it('asks the same at another rate, at other times', () => {
    const [slow, fast] = [createTrace(options), createTrace({ ...options, rate: 10 })];
    const asked = ({ model, promptTokens }: (typeof slow)[number]): unknown => [model, promptTokens];
    expect(fast.slice(0, slow.length).map(asked)).toEqual(slow.map(asked));
    expect(fast[10]?.atMs).toBeCloseTo((slow[10]?.atMs ?? 0) / 2);
  });

  it('ends at its duration, and at its number of requests', () => {
    expect(createTrace(options).every(({ atMs }) => atMs < 60_000)).toBe(true);
    expect(createTrace({ ...options, requests: 12 })).toHaveLength(12);
  });
});

describe('drawGapMs', () => {
  it.each([0, 0.5, 1, 2, 4])('has the mean and the deviation that are asked for, at burstiness %d', (burstiness) => {
    const random = createRandom(3, 'gaps');
    const gaps = Array.from({ length: 40_000 }, () => drawGapMs({ rate: 10, burstiness }, random));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(mean / 100).toBeCloseTo(1, 1);
    expect(Math.abs(Math.sqrt(variance) / mean - burstiness)).toBeLessThan(0.1 + burstiness / 20);
  });
});

describe('createZipf', () => {
  it('draws in proportion to the inverse of the place', () => {
    const [draw, random] = [createZipf(4, 1), createRandom(1, 'zipf')];
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 24_000; i++) {
      const place = draw(random);
      counts[place] = (counts[place] ?? 0) + 1;
    }
    const whole = 1 + 1 / 2 + 1 / 3 + 1 / 4;
    for (const [i, count] of counts.entries()) expect(count / 24_000).toBeCloseTo(1 / (i + 1) / whole, 1);
  });
});

describe('lengths', () => {
  it('reads its forms, and nothing else', () => {
    expect(parseLengths('128')).toEqual({ kind: 'fixed', tokens: 128 });
    expect(parseLengths('4..8')).toEqual({ kind: 'uniform', least: 4, most: 8 });
    expect(parseLengths('lognormal:100,0.5,400')).toEqual({ kind: 'lognormal', median: 100, sigma: 0.5, most: 400 });
    for (const text of ['', '0', '8..4', '-3', '1e3', 'lognormal:9,1', 'lognormal:9,1,8', '99999999999']) {
      expect({ text, read: parseLengths(text) }).toEqual({ text, read: undefined });
    }
  });

  it('draws within the bounds', () => {
    const random = createRandom(1, 'lengths');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(50), (least, more) => {
        const drawn = drawLength({ kind: 'uniform', least, most: least + more }, random);
        const skewed = drawLength({ kind: 'lognormal', median: least, sigma: 2, most: least + more }, random);
        expect([drawn >= least, drawn <= least + more, skewed >= 1, skewed <= least + more]).not.toContain(false);
      }),
    );
  });
});

describe('prompts', () => {
  const planned = { index: 4, atMs: 0, model: 'a', promptTokens: 40, answerTokens: 1 };
  const prompts = { seed: 1, sharedTokens: 15 };

  it('begin alike as far as they are to, and differ after', () => {
    const [one, other] = [promptIds(planned, prompts, 9000), promptIds({ ...planned, index: 5 }, prompts, 9000)];
    expect(one).toHaveLength(40);
    expect(one.slice(0, 15)).toEqual(other.slice(0, 15));
    expect(one.slice(15, 20)).not.toEqual(other.slice(15, 20));
  });

  it('are as many words as tokens', () => {
    expect(promptText(planned, prompts).split(' ')).toHaveLength(40);
  });
});
