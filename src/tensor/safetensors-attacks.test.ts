import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSafetensors, openSafetensors } from './safetensors-reader.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A file with this header (its true length before it, unless told) and so many bytes of data. */
async function fileWith(header: string | Uint8Array, data = 0, announced?: bigint): Promise<string> {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(announced ?? BigInt(text.length));
  const path = join(folder, 'attack');
  await writeFile(path, Buffer.concat([length, text, Buffer.alloc(data)]));
  return path;
}

const entry = (dtype: string, shape: string, offsets: string): string =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const one = (dtype: string, shape: string, offsets: string): string => `{"x":${entry(dtype, shape, offsets)}}`;
const two = (first: string, second: string): string =>
  `{"a":${entry('"U8"', '[4]', first)},"b":${entry('"U8"', '[4]', second)}}`;
const f32 = (shape: string, offsets: string): string => one('"F32"', shape, offsets);

describe('the header', () => {
  it.each([
    ['an array', '[]', 'SAFETENSORS_HEADER_INVALID', 'does not begin with {'],
    ['leading space', ' {}', 'SAFETENSORS_HEADER_INVALID', 'does not begin with {'],
    ['nothing at all', '', 'SAFETENSORS_HEADER_INVALID', 'does not begin with {'],
    ['an object that never ends', '{', 'SAFETENSORS_HEADER_INVALID', 'found the end'],
    ['text after the object', '{} x', 'SAFETENSORS_HEADER_INVALID', 'expected the end, found x'],
    ['a zero byte after the object', '{}\0', 'SAFETENSORS_HEADER_INVALID', 'found byte 0x00'],
    ['a comma too many', '{"__metadata__":{},}', 'SAFETENSORS_HEADER_INVALID', 'expected ", found }'],
    ['a number for a tensor', '{"x":1}', 'SAFETENSORS_HEADER_INVALID', 'expected {, found 1'],
    ['metadata that is no text', '{"__metadata__":{"a":1}}', 'SAFETENSORS_HEADER_INVALID', 'expected ", found 1'],
    ['nesting without end', '{"x":'.repeat(10_000), 'SAFETENSORS_HEADER_INVALID', 'unknown key "x"'],
    ['a string without an end', '{"x', 'SAFETENSORS_HEADER_INVALID', 'a string has no end'],
    ['a string with a line break', '{"x\n":1}', 'SAFETENSORS_HEADER_INVALID', 'a control character'],
    ['an unknown escape', '{"\\q":1}', 'SAFETENSORS_HEADER_INVALID', 'an unknown escape'],
    ['half a surrogate pair', '{"\\ud800":1}', 'SAFETENSORS_HEADER_INVALID', 'half of a surrogate pair'],
    ['an unknown key', '{"x":{"type":1}}', 'SAFETENSORS_HEADER_INVALID', 'unknown key "type"'],
    ['no dtype', '{"x":{"shape":[],"data_offsets":[0,0]}}', 'SAFETENSORS_HEADER_INVALID', 'x has no dtype'],
    ['no shape', '{"x":{"dtype":"F32","data_offsets":[0,0]}}', 'SAFETENSORS_HEADER_INVALID', 'x has no shape'],
    ['no offsets', '{"x":{"dtype":"F32","shape":[]}}', 'SAFETENSORS_HEADER_INVALID', 'x has no data_offsets'],
    ['a tensor twice', '{"x":{},"x":{}}', 'SAFETENSORS_HEADER_INVALID', 'x has no dtype'],
    ['a key twice in a tensor', '{"x":{"shape":[],"shape":[]}}', 'SAFETENSORS_HEADER_INVALID', '"shape" comes twice'],
    ['a text for a shape', f32('"1"', '[0,4]'), 'SAFETENSORS_HEADER_INVALID', 'expected [, found "'],
    ['null in a shape', f32('[null]', '[0,4]'), 'SAFETENSORS_HEADER_INVALID', 'expected a number, found n'],
    ['a leading zero', f32('[01]', '[0,4]'), 'SAFETENSORS_HEADER_INVALID', 'expected a number, found 0'],
  ])('is refused with %s', async (_, header, code, text) => {
    const path = await fileWith(header);
    await expect(openSafetensors(path)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
  });

  it('is refused with the same tensor twice, even under an escaped name', async () => {
    const whole = entry('"U8"', '[0]', '[0,0]');
    for (const again of ['"x"', '"\\u0078"']) {
      const path = await fileWith(`{"x":${whole},${again}:${whole}}`);
      await expect(openSafetensors(path)).rejects.toThrow('the key "x" comes twice');
    }
  });

  it('is refused when it is not UTF-8', async () => {
    const path = await fileWith(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]));
    await expect(openSafetensors(path)).rejects.toThrow('a string is not UTF-8');
  });

  it('is refused when it ends inside the length that it announces', async () => {
    const path = await fileWith(`{"x":${entry('"F32"', '[1]', '[0,4]')}}`, 4, 20n);
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'SAFETENSORS_HEADER_INVALID' });
  });

  it('keeps keys such as __proto__ as plain names', async () => {
    const path = await fileWith(`{"__metadata__":{"__proto__":"a"},"__proto__":${entry('"U8"', '[1]', '[0,1]')}}`, 1);
    const { metadata, tensors } = await loadSafetensors(path);
    expect(Object.entries(metadata)).toEqual([['__proto__', 'a']]);
    expect([...tensors.keys()]).toEqual(['__proto__']);
  });
});

