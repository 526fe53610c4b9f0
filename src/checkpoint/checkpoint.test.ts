import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode, decodeMulti } from '@msgpack/msgpack';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../native/index.ts';
import { decodeIndex, encodeIndex, indexName } from './checkpoint-index.ts';
import { checkpointPath, keepOnly, listCheckpoints, openNewest, resolveCheckpoints } from './checkpoint-folder.ts';
import { OpenCheckpoint } from './open-checkpoint.ts';
import { writeCheckpoint, type CheckpointContent } from './write-checkpoint.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-checkpoint-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const numbers = Float32Array.from({ length: 300 }, (_, i) => i / 7);
const content: CheckpointContent = {
  kind: 'test',
  state: { step: 3, ratio: 0.1, none: undefined, infinite: Infinity, large: 2 ** 40 },
  parts: [
    { name: 'numbers', type: 'float32', bytes: new Uint8Array(numbers.buffer) },
    { name: 'lines', type: 'bytes', bytes: Buffer.from('{"a":1}\n'), ending: 'jsonl' },
    { name: 'nothing', type: 'float64', bytes: new Uint8Array() },
  ],
};

/** Opens a checkpoint and reads every byte. @returns the code of the error; undefined if it is sound */
async function problemOf(dir: string): Promise<string | undefined> {
  try {
    await (await OpenCheckpoint.open(dir)).verify();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a checkpoint', () => {
  it('gives back its state and its arrays, which are mapped', async () => {
    const dir = join(folder, 'one');
    await writeCheckpoint(dir, content);
    expect((await readdir(dir)).sort()).toEqual([indexName, 'lines.jsonl', 'nothing.bin', 'numbers.bin']);
    const checkpoint = await OpenCheckpoint.open(dir);
    await checkpoint.verify();
    expect(checkpoint.index).toMatchObject({ kind: 'test', state: { step: 3, ratio: 0.1, infinite: Infinity } });
    expect(checkpoint.index.state).not.toHaveProperty('none');
    {
      using memory = await checkpoint.map('numbers');
      expect(memory.float32()).toEqual(numbers);
      memory.float32()[0] = 5;
    }
    expect(await problemOf(dir)).toBeUndefined();
    expect(Buffer.from(await checkpoint.read('lines')).toString()).toBe('{"a":1}\n');
    expect(() => checkpoint.part('other')).toThrow('has no part other');
    expect(liveHandles()).toEqual({});
  });

  it('has an index that any reader of msgpack reads', async () => {
    const dir = join(folder, 'one');
    await writeCheckpoint(dir, content);
    const [index, digest] = [...decodeMulti(await readFile(join(dir, indexName)))];
    expect(index).toMatchObject({ format: 'espalier-checkpoint', version: 1, kind: 'test' });
    expect(digest).toHaveLength(32);
  });

  it('is refused after any bit of any file has flipped, and after any truncation or growth', async () => {
    const dir = join(folder, 'one');
    await writeCheckpoint(dir, content);
    const files = (await readdir(dir)).sort();
    const originals = await Promise.all(files.map((name) => readFile(join(dir, name))));
    const damage = fc.record({
      file: fc.nat({ max: files.length - 1 }),
      at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      how: fc.oneof(fc.nat({ max: 7 }), fc.constantFrom('cut', 'grow', 'remove')),
    });
    let flips = 0;
    await fc.assert(
      fc.asyncProperty(damage, async ({ file, at, how }) => {
        const [name = '', bytes = Buffer.alloc(0)] = [files[file], originals[file]];
        const place = join(dir, name);
        const position = Math.floor(at * bytes.length);
        const changed = Buffer.from(bytes);
        if (typeof how === 'number' && bytes.length > 0) changed[position] = (changed[position] ?? 0) ^ (1 << how);
        try {
          if (how === 'remove') await rm(place);
          else if (how === 'grow') await writeFile(place, Buffer.concat([bytes, Buffer.from([0])]));
          else await writeFile(place, how === 'cut' ? bytes.subarray(0, position) : changed);
          const isSame = (typeof how === 'number' || how === 'cut') && bytes.length === 0;
          if (typeof how === 'number' && !isSame) flips += 1;
          expect(await problemOf(dir)).toBe(
            isSame ? undefined : how === 'remove' && name === indexName ? 'CHECKPOINT_NOT_FOUND' : 'CHECKPOINT_INVALID',
          );
        } finally {
          await writeFile(place, bytes);
        }
      }),
      { numRuns: 300, seed: 5 },
    );
    expect(flips).toBeGreaterThan(50);
    expect(await problemOf(dir)).toBeUndefined();
  });

  it('replaces an earlier one of the same path, and leaves that as it is when the disk is full', async () => {
    const dir = join(folder, 'one');
    await writeCheckpoint(dir, content);
    const before = await readFile(join(dir, indexName));
    const places: string[] = [];
    await writeCheckpoint(dir, { ...content, state: 'other' }, { beforeWrite: (what) => void places.push(what) });
    const other = await readFile(join(dir, indexName));
    expect(other.equals(before)).toBe(false);
    for (const broken of places.keys()) {
      let calls = 0;
      const beforeWrite = (): void => {
        if (calls++ === broken) throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
      };
      const isLast = broken === places.length - 1;
      await expect(writeCheckpoint(dir, content, { beforeWrite })).rejects.toMatchObject({
        code: isLast || broken === 0 ? 'ENOSPC' : 'DISK_FULL',
      });
      expect((await readFile(join(dir, indexName))).equals(isLast ? before : other)).toBe(true);
      expect(await problemOf(dir)).toBeUndefined();
      expect(await readdir(folder)).toEqual(['one']);
    }
  });
});

