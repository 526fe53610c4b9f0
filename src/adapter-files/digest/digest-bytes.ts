import { finishInSlices } from '../../core/index.ts';
import { digestOnWorkers } from './digest-workers.ts';
import { bytesSteps } from './tensor-digest.js';

/** Fewer bytes take less time than handing them to another thread is worth. */
const leastBytes = 2 ** 21;

/** The SHA-256 of bytes, in hexadecimal: large ones in shared memory on another thread, and others in slices. */
export async function digestBytes(bytes: Uint8Array): Promise<string> {
  const isShared = bytes.buffer instanceof SharedArrayBuffer;
  if (!isShared || bytes.byteLength < leastBytes) return (await finishInSlices(bytesSteps(bytes))).sha256;
  const [digest] = await digestOnWorkers([{ bytes }]);
  if (digest === undefined) throw new TypeError('a thread has given no digest');
  return digest.sha256;
}
