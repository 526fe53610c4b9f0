import { describe, expect, it } from 'vitest';
import { resolveTrainOptions } from '../config/resolve-config.ts';
import { runPage, type RunFacts } from './run-page.ts';

const config = resolveTrainOptions({ base: 'base', data: '<b>.jsonl', output: 'out' });
const step = (n: number, loss: number) => ({
  step: n,
  loss,
  gradNorm: 1,
  learningRate: 1e-3,
  targetTokens: 5,
  tokensPerSecond: 10,
});

const facts: RunFacts = {
  config,
  plan: undefined,
  // A step that was skipped: JSON has no NaN.
  steps: [step(1, 4), JSON.parse(JSON.stringify(step(2, NaN))) as ReturnType<typeof step>, step(3, 2)],
  evaluations: new Map([
    [0, 4.5],
    [3, 2.5],
  ]),
  samples: {
    before: [{ prompt: '<script>alert(1)</script>', text: 'no "idea"' }],
    after: [{ prompt: '<script>alert(1)</script>', text: 'Zoë & co' }],
  },
  warnings: ['<img src=x onerror=alert(1)>'],
  end: { kind: 'failed', reason: 'the loss is <not> finite' },
};

describe('runPage', () => {
  const page = runPage(facts);

  it('writes texts as text, runs no script, handles no event and needs no network', () => {
    expect(page).toContain(
      '<td>&lt;script&gt;alert(1)&lt;/script&gt;</td><td>no &quot;idea&quot;</td><td>Zoë &amp; co</td>',
    );
    expect(page.replaceAll(/>[^<]*</g, '><')).not.toMatch(/<script|<img|<link|\son\w+=|src=|href=/i);
    expect(page).not.toMatch(/url\(|@import/);
    expect(page).toContain('prefers-color-scheme:dark');
  });

  it('draws each curve that there is, without what is not finite', () => {
    const titles = [...page.matchAll(/<figcaption>([^<]*)/g)].map(([, title]) => title?.trim());
    expect(titles).toEqual(['Loss', 'Learning rate', 'Norm of the gradients before clipping', 'Speed']);
    expect(page.match(/<circle /g)).toHaveLength(2);
    expect(page).not.toMatch(/NaN|undefined|null/);
  });

  it('says why there is no result, and with which settings', () => {
    expect(page).toContain('<th scope="row">failed</th><td>the loss is &lt;not&gt; finite</td>');
    expect(page).toContain('<th scope="row">data</th><td>&lt;b&gt;.jsonl</td>');
  });
});
