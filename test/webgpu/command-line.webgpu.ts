import { describe, expect, it } from 'vitest';
import { espalier, goldenFolder } from '../../src/cli/testing/run-espalier.ts';

const golden = goldenFolder('llama');
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
