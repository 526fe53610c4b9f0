import { Pace } from '../core/index.ts';
import type { NativeMemory } from '../native/index.ts';
import { byteLength, type TensorData } from '../tensor/index.ts';
import type { RunRequest } from './run-request.ts';
import type { BufferPlan } from './memory/plan-buffers.ts';
import { inputBuffer, withRows, type RunBuffer } from './memory/run-layout.ts';
import type { MemoryBlock } from './memory/memory-block.ts';

/** Bytes that are copied between two checks of the clock. */
const bytesPerSlice = 2 ** 20;

/** Writes the rows of all requests into a run's inputs. Rows are contiguous, so joining along the first axis joins their bytes. */
export async function gatherRows(
  { batch, inputs }: { readonly batch: readonly Pick<RunRequest, 'inputs'>[]; readonly inputs: readonly RunBuffer[] },
  layout: BufferPlan,
  block: MemoryBlock,
): Promise<void> {
  const pace = new Pace();
  for (const [place, { tensor, shape }] of inputs.entries()) {
    if (tensor.dtype === 'string') continue;
    const start = offsetIn(layout, block, inputBuffer(tensor.name));
    const target = block.memory.bytes(start, byteLength(tensor.dtype, shape));
    let offset = 0;
    for (const request of batch) {
      const source = request.inputs[place]?.bytes ?? new Uint8Array();
      for (let from = 0; from < source.byteLength; from += bytesPerSlice) {
        target.set(source.subarray(from, from + bytesPerSlice), offset + from);
        await pace.step();
      }
      offset += source.byteLength;
    }
  }
}

/** The offset of a buffer of the plan in the block's memory. */
export function offsetIn({ buffers }: BufferPlan, block: MemoryBlock, name: string): number {
  const buffer = buffers.find((candidate) => candidate.name === name);
  if (buffer === undefined) throw new RangeError(`No buffer for ${name}`);
  return block.byteOffset + buffer.offset;
}

/** A buffer as a tensor, without a copy. */
export function viewOf(memory: NativeMemory, byteOffset: number, info: Omit<TensorData, 'bytes'>): TensorData {
  return { ...info, bytes: memory.bytes(byteOffset, byteLength(info.dtype, info.shape)) };
}

/** Some rows of a tensor, without a copy. */
export function rowsOf(whole: TensorData, start: number, rows: number): TensorData {
  const rowBytes = whole.bytes.byteLength / Math.max(1, whole.shape[0] ?? 1);
  const bytes = whole.bytes.subarray(start * rowBytes, (start + rows) * rowBytes);
  return { dtype: whole.dtype, shape: withRows(whole.shape, rows), bytes };
}
