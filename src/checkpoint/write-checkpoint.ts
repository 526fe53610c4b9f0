import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Sha256 } from '../core/index.ts';
import { adapterOfCheckpoint, publishFolder, type Replacement } from '../atomic-files/index.ts';
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
  /** Writes the adapter of the checkpoint, in PEFT's layout. Absent: there is none. @param dir  does not exist yet */
  readonly saveAdapter?: ((dir: string) => Promise<void>) | undefined;
}

export interface WriteCheckpointOptions {
  /** Called before each operation that changes the disk. A test can end the process there, or throw what a full disk throws. */
  readonly beforeWrite?: ((what: string) => void) | undefined;
}

/** Bytes that are written at once. WHY so many: the next write begins when the event loop turns, which also computes hashes. */
const blockBytes = 2 ** 26;

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
  { kind, state, parts, saveAdapter }: CheckpointContent,
  { beforeWrite = () => undefined }: WriteCheckpointOptions = {},
): Promise<void> {
  beforeWrite(`the folder for ${dir}`);
  await publishFolder(
    dir,
    async (staging) => {
      const written = await writeParts(staging, parts, beforeWrite);
      if (saveAdapter !== undefined) {
        beforeWrite(adapterOfCheckpoint);
        await saveAdapter(join(staging, adapterOfCheckpoint));
      }
      beforeWrite(indexName);
      await writeFile(join(staging, indexName), encodeIndex({ kind, state, parts: written }));
      beforeWrite(`flush and rename ${dir}`);
    },
    { replace },
  );
  beforeWrite(`after the rename of ${dir}`);
}

/**
 * Writes the parts one after the other. Meanwhile the bytes are hashed, and the parts that are written are flushed. WHY at the same time:
 * the disk is the slowest of the three, and then waits for neither of the others.
 *
 * It ends after all of that has ended, also when it fails: the bytes may change then.
 */
async function writeParts(
  staging: string,
  parts: readonly PartContent[],
  beforeWrite: (what: string) => void,
): Promise<CheckpointPart[]> {
  const hashes: Promise<CheckpointPart>[] = [];
  const flushes: Promise<void>[] = [];
  try {
    for (const part of parts) {
      hashes.push(described(part));
      const path = join(staging, fileOf(part));
      beforeWrite(fileOf(part));
      const handle = await open(path, 'wx');
      const written = writeBytes(handle, part.bytes, (start) => beforeWrite(`${path} from ${start}`));
      flushes.push(flushAfter(written, handle));
      await written;
    }
  } finally {
    await Promise.allSettled([...hashes, ...flushes]);
  }
  await Promise.all(flushes);
  return Promise.all(hashes);
}

/** Flushes a file when it has been written, and closes it in any case. */
async function flushAfter(written: Promise<void>, handle: FileHandle): Promise<void> {
  try {
    await written;
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fileOf({ name, ending = 'bin' }: PartContent): string {
  return `${name}.${ending}`;
}

async function described(part: PartContent): Promise<CheckpointPart> {
  const { name, type, bytes } = part;
  const hash = new Sha256();
  await hash.update(bytes);
  return { name, file: fileOf(part), type, bytes: bytes.byteLength, sha256: Uint8Array.from(hash.digest()) };
}

async function writeBytes(handle: FileHandle, bytes: Uint8Array, beforeBlock: (start: number) => void): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += blockBytes) {
    beforeBlock(start);
    const end = Math.min(start + blockBytes, bytes.byteLength);
    for (let done = start; done < end;) {
      const { bytesWritten } = await handle.write(bytes, done, end - done, done);
      done += bytesWritten;
    }
  }
}
