import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import { loadSafetensors, toFloat32, typedArray } from '../../tensor/index.ts';
import { espalier, goldenFolder, readGoldenTraining, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-onnx-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function answer(words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await espalier(words);
  expect(exitCode === 0 ? '' : stderr + stdout).toBe('');
  expect(exitCode).toBe(0);
  expect(liveHandles()).toEqual({});
  return stdout;
}

function nllOf(score: unknown): number {
  return Number(typeof score === 'object' && score !== null ? Reflect.get(score, 'nll') : NaN);
}

describe('an ONNX file of onnxruntime-genai', () => {
  const golden = goldenFolder('llama-d16');
  const base = join(golden, 'genai-fp32', 'model.onnx');

  it('is trained, scored and continued as the checkpoint that it was exported from', async () => {
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const { optimizer } = await readGoldenTraining(golden);
    const output = join(folder, 'out');
    const start = ['--init-adapter', join(golden, 'adapter'), '--learning-rate', String(optimizer.lr)];
    const settings = ['--weight-decay', String(optimizer.weightDecay ?? 0), '--max-grad-norm', '0', '--no-shuffle'];
    await answer([
      'train',
      '--base',
      base,
      '--data',
      data,
      '--output',
      output,
      '--max-steps',
      '10',
      ...start,
      ...settings,
    ]);
    const score = async (path: string): Promise<unknown> =>
      JSON.parse(await answer(['score', '--base', path, '--input-ids', '1,5,9,2,7', '--adapter', output, '--json']));
    const [own, reference] = [await score(base), await score(join(golden, 'model'))];
    expect(Math.abs(nllOf(own) - nllOf(reference))).toBeLessThan(1e-5);
    const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
    const greedy = tensors.get('greedy_trained');
    const tokens = greedy ? Array.from(typedArray(greedy), Number) : [];
    const prompt = ['--input-ids', tokens.slice(0, 5).join(), '--max-tokens', '16'];
    const text = await answer(['generate', '--base', base, '--adapter', join(golden, 'trained'), ...prompt, '--json']);
    expect(JSON.parse(text)).toMatchObject({ tokens: tokens.slice(5) });
  });
});

describe('an ONNX file of an encoder', () => {
  it('classifies as its checkpoint does', async () => {
    const golden = goldenFolder('bert');
    const base = join(golden, 'torchscript');
    const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
    const [ids, logits] = ['input_ids', 'base_logits'].map((name) => tensors.get(name));
    const row = ids ? Array.from(typedArray(ids), Number).slice(0, 12) : [];
    const text = await answer(['classify', '--base', base, '--input-ids', row.join(), '--json']);
    const expected = logits ? toFloat32(logits).subarray(0, 5) : new Float32Array();
    const best = expected.indexOf(Math.max(...expected));
    expect(JSON.parse(text)).toMatchObject({ label: `LABEL_${best}` });
  });
});
