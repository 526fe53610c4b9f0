import type { FileHandle } from 'node:fs/promises';
import { Sha256 } from '../../core/index.ts';

const blocks = 64;
const blockBytes = 4096;

/**
 * The hash of blocks at fixed places of a file, the first and the last bytes among them: milliseconds for any size, and another one
 * for other weights.
 */
export async function sampleContent(file: FileHandle, size: number): Promise<string> {
  const hash = new Sha256();
  const block = new Uint8Array(blockBytes);
  const count = Math.min(blocks, Math.ceil(size / blockBytes));
  for (let i = 0; i < count; i++) {
    const at = count === 1 ? 0 : Math.floor((i * (size - blockBytes)) / (count - 1));
    const { bytesRead } = await file.read(block, 0, blockBytes, at);
    await hash.update(block.subarray(0, bytesRead));
  }
  return hash.hex();
}
