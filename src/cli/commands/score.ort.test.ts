import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprintKey } from '../../models/index.ts';
import { loadSafetensors, typedArray, writeSafetensors } from '../../tensor/index.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const rowsOf = (golden: string): Promise<string> => writeGoldenRows(golden, join(folder, 'rows.jsonl'));

describe('espalier score', () => {
  it('gives each token the log-probability that the golden logits give it', async () => {
    const golden = goldenFolder('llama');
    const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
    const logits = tensors.get('adapter_logits');
    const values = logits === undefined ? new Float32Array() : typedArray(logits);
    const rows = (await readFile(await rowsOf(golden), 'utf8')).trim().split('\n');
    const ids = (JSON.parse(rows[0] ?? '') as { input_ids: number[] }).input_ids;
    const model = ['--base', join(golden, 'model'), '--adapter', join(golden, 'adapter')];
    const { stdout } = await espalier(['score', ...model, '--input-ids', ids.join(), '--json']);
    const answer = JSON.parse(stdout) as {
      tokens: number[];
      logprobs: (number | null)[];
      nll: number;
      perplexity: number;
    };
    expect(answer.tokens).toEqual(ids);
    const expected = ids.slice(1).map((id, t) => {
      const row = Array.from(values.subarray(t * 128, (t + 1) * 128), Number);
      return (row[id] ?? NaN) - Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    });
    expect(answer.logprobs[0]).toBeNull();
    expected.forEach((logprob, t) => expect(answer.logprobs[t + 1]).toBeCloseTo(logprob, 4));
    const nll = -expected.reduce((sum, logprob) => sum + logprob, 0) / expected.length;
    expect(answer.nll).toBeCloseTo(nll, 4);
    expect(answer.perplexity).toBeCloseTo(Math.exp(nll), 2);
  });

  it('answers a file with a line for each row', async () => {
    const golden = goldenFolder('llama');
    const words = ['score', '--base', join(golden, 'model'), '--file', await rowsOf(golden), '--json'];
    const { stdout } = await espalier([...words, '--max-length', '4']);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { tokens: number[] }).tokens.length)).toEqual([4, 4, 4]);
  });

  it('refuses an adapter of another base, unless it is told to take it', async () => {
    const base = join(goldenFolder('llama'), 'model');
    const adapter = join(folder, 'foreign');
    await cp(join(goldenFolder('llama'), 'adapter'), adapter, { recursive: true });
    const file = join(adapter, 'adapter_model.safetensors');
    const metadata = { [fingerprintKey]: `checkpoint-1:${'0'.repeat(64)}` };
    await writeSafetensors(file, (await loadSafetensors(file)).tensors, { metadata });
    const words = ['score', '--base', base, '--adapter', adapter, '--input-ids', '1,2,3'];
    const { exitCode, stderr } = await espalier(words);
    expect([exitCode, stderr]).toMatchObject([1, expect.stringMatching(/was trained on another base.*--any-base/s)]);
    expect(await espalier([...words, '--any-base'])).toMatchObject({ exitCode: 0 });
  });

  it('wants exactly one thing to score', async () => {
    const words = ['score', '--base', join(goldenFolder('llama'), 'model'), '--text', 'a', '--input-ids', '1'];
    const { exitCode, stderr } = await espalier(words);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Give one of --text, --file and --input-ids, got --text and --input-ids.');
  });
});