describe('decodeIndex', () => {
  it('refuses other formats, newer versions, names that lead out of the folder, and parts that are named twice', () => {
    const part = { name: 'a', file: 'a.bin', type: 'bytes', bytes: 1, sha256: new Uint8Array(32) } as const;
    const encoded = (parts: readonly (typeof part)[]): Uint8Array => encodeIndex({ kind: 'k', state: 0, parts });
    expect(decodeIndex(encoded([part]))).toMatchObject({ parts: [{ name: 'a' }] });
    for (const file of ['../a.bin', 'a/b.bin', '.a.bin', 'a']) {
      expect(decodeIndex(encoded([{ ...part, file: file as 'a.bin' }]))).toContain('is not an index');
    }
    expect(decodeIndex(encoded([part, part]))).toContain('names a part twice');
    expect(decodeIndex(new Uint8Array(10))).toContain('cut off');
    expect(decodeIndex(new Uint8Array(100))).toContain('does not have the hash');
  });

  it.each([
    ['parts', { bytes: -1 }],
    ['parts', { bytes: 1.5 }],
    ['parts', { type: 'int8' }],
    ['parts', { type: 'toString' }],
    ['parts', { name: '' }],
    ['parts', { sha256: new Uint8Array(31) }],
    ['parts', { other: 1 }],
    ['index', { kind: '' }],
    ['index', { parts: 3 }],
    ['index', { version: 0 }],
    ['index', { format: 'another' }],
    ['index', { other: 1 }],
  ])('refuses an index with this in its %s: %j', (place, change) => {
    const part = { name: 'a', file: 'a.bin', type: 'bytes', bytes: 1, sha256: new Uint8Array(32) };
    const parts = [place === 'parts' ? { ...part, ...change } : part];
    const index = { format: 'espalier-checkpoint', version: 1, kind: 'k', state: 0, parts };
    expect(decodeIndex(signed(place === 'index' ? { ...index, ...change } : index))).toContain('is not an index');
    expect(decodeIndex(signed({ ...index, parts: [part] }))).toMatchObject({ kind: 'k' });
    expect(decodeIndex(signed({ ...index, version: 2 }))).toContain('has version 2');
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(typeof decodeIndex(bytes)).toBe('string');
        const digest = createHash('sha256').update(bytes).digest();
        expect(typeof decodeIndex(Buffer.concat([bytes, Buffer.from([0xc4, 0x20]), digest]))).toBe('string');
      }),
    );
  });
});

describe('a folder of checkpoints', () => {
  it('lists the newest first, skips those that are damaged, and keeps only those that are named', async () => {
    for (const step of [5, 10, 15]) await writeCheckpoint(checkpointPath(folder, step), content);
    await writeFile(join(folder, 'step-x'), '');
    expect((await listCheckpoints(folder)).map(({ step }) => step)).toEqual([15, 10, 5]);
    await writeFile(join(checkpointPath(folder, 15), 'numbers.bin'), 'short');
    const { checkpoint, refused } = await openNewest(folder);
    expect(checkpoint?.path).toBe(checkpointPath(folder, 10));
    expect(refused).toMatchObject([{ path: checkpointPath(folder, 15), error: { code: 'CHECKPOINT_INVALID' } }]);
    // What ended processes left long ago, of a checkpoint and of something else.
    for (const name of ['.step-000000020.partial-77', '.other.partial-77']) {
      await mkdir(join(folder, name));
      await utimes(join(folder, name), 1, 1);
    }
    await keepOnly(folder, new Set([5]));
    expect((await readdir(folder)).sort()).toEqual(['.other.partial-77', 'step-000000005', 'step-x']);
    expect(await resolveCheckpoints(folder)).toEqual([checkpointPath(folder, 5)]);
    expect(await resolveCheckpoints(checkpointPath(folder, 5))).toEqual([checkpointPath(folder, 5)]);
    await expect(resolveCheckpoints(join(folder, 'none'))).rejects.toMatchObject({ code: 'CHECKPOINT_NOT_FOUND' });
  });
});

/** An index as it is written, whatever it says. */
function signed(index: unknown): Uint8Array {
  const body = encode(index);
  return Buffer.concat([body, Buffer.from([0xc4, 0x20]), createHash('sha256').update(body).digest()]);
}
