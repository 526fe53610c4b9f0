import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import { EventFile } from './event-file.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-events-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The records of a file, whose CRCs are checked. */
function recordsOf(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    const record = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 8)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)));
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(maskedCrc32c(record));
    records.push(record);
    at += 12 + length + 4;
  }
  return records;
}

/** The fields of a message, by number; messages in it stay bytes. */
function fieldsOf(bytes: Uint8Array): Map<number, unknown> {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, unknown>();
  while (reader.pos < reader.len) {
    const [id, type] = reader.tag();
    if (type === 0) fields.set(id, Number(reader.int64()));
    else if (type === 1) fields.set(id, reader.double());
    else if (type === 5) fields.set(id, reader.float());
    else fields.set(id, [...((fields.get(id) as Uint8Array[] | undefined) ?? []), reader.bytes()]);
  }
  return fields;
}

const nestedIn = (fields: Map<number, unknown>, id: number, place = 0): Map<number, unknown> =>
  fieldsOf((fields.get(id) as Uint8Array[])[place] ?? new Uint8Array());
const textOf = (fields: Map<number, unknown>, id: number): string =>
  Buffer.from((fields.get(id) as Uint8Array[])[0] ?? []).toString();

describe('crc32c', () => {
  // The examples of RFC 3720, appendix B.4, and the usual check value.
  it.each([
    [Buffer.from('123456789'), 0xe3069283],
    [Buffer.alloc(32), 0x8a9136aa],
    [Buffer.alloc(32, 0xff), 0x62a8ab43],
    [Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
  ])('%#', (bytes, expected) => expect(crc32c(bytes)).toBe(expected));
});

describe('maskedCrc32c', () => {
  // Made with TensorBoard 2.21, `masked_crc32c`.
  it.each([
    [Buffer.from('123456789'), 0xc78ab0e5],
    [Buffer.alloc(32), 0x0fd7fffa],
  ])('%#', (bytes, expected) => expect(maskedCrc32c(bytes)).toBe(expected));
});

describe('EventFile', () => {
  it('writes records with the fields of TensorBoard', async () => {
    {
      await using file = await EventFile.create(join(folder, 'new'), () => 1764500000.5);
      expect(basename(file.path)).toMatch(/^events\.out\.tfevents\.1764500000\.espalier\.[0-9a-f]{8}$/);
      await file.append(40, { kind: 'restart' });
      const values = new Map([
        ['train/loss', 2.5],
        ['train/learning_rate', 0.25],
      ]);
      await file.append(41, { kind: 'scalars', values });
      await file.append(42, { kind: 'text', tag: 'sample/1', text: 'Zoë' });
      const events = recordsOf(await readFile(file.path)).map(fieldsOf);
      expect(events.map((event) => [event.get(1), event.get(2)])).toEqual(
        [0, 40, 41, 42].map((step) => [1764500000.5, step]),
      );
      const [version, restart, scalars, text] = events;
      if (!version || !restart || !scalars || !text) throw new TypeError('four events');
      expect(textOf(version, 3)).toBe('brain.Event:2');
      expect(nestedIn(restart, 7).get(1)).toBe(1);
      const [loss, rate] = [0, 1].map((place) => nestedIn(nestedIn(scalars, 5), 1, place));
      expect([loss && textOf(loss, 1), loss?.get(2), rate && textOf(rate, 1), rate?.get(2)]).toEqual([
        'train/loss',
        2.5,
        'train/learning_rate',
        0.25,
      ]);
      // The number is in f32: a tag of type 5, and four bytes.
      expect(Buffer.from((nestedIn(scalars, 5).get(1) as Uint8Array[])[1] ?? []).toString('latin1')).toBe(
        '\n\x13train/learning_rate\x15\x00\x00\x80\x3e',
      );
      const value = nestedIn(nestedIn(text, 5), 1);
      expect([textOf(value, 1), textOf(nestedIn(value, 8), 8)]).toEqual(['sample/1', 'Zoë']);
      expect([nestedIn(value, 8).get(1), textOf(nestedIn(nestedIn(value, 9), 1), 1)]).toEqual([7, 'text']);
    }
  });
});
