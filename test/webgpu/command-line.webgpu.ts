import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { espalier, goldenFolder, readGoldenTraining, writeGoldenRows } from '../../src/cli/testing/run-espalier.ts';
import { loadGolden } from '../../src/models/testing/golden.ts';
import { isShort, report } from './cases.ts';

const golden = goldenFolder('llama');
const webgpu = ['--provider', 'webgpu'];
const ids = ['--input-ids', '1,17,9,4', '--json'];

describe('the command line on WebGPU', () => {
  it('scores as on the CPU, with an adapter', async () => {
    const words = ['score', '--base', `${golden}/model`, '--adapter', `${golden}/adapter`, ...ids];
    const [onCpu, onDevice] = [await espalier(words), await espalier([...words, '--provider', 'webgpu'])];
    expect(onDevice.stderr).toBe('');
    const [expected, found] = [onCpu, onDevice].map(
      ({ stdout }) => (JSON.parse(stdout) as { logprobs: number[] }).logprobs,
    );
    expect(found).toHaveLength(4);
    found?.slice(1).forEach((value, i) => expect(Math.abs(value - (expected?.[i + 1] ?? NaN))).toBeLessThan(1e-3));
  });

  it('shows what runs on the CPU, by the record of ONNX Runtime', async () => {
    const { stdout } = await espalier(['inspect', `${golden}/model`, '--graph', '--provider', 'webgpu', '--json']);
    const { graphs } = JSON.parse(stdout) as {
      graphs: { graph: string; nodes: number; onCpu: { opType: string; name: string }[] }[];
    };
    expect(graphs.map(({ graph }) => graph)).toEqual(['decode', 'scoring', 'training']);
    for (const { graph, nodes, onCpu } of graphs) {
      expect(onCpu.length).toBeLessThan(0.15 * nodes);
      // Arithmetic runs on the device; what remains is the computation of shapes. A node without a name is one of those into which ONNX
      // Runtime itself takes SoftmaxCrossEntropyLoss apart.
      const arithmetic = onCpu.filter(({ opType }) => /MatMul|Gemm|Softmax|Attention/.test(opType));
      expect(arithmetic.map(({ opType, name }) => [opType, name])).toEqual(
        graph === 'training' ? [['LogSoftmax', '']] : [],
      );
    }
  });

  it('says what the device is, and that auto takes the CPU where the driver is software', async () => {
    const { stdout } = await espalier(['inspect', '--providers', '--json']);
    const { others, auto } = JSON.parse(stdout) as {
      others: { provider: string; isSoftware: boolean; problem?: string; devices: string[] }[];
      auto: { provider: string };
    };
    const webgpu = others.find(({ provider }) => provider === 'webgpu');
    expect(webgpu?.problem).toBeUndefined();
    expect(webgpu?.devices.length).toBeGreaterThan(0);
    expect(webgpu?.isSoftware === true && auto.provider === 'webgpu').toBe(false);
  });
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-webgpu-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Tokens of the prompt in the greedy rows; the answer follows. */
const promptLength = 5;

// WHY not in the short form: each command compiles the shaders anew.
describe.skipIf(isShort)('golden results by the command line on WebGPU', () => {
  it('gives the greedy tokens of the reference, with an adapter', async () => {
    const tokens = (await loadGolden('llama')).greedy('adapter');
    const prompt = tokens.slice(0, promptLength).join();
    const words = ['--input-ids', prompt, '--max-tokens', '16', '--adapter', `${golden}/adapter`, '--json'];
    const { stdout, exitCode } = await espalier(['generate', '--base', `${golden}/model`, ...words, ...webgpu]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ tokens: tokens.slice(promptLength), finishReason: 'length' });
  });

  it('follows the loss trace of the reference, also where a training was ended and resumed', async () => {
    const { optimizer, lossTrace } = await readGoldenTraining(golden);
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const [output, steps] = [join(folder, 'adapter'), ['--max-steps', '10', '--save-steps', '1']];
    const words = ['train', '--base', `${golden}/model`, '--data', data, '--output', output, ...steps, ...webgpu];
    words.push('--init-adapter', `${golden}/adapter`, '--no-shuffle', '--max-grad-norm', '0', '--batch-size', '3');
    words.push('--optimizer', optimizer.name, '--learning-rate', String(optimizer.lr));
    words.push('--weight-decay', String(optimizer.weightDecay ?? 0), '--keep', '20');
    expect(await espalier(words)).toMatchObject({ exitCode: 0 });
    const whole = await lossesOf(output);
    expect(differences(whole, lossTrace.slice(0, 10)).every((error) => error < 2e-3)).toBe(true);
    report('llama', 'losses by the command line', Math.max(...differences(whole, lossTrace.slice(0, 10))));
    // As a training leaves it that ended after four steps.
    await rm(output, { recursive: true });
    for (let step = 5; step <= 10; step++)
      await rm(join(`${output}.checkpoints`, `step-${String(step).padStart(9, '0')}`), { recursive: true });
    const resumed = await espalier([...words, '--resume']);
    expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('goes on after step 4, from ') });
    expect(differences(await lossesOf(output), whole).every((error) => error < 1e-6)).toBe(true);
  });

  it('serves an adapter, whose answers are the tokens of the reference', async () => {
    const tokens = (await loadGolden('llama')).greedy('adapter');
    await cp(`${golden}/adapter`, join(folder, 'adapters', 'policy'), { recursive: true });
    const bin = fileURLToPath(new URL('../../bin/espalier', import.meta.url));
    const words = ['serve', '--base', `${golden}/model`, '--adapters', join(folder, 'adapters'), '--port', '0'];
    const server = spawn(process.execPath, [bin, ...words, '--json', '--threads', '1', ...webgpu]);
    try {
      const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
      const { url } = JSON.parse((await lines.next()).value ?? '') as { url: string };
      const prompt = tokens.slice(0, promptLength);
      const body = { model: 'policy', prompt, max_tokens: 16, temperature: 0, return_token_ids: true };
      const asked = Array.from({ length: 4 }, async () => {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(new URL('/v1/completions', url), {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        });
        return (await answer.json()) as { choices: { token_ids: number[] }[] };
      });
      for (const { choices } of await Promise.all(asked))
        expect(choices[0]?.token_ids).toEqual(tokens.slice(promptLength));
    } finally {
      server.kill();
    }
  });
});

async function lossesOf(output: string): Promise<number[]> {
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { loss: number }).loss);
}

/** NaN where one has no value. */
function differences(found: readonly number[], expected: readonly number[]): number[] {
  return expected.map((value, i) => Math.abs((found[i] ?? NaN) - value));
}
