/** A buffer to place: its size, and the first and the last step of a run in which it is needed. */
export interface BufferRequest {
  readonly name: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface PlannedBuffer extends BufferRequest {
  readonly offset: number;
}

export interface BufferPlan {
  /** In the order of the requests. */
  readonly buffers: readonly PlannedBuffer[];
  /** Length of the block that holds them all. */
  readonly bytes: number;
}

/** WHY 64: a cache line, and the widest vector that kernels load. ONNX Runtime aligns its own buffers in the same way. */
export const bufferAlignment = 64;

/**
 * Places buffers in one block so that no two that are needed at the same step overlap: the largest first, each at the lowest offset
 * that is free in all steps in which it is needed.
 *
 * @see Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", §4.2 (greedy by size)
 */
export function planBuffers(requests: readonly BufferRequest[], alignment = bufferAlignment): BufferPlan {
  const placed: PlannedBuffer[] = [];
  const bySize = requests.map((request, index) => ({ request, index })).sort((a, b) => compare(a, b));
  const buffers: PlannedBuffer[] = [];
  for (const { request, index } of bySize) {
    const buffer = { ...request, offset: lowestFree(request, placed, alignment) };
    buffers[index] = buffer;
    placed.push(buffer);
    placed.sort((a, b) => a.offset - b.offset);
  }
  const bytes = buffers.reduce((end, buffer) => Math.max(end, endOf(buffer, alignment)), 0);
  return { buffers, bytes };
}

/** The next multiple of the alignment. */
export function aligned(bytes: number, alignment = bufferAlignment): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function compare(
  a: { readonly request: BufferRequest; readonly index: number },
  b: { readonly request: BufferRequest; readonly index: number },
): number {
  return b.request.bytes - a.request.bytes || a.index - b.index;
}

/** @param placed  in ascending order of their offsets */
function lowestFree(request: BufferRequest, placed: readonly PlannedBuffer[], alignment: number): number {
  let offset = 0;
  for (const other of placed) {
    if (other.last < request.first || request.last < other.first) continue;
    if (offset + request.bytes <= other.offset) return offset;
    offset = Math.max(offset, endOf(other, alignment));
  }
  return offset;
}

function endOf({ offset, bytes }: PlannedBuffer, alignment: number): number {
  return aligned(offset + bytes, alignment);
}
