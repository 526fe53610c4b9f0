import type { FileHandle } from 'node:fs/promises';
import { Sha256 } from '../../core/index.ts';

const blocks = 64;
const blockBytes = 4096;

/**
 * A hash of blocks at fixed positions of a file, including its first and last bytes. It takes milliseconds for a file of any size, and
 * differs for other weights.
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
