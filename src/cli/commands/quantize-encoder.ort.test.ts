import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-quantize-encoder-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a quantized classifier', () => {
  it.each([['--bits', '8', '--block-size', '16'], ['--int8']])(
    'keeps its head as floats, its answers, and takes an adapter: %s',
    async (...words) => {
      const base = join(goldenFolder('bert-types'), 'model');
      const output = join(folder, words.join(''));
      const { exitCode } = await espalier(['quantize', '--base', base, '--output', output, ...words]);
      expect(exitCode).toBe(0);
      const { weights } = await openBaseModel(output);
      const kinds = new Map([...weights].map(([name, { quantized }]) => [name, quantized?.kind]));
      expect(kinds.get('classifier.weight')).toBeUndefined();
      expect(kinds.get('bert.encoder.layer.0.attention.self.query.weight')).toBe(words.length > 1 ? 'blocks' : 'int8');
      const classify = async (dir: string): Promise<number[]> => {
        const given = ['classify', '--base', dir, '--text', 'Dull.', '--json'];
        const { stdout } = await espalier(given);
        return (JSON.parse(stdout) as { logits: number[] }).logits;
      };
      const [floats, quantized] = [await classify(base), await classify(output)];
      quantized.forEach((logit, i) => expect(logit).toBeCloseTo(floats[i] ?? Number.NaN, 1));
      expect(quantized).not.toEqual(floats);
      const data = join(folder, 'rows.jsonl');
      const rows = ['Dull.', 'Not bad at all.'].map((text, label) => JSON.stringify({ text, label }));
      await writeFile(data, rows.join('\n'));
      const training = ['--data', data, '--output', `${output}-adapter`, '--max-steps', '8', '--learning-rate', '0.02'];
      const trained = await espalier([
        'train',
        '--base',
        output,
        ...training,
        '--target-modules',
        'query,value',
        '--json',
      ]);
      expect([trained.exitCode, trained.exitCode === 0 ? '' : trained.stdout]).toEqual([0, '']);
      const { firstLoss, lastLoss } = JSON.parse(trained.stdout) as { firstLoss: number; lastLoss: number };
      expect(lastLoss).toBeLessThan(firstLoss);
    },
  );
});
