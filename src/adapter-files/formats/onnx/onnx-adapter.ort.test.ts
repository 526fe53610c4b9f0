import { describe, expect, it } from 'vitest';
import { encodeModel, type Model } from '../../../ir/index.ts';
import { injectLora } from '../../../lora/index.ts';
import { liveHandles } from '../../../native/index.ts';
import { runOnce, type Session } from '../../../onnxruntime/index.ts';
import { LoraAdapter } from '../../../onnxruntime/testing/lora-adapter.ts';
import { runWithAdapters } from '../../../onnxruntime/testing/run-with-adapters.ts';
import { testEnvironment } from '../../../onnxruntime/testing/test-environment.ts';
import { toFloat32, type TensorData } from '../../../tensor/index.ts';
import { parseOnnxAdapter } from './onnx-adapter-format.ts';
import { readOnnxAdapter, writeOnnxAdapter } from './onnx-adapter.ts';
import { ones, twoParamsAdapter, twoParamsModel, twoParamsModule } from '../../testing/two-params.ts';

const environment = testEnvironment();
const plain = [28, 32, 36, 40];
const adapted = [154, 176, 198, 220];

async function withSession<T>(model: Model, use: (session: Session) => Promise<T>): Promise<T> {
  using session = await environment().createSession(encodeModel(model));
  return await use(session);
}

const firstRow = (tensors: Record<string, TensorData>): number[] => {
  const [output] = Object.values(tensors);
  return output === undefined ? [] : [...toFloat32(output).subarray(0, 4)];
};

describe('an .onnx_adapter of ours', () => {
  it('gives 154 176 198 220 through ONNX Runtime’s own adapters', async () => {
    const bytes = await writeOnnxAdapter(twoParamsAdapter, { naming: 'olive' });
    await withSession(twoParamsModel({ adapterInputs: true }), async (session) => {
      using adapter = LoraAdapter.fromBytes(bytes);
      expect(firstRow(await runWithAdapters(session, { x: ones }, { adapters: [] }))).toEqual(plain);
      expect(firstRow(await runWithAdapters(session, { x: ones }, { adapters: [adapter] }))).toEqual(adapted);
      expect(firstRow(await runWithAdapters(session, { x: ones }, { adapters: [] }))).toEqual(plain);
    });
  });

  it('gives the same as its conversion, injected into a graph without inputs for it', async () => {
    const bytes = await writeOnnxAdapter(twoParamsAdapter);
    const { modules } = await readOnnxAdapter(bytes, 'two-params');
    const weights = modules.get(twoParamsModule);
    if (weights === undefined) throw new Error('the module is lost');
    const model = twoParamsModel({ adapterInputs: false });
    injectLora(model, { modules: [{ path: twoParamsModule, rank: weights.rank, scaling: weights.scaling }] });
    const feeds = { x: ones, 'net.linear.lora_A': weights.a, 'net.linear.lora_B': weights.b };
    expect(await withSession(model, async (session) => firstRow(await runOnce(session, feeds)))).toEqual(adapted);
  });

  it('has A and B turned, and the scale in B', async () => {
    const { parameters } = parseOnnxAdapter(await writeOnnxAdapter(twoParamsAdapter), 'two-params');
    const told = [...parameters].map(([name, tensor]) => [name, tensor.shape, [...toFloat32(tensor)]]);
    expect(told).toEqual([
      ['net.linear.lora_A.MatMul.weight', [4, 1], [2, 4, 5, 7]],
      ['net.linear.lora_B.MatMul.weight', [1, 4], [7, 8, 9, 10]],
    ]);
  });
});

describe('LoraAdapter', () => {
  it('refuses bytes that are no adapter', () => {
    expect(() => LoraAdapter.fromBytes(new Uint8Array(64))).toThrow('valid lora parameter format');
  });

  it('outlives its disposal while a run uses it, and not longer', async () => {
    const bytes = await writeOnnxAdapter(twoParamsAdapter, { naming: 'olive' });
    await withSession(twoParamsModel({ adapterInputs: true }), async (session) => {
      const adapter = LoraAdapter.fromBytes(bytes);
      const run = runWithAdapters(session, { x: ones }, { adapters: [adapter] });
      adapter.dispose();
      expect(liveHandles()).toMatchObject({ loraAdapter: 1 });
      expect(firstRow(await run)).toEqual(adapted);
      expect(liveHandles()).not.toHaveProperty('loraAdapter');
      await expect(runWithAdapters(session, { x: ones }, { adapters: [adapter] })).rejects.toMatchObject({
        code: 'DISPOSED',
      });
    });
  });

  it('leaves no handle behind when an input is wrong or the run was aborted', async () => {
    const bytes = await writeOnnxAdapter(twoParamsAdapter, { naming: 'olive' });
    await withSession(twoParamsModel({ adapterInputs: true }), async (session) => {
      using adapter = LoraAdapter.fromBytes(bytes);
      const before = liveHandles();
      const wrong = runWithAdapters(session, { z: ones }, { adapters: [adapter] });
      await expect(wrong).rejects.toMatchObject({ code: 'BINDING_NAME_UNKNOWN' });
      const missing = runWithAdapters(session, {}, { adapters: [adapter] });
      await expect(missing).rejects.toMatchObject({ code: 'ORT_FAILED' });
      const aborted = runWithAdapters(session, { x: ones }, { adapters: [adapter], signal: AbortSignal.abort('no') });
      await expect(aborted).rejects.toBe('no');
      expect(liveHandles()).toEqual(before);
    });
  });
});
