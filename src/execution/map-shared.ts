import { resolveExternalData, type ExternalConstant } from '../ir/index.ts';
import { NativeMemory } from '../native/index.ts';
import { OrtTensor } from '../onnxruntime/index.ts';
import type { DecodedWeights } from './decode-weights.ts';

/**
 * Maps the files of weights that a graph reads in several types, once for all of them. WHY: ONNX Runtime maps the bytes of each
 * initializer by itself, and the system counts a page once for each mapping as memory of the process.
 *
 * @throws EspalierError IR_EXTERNAL_DATA, MEMORY_UNAVAILABLE
 */
export async function mapShared(
  shared: ReadonlyMap<string, ExternalConstant>,
  folder: string,
): Promise<DecodedWeights> {
  const files = new Map<string, NativeMemory>();
  const tensors = new Map<string, OrtTensor>();
  // WHY the files too: a tensor keeps the memory that it lies in.
  const dispose = (): void => {
    for (const each of [...tensors.values(), ...files.values()]) each.dispose();
  };
  try {
    for (const [name, constant] of shared) {
      const path = await resolveExternalData(folder, constant);
      const file = files.get(path) ?? (await NativeMemory.mapFile(path));
      files.set(path, file);
      tensors.set(name, OrtTensor.over(file, constant.dtype, constant.shape, constant.offset));
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { tensors, [Symbol.dispose]: dispose };
}
