import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { trainCommand, trainSchema } from '../src/cli/commands/train.ts';
import { flagOf } from '../src/core/index.ts';
import { describesRuns, resolveConfig, resolveRuns, trainOptionNames } from '../src/train/index.ts';

const schema = trainSchema();
const page = await readFile(new URL('../docs/training.md', import.meta.url), 'utf8');

/** Whether a settings file is one by the schema, and by `train`. */
function isAccepted(text: string): readonly [bySchema: boolean, byTrain: boolean] {
  const values = parse(text) as Record<string, unknown>;
  const bySchema = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(values).success;
  try {
    const needed = { base: 'base', data: 'rows.jsonl', output: 'out' };
    const file = { path: 'run.yaml', values };
    if (describesRuns(values)) resolveRuns({ file, flags: needed });
    else resolveConfig({ file, flags: needed });
    return [bySchema, true];
  } catch {
    return [bySchema, false];
  }
}

describe('the schema of settings files', () => {
  it('is docs/train.schema.json', async () => {
    await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot('../docs/train.schema.json');
  });

  it('has every setting, and each is an option with a description', () => {
    const command = new Command();
    trainCommand.configure(command);
    const { properties } = schema as { properties: Record<string, { description?: string }> };
    expect(Object.keys(properties)).toEqual([
      ...trainOptionNames.map((name) => flagOf(name).slice(2)),
      'runs',
      'sweep',
    ]);
    const flags = command.options.map(({ long }) => long?.replace('--no-', '--'));
    for (const name of Object.keys(properties).filter((each) => each !== 'runs' && each !== 'sweep')) {
      expect(flags).toContain(`--${name}`);
      expect([name, properties[name]?.description]).toEqual([name, expect.any(String)]);
    }
  });

  it.each([
    ['learning-rate: 2e-4\nrank: 16\ntarget-modules: [q_proj, v_proj]', true],
    ['data: [a.jsonl, b.jsonl]\nshuffle: false\nrank-pattern: { q_proj: 16 }', true],
    ['init-lora-weights: pissa_niter_16', true],
    ['sample-prompt: Lock my card.\nreport: run.html', true],
    ['init-lora-weights: piss', false],
    ['rank: 0', false],
    ['rank: 1.5', false],
    ['learning-rate: 0', false],
    ['dropout: 1', false],
    ['seed: -1', false],
    ['schedule: exponential', false],
    ['learnin-rate: 1e-3', false],
    ['eval-data: []', false],
    ['nesterov: 1', false],
    ['runs: [{ name: a, rank: 4 }, { seed: 3 }]', true],
    ['sweep: { rank: [4, 8], learning-rate: [1e-3] }', true],
    ['runs: []', false],
    ['runs: [{ rnak: 4 }]', false],
    ['runs: [{ name: a/b }]', false],
    ['sweep: { rank: 4 }', false],
    ['sweep: { rnak: [4] }', false],
  ])('takes and refuses what train does: %s', (text, expected) => {
    expect(isAccepted(text)).toEqual([expected, expected]);
  });

  it('takes the examples of docs/training.md', () => {
    const texts = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = '']) => text);
    expect(texts).toHaveLength(3);
    expect(texts[0]).toContain('yaml-language-server: $schema=');
    for (const text of texts) expect(isAccepted(text)).toEqual([true, true]);
  });
});
