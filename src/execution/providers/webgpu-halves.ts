import { EspalierError } from '../../core/index.ts';
import { createModel, encodeModel, Tape } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { oncePerEnvironment } from '../once-per-environment.ts';

/**
 * Whether the device of WebGPU computes with f16. Not every device does, and ONNX Runtime says it only when a node with f16 runs.
 * @throws EspalierError PROVIDER_UNAVAILABLE
 */
export const hasHalves = oncePerEnvironment(tryHalves);

async function tryHalves(environment: Environment): Promise<boolean> {
  const model = createModel();
  const ids = model.graph.addInput('ids', 'int64', ['rows']);
  const tape = new Tape(model);
  const table = tape.constant({ dtype: 'float16', shape: [4, 4], bytes: new Uint8Array(32) });
  model.graph.addOutput(tape.op('Gather', [table, ids]));
  using session = await environment.createSession(encodeModel(model), { provider: 'webgpu' });
  try {
    await runOnce(session, { ids: tensorOf('int64', [2], [0, 1]) });
    return true;
  } catch (error) {
    if (EspalierError.isInstance(error) && error.code === 'ORT_FAILED') return false;
    throw error;
  }
}
