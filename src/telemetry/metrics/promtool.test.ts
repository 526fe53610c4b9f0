import { describe, expect, it } from 'vitest';
import { hasPromtool, runPromtool } from '../testing/promtool.ts';
import { ServerMetrics } from './server-metrics.ts';

/** WHY these: routers look for the names, colons included, which Prometheus keeps for rules. */
const known = /^vllm:\w+ metric names should not contain ':'$/;

describe.skipIf(!hasPromtool)('Prometheus (left out where promtool is not installed; CI installs it)', () => {
  it('reads the series, and finds nothing wrong but the names of others', async () => {
    using metrics = new ServerMetrics({ version: '1' });
    metrics.attach({
      baseName: 'a "base" \\ of\nlines',
      isReady: () => true,
      adapters: () => [
        {
          name: 'a"b\\c',
          state: 'serving',
          version: 'v',
          bytes: 1,
          requests: 0,
          isResident: true,
          isActive: true,
          isPinned: false,
          isDraining: false,
        },
      ],
    });
    metrics.answered({ method: 'GET', route: '/health', status: 200, seconds: 0.01 });
    const { text } = runPromtool(['check', 'metrics'], String(await metrics.text()));
    expect(text.split('\n').filter((line) => line !== '' && !known.test(line))).toEqual([]);
  });

  it('refuses what is no series', () => {
    expect(runPromtool(['check', 'metrics'], 'a{b="c} 1\n').status).not.toBe(0);
  });
});
