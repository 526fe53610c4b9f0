import { describe, expect, it } from 'vitest';
import { createOutput } from './output.ts';
import { trainReporter } from './train-reporter.ts';

const stepped = (step: number, loss: number) =>
  ({
    kind: 'stepped',
    steps: 4,
    metrics: { step, loss, gradNorm: 1, learningRate: 2e-4 / step, targetTokens: 5, tokensPerSecond: 1234.5 },
  }) as const;

describe('the progress of a training on a terminal', () => {
  it('shows the loss with its curve, the rate, the speed and the held-out loss', () => {
    const updates: [number, Readonly<Record<string, string>>][] = [];
    let [notes, ended] = ['', 0];
    const streams = {
      stdout: { write: () => true },
      stderr: { write: (text: string) => (notes += text), isTTY: true },
    };
    using reporter = trainReporter(createOutput(streams, { json: false }), {
      logSteps: 10,
      jsonEvents: false,
      openProgress: (_, { total, format }) => {
        expect(total).toBe(4);
        for (const name of ['bar', 'loss', 'curve', 'rate', 'speed', 'held', 'eta_formatted']) {
          expect(format).toContain(`{${name}}`);
        }
        return { update: (done, fields) => void updates.push([done, fields]), [Symbol.dispose]: () => void ended++ };
      },
    });
    reporter.report({ kind: 'evaluated', step: 0, loss: 3 });
    for (const [i, loss] of [4, 2, 3].entries()) reporter.report(stepped(i + 1, loss));
    expect(updates.at(-1)).toEqual([
      3,
      { loss: '3.0000', curve: '█▁▅', rate: '0.0000667', speed: '1235', held: '3.0000' },
    ]);
    expect(updates[0]?.[1]).toMatchObject({ curve: '▁', rate: '0.000200' });
    reporter.report({ kind: 'sampled', when: 'after', prompt: 'a\nb', text: '\u001b[31mx' });
    expect([notes, ended]).toEqual([String.raw`after      a\nb → \u{1b}[31mx` + '\n', 1]);
  });
});
