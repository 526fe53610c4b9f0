import { describe, expect, it } from 'vitest';
import { espalier, goldenFolder } from './testing/run-espalier.ts';

const model = goldenFolder('cnn/model.onnx');

describe('espalier inspect --memory-plan', () => {
  it('shows every buffer with its place and its life, and none that overlap', async () => {
    const { stdout } = await espalier(['inspect', model, '--memory-plan', 'fixed', '--batch', '16', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'memory-plan',
      plan: 'fixed',
      batching: { joins: true },
      bytes: 16 * 64 * 4 + 16 * 4 * 4,
      buffers: [
        { name: 'input image', shape: [16, 1, 8, 8], bytes: 4096, offset: 0, first: 0, last: 1 },
        { name: 'output logits', shape: [16, 4], bytes: 256, offset: 4096, first: 1, last: 2 },
      ],
      unplanned: [],
    });
    const text = (await espalier(['inspect', model, '--memory-plan', 'two-level', '--batch', '2'])).stdout;
    expect(text).toContain('a slice of arenas that all models share');
    expect(text).toMatch(/512 +32 +run-answer +output logits float32\[2, 4\]/);
  });

  it('says which outputs ONNX Runtime allocates', async () => {
    const { stdout } = await espalier(['inspect', model, '--memory-plan', 'on-demand']);
    expect(stdout).toContain('ONNX Runtime allocates the output logits in each run.');
  });

  it('asks for the size of a dimension that is open', async () => {
    const path = goldenFolder('bert/torchscript/model.onnx');
    const words = ['inspect', path, '--memory-plan', 'fixed'];
    const { exitCode, stderr } = await espalier(words);
    expect([exitCode, stderr.includes('INFER_DIM_UNKNOWN')]).toEqual([1, true]);
  });
});
