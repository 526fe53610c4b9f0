import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = goldenFolder('llama');
const base = ['--base', join(golden, 'model')];
const sample = ['--input-ids', '1,17,9,3,64,22'];

async function answer(words: readonly string[]): Promise<Record<string, unknown>> {
  const { exitCode, stdout } = await espalier([...words, '--json']);
  expect(exitCode === 0 ? '' : stdout).toBe('');
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe.each(['strict.bin', 'strict.onnx_adapter'])('an adapter in %s', (name) => {
  it('scores, generates and is trained on as its PEFT folder', async () => {
    const peft = join(golden, 'adapter');
    const file = join(folder, name);
    await answer(['adapter', 'convert', peft, file]);
    const score = (adapter: string) => answer(['score', ...base, '--adapter', adapter, ...sample]);
    const generate = (adapter: string) => answer(['generate', ...base, '--adapter', adapter, ...sample]);
    const [expected, actual] = [await score(peft), await score(file)];
    expect(actual['nll']).toBeCloseTo(Number(expected['nll']), 5);
    expect(await score(`${file}=0`)).not.toEqual(actual);
    expect((await generate(file))['tokens']).toEqual((await generate(peft))['tokens']);

    const rows = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const train = async (adapter: string, output: string) => {
      const words = ['train', ...base, '--init-adapter', adapter, '--data', rows, '--max-steps', '1'];
      return answer([...words, '--output', join(folder, output)]);
    };
    const [first, second] = [await train(peft, 'first'), await train(file, 'second')];
    expect(second['firstLoss']).toBeCloseTo(Number(first['firstLoss']), 5);
  });
});
