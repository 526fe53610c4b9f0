import { breathe } from '../../core/index.ts';
import { readExternal, type ExternalConstant } from '../../ir/index.ts';
import { NativeMemory, returnFreedMemory } from '../../native/index.ts';
import { OrtTensor, type Environment, type Session } from '../../onnxruntime/index.ts';
import { byteLength } from '../../tensor/index.ts';
import type { DecodedWeights } from '../decode-weights.ts';
import type { ComputedConstant } from './extract-constants.ts';

/**
 * Computes constants one after the other, so that what stands between the steps is that of one of them.
 *
 * @param folder  the folder of the bytes that they are computed from
 * @throws EspalierError IR_EXTERNAL_DATA, MEMORY_UNAVAILABLE, ORT_FAILED
 */
export async function computeConstants(
  constants: readonly ComputedConstant[],
  { folder, environment }: { readonly folder: string; readonly environment: Environment },
): Promise<DecodedWeights> {
  const sessions = new Map<string, Session>();
  const tensors = new Map<string, OrtTensor>();
  const dispose = (): void => {
    for (const tensor of tensors.values()) tensor.dispose();
  };
  try {
    for (const { name, dtype, shape, bytes, key, inputs } of constants) {
      // WHY on the CPU and without an arena: the steps have other sizes in each graph, and none of them runs again.
      const options = { provider: 'cpu', arena: false, memoryPattern: false, optimization: 'none' } as const;
      const session = sessions.get(key) ?? (await environment.createSession(bytes, options));
      sessions.set(key, session);
      using memory = NativeMemory.allocate(byteLength(dtype, shape), { isFilled: true });
      const tensor = OrtTensor.over(memory, dtype, shape);
      tensors.set(name, tensor);
      await computeOne(session, { inputs, folder, tensor });
      await breathe();
    }
  } catch (error) {
    dispose();
    throw error;
  } finally {
    for (const session of sessions.values()) session.dispose();
  }
  if (sessions.size > 0) await returnFreedMemory();
  return { tensors, [Symbol.dispose]: dispose };
}

interface OneConstant {
  readonly inputs: ReadonlyMap<string, ExternalConstant>;
  readonly folder: string;
  /** Where the result goes. */
  readonly tensor: OrtTensor;
}

async function computeOne(session: Session, { inputs, folder, tensor }: OneConstant): Promise<void> {
  using binding = session.createBinding();
  for (const [name, constant] of inputs) {
    const bytes = await readExternal(folder, constant);
    using memory = NativeMemory.allocate(bytes.byteLength, { isFilled: true });
    memory.copyFrom(bytes, 0);
    using input = OrtTensor.over(memory, constant.dtype, constant.shape);
    binding.bindInput(name, input);
  }
  const [output] = session.outputs;
  if (output === undefined) throw new TypeError('a graph of a constant has an output');
  binding.bindOutput(output.name, tensor);
  await session.run(binding);
}