describe('the length of the header', () => {
  it.each([100_000_001n, 2n ** 63n, 2n ** 64n - 1n])(
    'is refused at %d bytes without reading them',
    async (announced) => {
      const path = await fileWith('{}', 0, announced);
      await expect(openSafetensors(path)).rejects.toMatchObject({
        code: 'SAFETENSORS_HEADER_TOO_LARGE',
        message: expect.stringContaining(String(announced)),
      });
    },
  );

  it('is refused beyond the end of the file', async () => {
    const path = await fileWith('{}', 0, 3n);
    await expect(openSafetensors(path)).rejects.toThrow('the header needs 11 bytes, the file has 10');
  });

  it('has a limit that a caller can lower', async () => {
    const path = await fileWith('{}          ');
    await expect(openSafetensors(path, { maxHeaderBytes: 8 })).rejects.toThrow('the limit is 8');
  });

  it('is missing in a file of seven bytes', async () => {
    const path = join(folder, 'seven');
    await writeFile(path, Buffer.alloc(7));
    await expect(openSafetensors(path)).rejects.toThrow('the length of the header needs 8 bytes, the file has 7');
  });
});

describe('a tensor', () => {
  it.each([
    ['an unknown type', one('"F8_E5M2"', '[4]', '[0,4]'), 4, 'SAFETENSORS_DTYPE_UNKNOWN', 'F8_E5M2. Known types: F64'],
    ['a negative dimension', f32('[-1]', '[0,4]'), 4, 'SAFETENSORS_SHAPE_INVALID', '-1 is no whole number'],
    ['a broken dimension', f32('[1.5]', '[0,4]'), 4, 'SAFETENSORS_SHAPE_INVALID', '1.5 is no whole number'],
    ['an exponent', f32('[1e0]', '[0,4]'), 4, 'SAFETENSORS_SHAPE_INVALID', '1e0 is no whole number'],
    ['a dimension past 2^53', f32('[9007199254740993]', '[0,4]'), 4, 'SAFETENSORS_SHAPE_INVALID', 'beyond 2^53'],
    [
      'too many elements',
      f32('[1099511627776,1099511627776]', '[0,4]'),
      4,
      'SAFETENSORS_SHAPE_INVALID',
      '2^53 - 1 bytes',
    ],
    [
      'too many, times 0',
      f32('[1099511627776,1099511627776,0]', '[0,0]'),
      0,
      'SAFETENSORS_SHAPE_INVALID',
      '2^53 - 1 bytes',
    ],
    ['a thousand dimensions', f32(`[${Array(1000).fill(1)}]`, '[0,4]'), 4, 'SAFETENSORS_SHAPE_INVALID', 'more than 64'],
    ['a negative offset', f32('[1]', '[-4,0]'), 4, 'SAFETENSORS_OFFSETS_INVALID', '-4 is no whole number'],
    ['an offset past 2^53', f32('[1]', '[0,18446744073709551615]'), 4, 'SAFETENSORS_OFFSETS_INVALID', 'beyond 2^53'],
    ['a broken offset', f32('[1]', '[0,4.0]'), 4, 'SAFETENSORS_OFFSETS_INVALID', '4.0 is no whole number'],
    ['one offset', f32('[1]', '[0]'), 4, 'SAFETENSORS_OFFSETS_INVALID', 'expected two numbers, got 1'],
    ['three offsets', f32('[1]', '[0,4,8]'), 4, 'SAFETENSORS_OFFSETS_INVALID', 'expected two numbers, got 3'],
    [
      'an end before its begin',
      f32('[1]', '[4,0]'),
      4,
      'SAFETENSORS_OFFSETS_INVALID',
      'begins at 4, after its end at 0',
    ],
    ['too short a range', f32('[2]', '[0,4]'), 4, 'SAFETENSORS_OFFSETS_INVALID', 'takes 8 bytes, the range has 4'],
    ['too long a range', f32('[1]', '[0,8]'), 8, 'SAFETENSORS_OFFSETS_INVALID', 'takes 4 bytes, the range has 8'],
    ['data that is cut off', f32('[2]', '[0,8]'), 7, 'SAFETENSORS_TRUNCATED', 'tensor x needs'],
    ['an overlap', two('[0,4]', '[3,7]'), 7, 'SAFETENSORS_OVERLAP', 'Tensors a and b'],
    ['the same bytes as another', two('[0,4]', '[0,4]'), 4, 'SAFETENSORS_OVERLAP', 'share bytes'],
    ['a hole before it', two('[0,4]', '[5,9]'), 9, 'SAFETENSORS_GAP', '1 bytes before tensor b'],
    ['a hole at the start', f32('[1]', '[4,8]'), 8, 'SAFETENSORS_GAP', '4 bytes before tensor x'],
    ['bytes after it', f32('[1]', '[0,4]'), 6, 'SAFETENSORS_TRAILING_BYTES', '2 bytes after its last tensor'],
  ])('is refused with %s', async (_, header, data, code, text) => {
    const path = await fileWith(header, data);
    await expect(openSafetensors(path)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
    await expect(loadSafetensors(path)).rejects.toMatchObject({ code });
  });
});

describe('a path', () => {
  it('is refused when nothing, or a folder, is there', async () => {
    const empty = join(folder, 'folder');
    await mkdir(empty);
    await expect(openSafetensors(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(openSafetensors(empty)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('a sparse file of terabytes', () => {
  it('is opened by its header alone', async () => {
    const bytes = 2 ** 40;
    const path = await fileWith(one('"U8"', `[${bytes}]`, `[0,${bytes}]`));
    const handle = await open(path, 'r+');
    const { size } = await handle.stat();
    await handle.truncate(size + bytes);
    await handle.close();
    const { entries } = await openSafetensors(path);
    expect(entries.get('x')?.length).toBe(bytes);
  });
});
