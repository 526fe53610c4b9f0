import { describe, expect, it } from 'vitest';

import { openBaseModel } from '../../models/index.ts';
import { goldenDir } from '../../models/testing/fixtures.ts';
import { loadGolden, maxDifference } from '../../models/testing/golden.ts';
import { openEnvironment } from '../../onnxruntime/index.ts';
import { openScorer } from './scorer.ts';

describe.each(['families/llama-dynamic', 'families/llama-longrope'])('scoring %s', (name) => {
  it('takes rows whole and one by one, since heads turn by the length of a row', async () => {
    using environment = openEnvironment({ threads: 1 });
    const base = await openBaseModel(goldenDir(name, 'model'));
    const golden = await loadGolden(name);
    using scorer = await openScorer({ base, environment });
    const [tokens = []] = golden.rows;
    const { logprobs } = await scorer.score(tokens);
    const expected = tokens.slice(1).map((token, i) => logSoftmax(golden.logits('base', 0, i), token));
    const given = logprobs.slice(1).map((logprob) => logprob ?? NaN);
    expect(maxDifference(given, expected)).toBeLessThan(1e-4);

    // A loss in the middle of a row, beside a longer row, is what it is alone.
    const short = { inputIds: tokens.slice(0, 11), labels: tokens.slice(0, 11).map((id, i) => (i === 4 ? id : -100)) };
    const alone = await scorer.evaluate([short]);
    const together = await scorer.evaluate([short, { inputIds: tokens, labels: tokens.map(() => -100) }]);
    expect(together).toEqual(alone);
    const whole = await scorer.score(short.inputIds);
    expect(alone.loss).toBeCloseTo(-(whole.logprobs[4] ?? NaN), 5);
  });
});

function logSoftmax(logits: Float32Array, token: number): number {
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  return (logits[token] ?? NaN) - Math.log(total);
}
