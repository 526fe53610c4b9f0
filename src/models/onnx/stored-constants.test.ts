import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createModel, encodeModel, inlineConstant, int, Tape } from '../../ir/index.ts';
import { dataTypeNumber, tensorOf } from '../../tensor/index.ts';
import { fingerprintBase } from '../fingerprint/fingerprint-base.ts';
import { openBaseModel } from '../open-base-model.ts';
import { goldenDir } from '../testing/fixtures.ts';
import { BaseWatch } from '../watch/base-watch.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** y = x + w + b, where the integers w lie in a file of their own, and the floats b in the graph. */
async function write(bias: number): Promise<string> {
  await writeFile(join(folder, 'integers.data'), Uint8Array.of(1, 2, 3, 4));
  const model = createModel({ graphName: 'sum' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 4]);
  const place = { location: 'integers.data', offset: 0, length: 4, dtype: 'uint8', shape: [4] } as const;
  const w = model.graph.addInitializer('w', { kind: 'external', ...place });
  const b = model.graph.addInitializer('b', inlineConstant(tensorOf('float32', [1], [bias])));
  const floats = tape.op('Cast', [w], { attributes: { to: int(dataTypeNumber('float32')) } });
  model.graph.addOutput(tape.op('Add', [tape.op('Add', [x, floats]), b], { outputName: 'y' }));
  const path = join(folder, 'model.onnx');
  await writeFile(path, encodeModel(model));
  return path;
}

describe('an ONNX base', () => {
  it('is watched where integers lie in a file of their own', async () => {
    const base = await openBaseModel(await write(0));
    expect([base.weights.size, base.stored.locations]).toEqual([0, ['integers.data']]);
    await using watch = await BaseWatch.open(base, { lookout: () => () => undefined });
    await writeFile(join(folder, 'integers.data'), Uint8Array.of(1, 2, 3, 5));
    await watch.look();
    expect(watch.changed.reason).toMatchObject({ code: 'BASE_CHANGED' });
  });

  it('has another fingerprint for other integers in a file, and for other floats in the graph', async () => {
    const own = await fingerprintBase(await openBaseModel(await write(0)));
    expect(own).toMatch(/^onnx-quantized-1:/);
    expect(await fingerprintBase(await openBaseModel(await write(1)))).not.toBe(own);
    const path = await write(0);
    await writeFile(join(folder, 'integers.data'), Uint8Array.of(1, 2, 3, 5));
    expect(await fingerprintBase(await openBaseModel(path))).not.toBe(own);
  });

  it('is watched in both files of a decoder that is not merged', async () => {
    const inner = join(folder, 'onnx');
    await mkdir(inner);
    await cp(goldenDir('gpt2', 'model/config.json'), join(folder, 'config.json'));
    await cp(goldenDir('gpt2', 'torch-export/model.onnx'), join(inner, 'decoder_model.onnx'));
    const besideName = 'decoder_with_past_model.onnx';
    await cp(goldenDir('gpt2', `with-past/${besideName}`), join(inner, besideName));
    const { stored } = await openBaseModel(folder);
    expect(stored.locations).toEqual(['onnx/decoder_model.onnx', 'onnx/decoder_with_past_model.onnx']);
  });
});
