import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Sha256 } from '../core/index.ts';
import { publishFolder, type Replacement } from '../atomic-files/index.ts';
import { encodeIndex, indexName, type CheckpointPart, type PartType } from './checkpoint-index.ts';

/** A part to write: bytes that do not change meanwhile. */
export interface PartContent {
  readonly name: string;
  readonly type: PartType;
  readonly bytes: Uint8Array;
  /** Ending of the file's name. Default: bin. */
  readonly ending?: string;
}

export interface CheckpointContent {
  readonly kind: string;
  /** Plain data that msgpack stores. */
  readonly state: unknown;
  readonly parts: readonly PartContent[];
}

export interface WriteCheckpointOptions {
  /** Called before each operation that changes the disk. A test can end the process there, or throw what a full disk throws. */
  readonly beforeWrite?: ((what: string) => void) | undefined;
}

/**
 * Bytes that are written at once, and hashed while they are being written. WHY not more: while the hash of one block is computed, the
 * block before it is on its way to the disk.
 */
const blockBytes = 2 ** 23;

const replace: Replacement = { kind: 'checkpoint' };

/**
 * Writes a checkpoint. Its folder appears complete or not at all: the parts are written under a hidden name in the same parent folder,
 * then the index with their lengths and hashes, all is flushed, and the folder is renamed.
 *
 * @param dir  replaced if it is a checkpoint already
 * @throws EspalierError DISK_FULL, OUTPUT_NOT_WRITABLE, OUTPUT_NOT_OURS; what was at `dir` is then unchanged
 */
export async function writeCheckpoint(
  dir: string,
  { kind, state, parts }: CheckpointContent,
  { beforeWrite = () => undefined }: WriteCheckpointOptions = {},
): Promise<void> {
  beforeWrite(`the folder for ${dir}`);
  await publishFolder(
    dir,
    async (staging) => {
      const written: CheckpointPart[] = [];
      for (const part of parts) written.push(await writePart(staging, part, beforeWrite));
      beforeWrite(indexName);
      await writeBytes(join(staging, indexName), encodeIndex({ kind, state, parts: written }), beforeWrite);
      beforeWrite(`flush and rename ${dir}`);
    },
    { replace },
  );
  beforeWrite(`after the rename of ${dir}`);
}

async function writePart(
  staging: string,
  { name, type, bytes, ending = 'bin' }: PartContent,
  beforeWrite: (what: string) => void,
): Promise<CheckpointPart> {
  const file = `${name}.${ending}`;
  beforeWrite(file);
  const sha256 = await writeBytes(join(staging, file), bytes, beforeWrite);
  return { name, file, type, bytes: bytes.byteLength, sha256 };
}

/** @returns the SHA-256 of the bytes */
async function writeBytes(
  path: string,
  bytes: Uint8Array,
  beforeWrite: (what: string) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const hash = new Sha256();
  await using handle = await open(path, 'wx');
  for (let start = 0; start < bytes.byteLength; start += blockBytes) {
    const block = bytes.subarray(start, start + blockBytes);
    beforeWrite(`${path} from ${start}`);
    // WHY both at once: the system writes on another thread.
    const [, failed] = await Promise.all([hash.update(block), writeWhole(handle, block, start).catch(asFailure)]);
    if (failed !== undefined) throw failed.error;
  }
  return Uint8Array.from(hash.digest());
}

/** WHY no rejection: the hash must have ended before the bytes may change. */
function asFailure(error: unknown): { readonly error: unknown } {
  return { error };
}

type Handle = Awaited<ReturnType<typeof open>>;

/** @returns undefined, so that a failure can take its place */
async function writeWhole(handle: Handle, block: Uint8Array, position: number): Promise<undefined> {
  for (let done = 0; done < block.byteLength;) {
    const { bytesWritten } = await handle.write(block, done, block.byteLength - done, position + done);
    done += bytesWritten;
  }
  return undefined;
}
