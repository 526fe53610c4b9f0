import { readFileSync, statSync, type Stats } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, Sha256 } from '../core/index.ts';
import { NativeMemory } from '../native/index.ts';
import { decodeIndex, indexName, partTypes, type CheckpointIndex, type CheckpointPart } from './checkpoint-index.ts';

/** WHY a limit: the index holds no arrays, and a file of another kind under its name must not fill the memory. */
const maxIndexBytes = 2 ** 26;

/** A checkpoint whose index was read and whose files have the right lengths. */
export class OpenCheckpoint {
  readonly path: string;
  readonly index: CheckpointIndex;

  private constructor(path: string, index: CheckpointIndex) {
    this.path = path;
    this.index = index;
  }

  /**
   * Reads the index, and checks its hash and the lengths of all parts. The hashes of the parts are checked by `verify`.
   * @throws EspalierError CHECKPOINT_NOT_FOUND, CHECKPOINT_INVALID
   */
  static async open(path: string): Promise<OpenCheckpoint> {
    // WHY not on another thread: these calls take microseconds, and handing one over takes 0.3 ms of processor time and waits for the thread.
    const place = join(path, indexName);
    const found = statsOf(place);
    if (found?.isFile() !== true) throw new EspalierError('CHECKPOINT_NOT_FOUND', { path, expected: indexName });
    const index = found.size > maxIndexBytes ? `${indexName} is too large` : decodeIndex(readFileSync(place));
    if (typeof index === 'string') throw invalid(path, index);
    for (const part of index.parts) assertLength(path, part);
    return new OpenCheckpoint(path, index);
  }

  /**
   * Maps a part into memory: its bytes are read from the disk when they are first used, and writes to the memory do not reach the
   * file. The caller disposes the memory.
   *
   * @throws EspalierError CHECKPOINT_INVALID if there is no such part, or if its file has changed
   */
  async map(name: string): Promise<NativeMemory> {
    const { file, bytes } = this.part(name);
    const memory = await NativeMemory.mapFile(join(this.path, file));
    if (memory.byteLength === bytes) return memory;
    memory.dispose();
    throw invalid(this.path, `${file} has changed`);
  }

  /** Reads a part that is not an array. @throws EspalierError CHECKPOINT_INVALID */
  async read(name: string): Promise<Uint8Array> {
    return readFile(join(this.path, this.part(name).file));
  }

  /** @throws EspalierError CHECKPOINT_INVALID if there is no such part */
  part(name: string): CheckpointPart {
    const part = this.index.parts.find((each) => each.name === name);
    if (part === undefined) throw invalid(this.path, `it has no part ${name}`);
    return part;
  }

  /**
   * Reads every byte of every part and compares the hashes.
   * @throws EspalierError CHECKPOINT_INVALID with the name of the first file that differs; the signal's reason
   */
  async verify({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    for (const part of this.index.parts) {
      const digest = await hashFile(join(this.path, part.file), signal);
      if (!Buffer.from(digest).equals(part.sha256)) {
        throw invalid(this.path, `${part.file} does not have the hash that the index names`);
      }
    }
  }
}

/** undefined if there is no such file, or if it cannot be looked at. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function assertLength(path: string, { file, bytes, type }: CheckpointPart): void {
  const found = statsOf(join(path, file));
  if (found === undefined) throw invalid(path, `${file} is missing`);
  if (found.size !== bytes) throw invalid(path, `${file} has ${found.size} bytes, and the index names ${bytes}`);
  if (bytes % partTypes[type] !== 0) throw invalid(path, `the length of ${file} is no multiple of that of ${type}`);
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const hash = new Sha256();
  await using handle = await open(path);
  await hash.updateFrom(handle, { signal });
  return hash.digest();
}

function invalid(path: string, problem: string): EspalierError {
  return new EspalierError('CHECKPOINT_INVALID', { path, problem });
}
