/**
 * `npm run fuzz`: a million inputs and more, by the seed in FUZZ_SEED (default: that of the day), as many as FUZZ_INPUTS says.
 */
import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { fuzzTargets } from './targets.ts';

const inputs = Number(process.env['FUZZ_INPUTS'] ?? 1_000_000);
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Date.now() / 86_400_000));
const targets = await fuzzTargets();
const share = Math.ceil(inputs / targets.length);

describe(`fuzzing with seed ${seed}`, () => {
  it.each(targets.map((target) => [target.name, target] as const))('%s', async (name, target) => {
    const rss = process.memoryUsage().rss;
    const result = await fuzz(target, { inputs: share, seed });
    const codes = [...result.codes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
    process.stdout.write(
      `${name}: ${share} inputs in ${result.seconds.toFixed(1)} s (${Math.round(share / result.cpuSeconds)} a second of processor time), ` +
        `${result.taken} taken, slowest ${result.slowestMs.toFixed(1)} ms, ` +
        `at most ${(result.mostBytes / 2 ** 20).toFixed(1)} MiB beyond twice the input\n  ${codes.join(', ')}\n`,
    );
    expect(result.inputs).toBe(share);
    // What stays behind would be far more than this after so many inputs.
    expect(process.memoryUsage().rss - rss).toBeLessThan(1024 * 2 ** 20);
  });
});
