import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

const base = fileURLToPath(new URL('../../../demo/base', import.meta.url));
const golden = goldenFolder('openai-rows');
const rows = join(golden, 'rows.jsonl');

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-openai-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const linesOf = (text: string): Record<string, never>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, never>);

/** The tokens of each row, and which of them are learned, as transformers says it. */
const expected = linesOf(await readFile(join(golden, 'expected.jsonl'), 'utf8')) as unknown as readonly {
  input_ids: number[];
  mask: number[];
}[];
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const tokens = sum(expected.map(({ input_ids: ids }) => ids.length));
const learned = sum(expected.flatMap(({ mask }) => mask));

describe("a file in the format of OpenAI's fine-tuning, with tools, weights and parts", () => {
  // Without its marks the template says nowhere what an answer is: the masks are then found by renderings.
  it.each(['marked', 'unmarked'])(
    "is accounted for to the token, equal to transformers' masks: %s template",
    async (kind) => {
      const template = join(folder, 'template.jinja');
      const text = await readFile(join(golden, 'template.jinja'), 'utf8');
      const unmarked = text.replaceAll(/\{%-? (end)?generation %\}/g, "{{- '' }}");
      await writeFile(template, kind === 'marked' ? text : unmarked);
      const words = ['data', rows, '--base', base, '--chat-template', template, '--limit', '99', '--json'];
      const { exitCode, stdout } = await espalier(words);
      expect(exitCode).toBe(0);
      const shown = linesOf(stdout);
      const { summary } = shown.pop() as unknown as { summary: object };
      const found = shown.map(({ tokens: input_ids, labels }: Record<'tokens' | 'labels', number[]>) => ({
        input_ids,
        mask: labels.map((label) => (label === -100 ? 0 : 1)),
      }));
      expect(found).toEqual(expected);
      expect(summary).toMatchObject({ rows: 6, tokens, supervisedTokens: learned, unknownFields: [], odd: {} });
    },
  );

  it('becomes an adapter without a change', async () => {
    const output = join(folder, 'adapter');
    const words = ['train', '--base', base, '--data', rows, '--chat-template', join(golden, 'template.jinja')];
    const { exitCode, stdout } = await espalier([...words, '--output', output, '--max-steps', '2', '--json']);
    expect(exitCode).toBe(0);
    const data = { rows: 6, examples: 6, tokens, supervisedTokens: learned, truncated: 0, dropped: 0 };
    expect(JSON.parse(stdout)).toMatchObject({ steps: 2, targetTokens: 2 * learned, plan: { data } });
    expect(await readdir(output)).toContain('adapter_model.safetensors');
  });
});
