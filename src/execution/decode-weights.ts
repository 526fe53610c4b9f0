import { breathe } from '../core/index.ts';
import { readExternal, type ExternalConstant } from '../ir/index.ts';
import { NativeMemory } from '../native/index.ts';
import { OrtTensor } from '../onnxruntime/index.ts';
import { byteLength, decodedPieces, type BytePlace } from '../tensor/index.ts';

/** Decoded weights. What uses a tensor keeps it alive beyond its disposal. */
export interface DecodedWeights extends Disposable {
  readonly tensors: ReadonlyMap<string, OrtTensor>;
}

/**
 * Decodes weights for a session, piece by piece. Other tasks of the event loop can run between the pieces.
 *
 * @throws EspalierError IR_EXTERNAL_DATA, MEMORY_UNAVAILABLE
 */
export async function decodeWeights(
  decoded: ReadonlyMap<string, ExternalConstant>,
  folder: string,
): Promise<DecodedWeights> {
  const tensors = new Map<string, OrtTensor>();
  const dispose = (): void => {
    for (const tensor of tensors.values()) tensor.dispose();
  };
  try {
    for (const [name, constant] of decoded) {
      const { decoding, dtype, shape } = constant;
      if (decoding === undefined) continue;
      const size = byteLength(dtype, shape);
      using memory = NativeMemory.allocate(size, { isFilled: true });
      tensors.set(name, OrtTensor.over(memory, dtype, shape));
      const read = (place: BytePlace): Promise<Uint8Array> => readExternal(folder, { ...constant, ...place });
      let at = 0;
      for await (const piece of decodedPieces({ ...constant, decoding }, read)) {
        memory.copyFrom(piece, at);
        at += piece.length;
        await breathe();
      }
      if (at !== size) throw new TypeError(`${name} has ${size} bytes, and ${at} were decoded`);
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return { tensors, [Symbol.dispose]: dispose };
}
