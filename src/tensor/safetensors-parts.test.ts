import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tensorOf } from './tensor-data.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { writeSafetensorsInParts, type PartWriter } from './safetensors-parts.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-parts-'));
});
afterEach(() => rm(folder, { recursive: true }));

const a = tensorOf('uint8', [2, 3], [1, 2, 3, 4, 5, 6]);
const b = tensorOf('float32', [2], [0.5, -1]);
const empty = tensorOf('float32', [0], []);

function write(fill: (writer: PartWriter) => Promise<void>): Promise<void> {
  return writeSafetensorsInParts(join(folder, 'parts'), Object.entries({ a, b, empty }), fill);
}

describe('writeSafetensorsInParts', () => {
  it('gives the same file in whatever order the parts come', async () => {
    await write(async (writer) => {
      await writer.write('a', 4, a.bytes.subarray(4));
      await writer.write('b', 0, b.bytes);
      await writer.write('a', 0, a.bytes.subarray(0, 4));
    });
    await writeSafetensors(join(folder, 'whole'), Object.entries({ a, b, empty }));
    expect((await readFile(join(folder, 'parts'))).equals(await readFile(join(folder, 'whole')))).toBe(true);
  });

  it.each<[string, (writer: PartWriter) => Promise<void>]>([
    ['lacks bytes', (writer) => writer.write('b', 0, b.bytes)],
    ['reaches beyond its tensor', (writer) => writer.write('a', 4, a.bytes)],
  ])('leaves nothing behind when a part %s', async (_, fill) => {
    await expect(write(fill)).rejects.toMatchObject({ code: 'SAFETENSORS_NOT_WRITABLE' });
    expect(await readdir(folder)).toEqual([]);
  });
});
