import { describe, expect, it } from 'vitest';
import { loadPage } from './page.ts';
import type { RequestRecord } from './run-trace.ts';
import { summarize } from './summary.ts';

const records: RequestRecord[] = Array.from({ length: 40 }, (_, index) => ({
  index,
  model: index % 2 === 0 ? '<script>alert(1)</script>' : 'b',
  intendedMs: index * 100,
  sentMs: index * 100,
  firstMs: index * 101 + 50,
  endMs: index * 102 + 400,
  tokens: 8,
  promptTokens: 16,
  gapsMs: [40, 50],
  outcome: 'ok',
}));

const page = loadPage({
  server: 'http://127.0.0.1:8000',
  api: 'chat',
  started: '2026-11-29T12:00:00.000Z',
  machine: { cores: 2, cpu: 'a "fast" one', node: 'v20' },
  trace: {
    models: ['a', 'b'],
    zipf: 1,
    burstiness: 1,
    promptTokens: { kind: 'fixed', tokens: 16 },
    answerTokens: { kind: 'fixed', tokens: 8 },
    durationMs: 1000,
    requests: 40,
    seed: 1,
  },
  runs: [1, 2].map((rate) => ({ rate, summary: summarize(records), records })),
});

describe('loadPage', () => {
  it('writes names as text, runs no script and needs no network', () => {
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page).not.toMatch(/<script|src=|href=|url\(|@import/);
  });

  it('draws a point for each answer, and a curve for each rate', () => {
    expect(page.match(/<circle /g)).toHaveLength(80);
    expect(page.match(/<polyline /g)).toHaveLength(2 + 2 + 2);
    expect(page).not.toContain('NaN');
  });
});
