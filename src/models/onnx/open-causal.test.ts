import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { goldenDir } from '../testing/fixtures.ts';
import { buildDecodeGraph } from '../graphs.ts';
import { openOnnxBase } from './open-onnx.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(() => rm(dir, { recursive: true }));

const wholeRows = goldenDir('gpt2', 'torch-export/model.onnx');
const withPast = goldenDir('gpt2', 'with-past/decoder_with_past_model.onnx');

describe('a decoder in two files', () => {
  it.each(['', 'onnx'])(
    'is continued by the one that takes a past in, and scored by the other (in "%s")',
    async (inner) => {
      await mkdir(join(dir, inner), { recursive: true });
      await copyFile(wholeRows, join(dir, inner, 'decoder_model.onnx'));
      expect((await openOnnxBase(dir)).graphs.decode).toBeUndefined();
      await copyFile(withPast, join(dir, inner, 'decoder_with_past_model.onnx'));
      const base = await openOnnxBase(dir);
      expect(base.decodeOnTrial).toBe(true);
      expect(base.config).toMatchObject({ layers: 2, kvHeads: 4, headDim: 8 });
      const inputs = buildDecodeGraph(base, { maxLength: 32 }).graph.inputs.map(({ name }) => name);
      expect(inputs).toContain('past_key_values.1.value');
      const { modules } = await openOnnxBase(withPast);
      expect(modules.map(({ path }) => path).sort()).toEqual(base.modules.map(({ path }) => path).sort());
    },
  );
});

describe('a file that takes a past in', () => {
  it.each(['optimum', 'torch-past', 'merged'])('keeps it in place (%s)', async (graph) => {
    const base = await openOnnxBase(goldenDir('llama-d16', graph));
    const model = buildDecodeGraph(base, { maxLength: 40 });
    const shapeOf = (name: string) => model.graph.value(name)?.shape;
    expect(shapeOf('past_key_values.0.key')).toEqual(['batch', 2, 40, 16]);
    expect(shapeOf('present.0.key')).toEqual(['batch', 2, 40, 16]);
    expect(model.graph.inputs.map(({ name }) => name).slice(0, 3)).toEqual(['input_ids', 'seqlens_k', 'total_length']);
    // What is new is written as it is, not cut out of a joined copy.
    expect(model.graph.nodes.filter(({ opType, name }) => opType === 'Slice' && name.startsWith('espalier'))).toEqual(
      [],
    );
  });

  it('must say the sizes that its configuration says, or is refused', async () => {
    await copyFile(withPast, join(dir, 'model.onnx'));
    await writeFile(join(dir, 'config.json'), JSON.stringify({ num_key_value_heads: 3, head_dim: 16 }));
    await expect(openOnnxBase(dir)).rejects.toMatchObject({ code: 'MODEL_CONFIG_INVALID' });
  });
});
