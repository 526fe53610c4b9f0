import * as fc from 'fast-check';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { byteLength, type DataType } from './data-type.ts';
import { safetensorsTypes } from './safetensors-header.ts';
import { loadSafetensors, openSafetensors, readTensor } from './safetensors-reader.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { tensorOf, typedArray, type TensorData } from './tensor-data.ts';

const golden = fileURLToPath(new URL('../../test/golden/llama/', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

const dtypes: readonly DataType[] = Object.values(safetensorsTypes);
const anyTensor = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }) })
  .chain(({ dtype, shape }) => {
    const size = byteLength(dtype, shape);
    const bytes = fc.uint8Array({ minLength: size, maxLength: size });
    return bytes.map((filled): TensorData => ({ dtype, shape, bytes: filled }));
  });
const anyName = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((name) => name !== '__metadata__');
const anyMetadata = fc.dictionary(anyName, fc.string({ unit: 'grapheme' }), { noNullPrototype: true, maxKeys: 3 });

describe('writing and reading', () => {
  it('gives every tensor and all metadata back', async () => {
    const path = join(folder, 'roundtrip.safetensors');
    const files = fc.tuple(fc.array(fc.tuple(anyName, anyTensor), { maxLength: 6 }), anyMetadata);
    await fc.assert(
      fc.asyncProperty(files, async ([list, metadata]) => {
        const tensors = new Map(list);
        await writeSafetensors(path, tensors, { metadata });
        const loaded = await loadSafetensors(path);
        expect(loaded.metadata).toEqual(metadata);
        expect(new Map([...loaded.tensors].sort())).toEqual(new Map([...tensors].sort()));
        const file = await openSafetensors(path);
        for (const [name, tensor] of tensors) expect(await readTensor(file, name)).toEqual(tensor);
      }),
      { numRuns: 40 },
    );
  });

  it('writes the same bytes whatever the order, each tensor aligned for its type', async () => {
    const tensors: [string, TensorData][] = [
      ['flag', tensorOf('bool', [3], [1, 0, 1])],
      ['b', tensorOf('float32', [1], [2])],
      ['a', tensorOf('float32', [1], [1])],
      ['ids', tensorOf('int64', [2], [1, 2])],
    ];
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await writeSafetensors(one, tensors, { metadata: { format: 'pt', a: 'b' } });
    await writeSafetensors(other, [...tensors].reverse(), { metadata: { a: 'b', format: 'pt' } });
    expect(await readFile(one)).toEqual(await readFile(other));
    const { entries } = await openSafetensors(one);
    expect([...entries.keys()]).toEqual(['ids', 'a', 'b', 'flag']);
    expect((entries.get('ids')?.offset ?? 1) % 8).toBe(0);
  });

  it('replaces a file in one step and leaves nothing beside it', async () => {
    const path = join(await mkdtemp(join(folder, 'replace-')), 'file');
    await writeSafetensors(path, [['x', tensorOf('float32', [1], [1])]]);
    await writeSafetensors(path, [['x', tensorOf('float32', [1], [2])]]);
    expect(await readdir(join(path, '..'))).toEqual(['file']);
    const { tensors } = await loadSafetensors(path);
    expect(tensors.get('x')).toEqual(tensorOf('float32', [1], [2]));
  });

  it('keeps the old file when the new one cannot be written', async () => {
    const path = join(await mkdtemp(join(folder, 'keep-')), 'file');
    await writeSafetensors(path, [['x', tensorOf('float32', [1], [1])]]);
    const x = tensorOf('float32', [1], [2]);
    const short: TensorData = { ...x, shape: [2] };
    await expect(writeSafetensors(path, [['x', x], ['x', x]])).rejects.toThrow('the name x comes twice'); // prettier-ignore
    await expect(writeSafetensors(path, [['y', short]])).rejects.toThrow('y has 4 bytes, float32 [2] takes 8');
    await expect(writeSafetensors(path, [['__metadata__', x]])).rejects.toThrow('keeps the name __metadata__');
    await expect(writeSafetensors(path, [['z', { ...x, dtype: 'int4' }]])).rejects.toThrow('no element type for int4');
    expect(await readdir(join(path, '..'))).toEqual(['file']);
    expect((await loadSafetensors(path)).tensors.get('x')).toEqual(tensorOf('float32', [1], [1]));
  });

  it('reads a file that PyTorch wrote', async () => {
    const file = await openSafetensors(join(golden, 'expected.safetensors'));
    const ids = await readTensor(file, 'input_ids');
    expect([ids.dtype, ids.shape]).toEqual(['int64', [3, 12]]);
    const logits = typedArray(await readTensor(file, 'base_logits'));
    expect(logits.every((value) => Number.isFinite(value))).toBe(true);
  });

  it('names the nearest tensor where one is missing', async () => {
    const file = await openSafetensors(join(golden, 'expected.safetensors'));
    await expect(readTensor(file, 'base_logit')).rejects.toMatchObject({ code: 'TENSOR_NOT_FOUND' });
    await expect(readTensor(file, 'base_logit')).rejects.toThrow('Did you mean base_logits?');
  });

  it('notices that the file was replaced after it was opened', async () => {
    const path = join(folder, 'replaced');
    await writeSafetensors(path, [['x', tensorOf('float32', [1], [1])]]);
    const file = await openSafetensors(path);
    await writeSafetensors(path, [['x', tensorOf('float32', [1], [2])]]);
    await expect(readTensor(file, 'x')).rejects.toMatchObject({ code: 'SAFETENSORS_CHANGED', retryable: true });
  });

  it('reads a sound file from the map of a header, whatever white space it is written with', async () => {
    const path = join(folder, 'spaces');
    const header = '{ "x" :\n{"shape":[ ], "data_offsets" :[0 ,4],\t"dtype":"F32" } , "__metadata__":{ } }  \n';
    await writeFile(path, Buffer.concat([lengthOf(header.length), Buffer.from(header), Buffer.alloc(4)]));
    expect((await loadSafetensors(path)).tensors.get('x')).toEqual(tensorOf('float32', [], [0]));
  });
});

describe('a damaged file', () => {
  it('either fails with a code of ours or differs in data bytes only, for any one byte changed', async () => {
    const path = join(folder, 'corrupt');
    const tensors = new Map<string, TensorData>([
      ['a', tensorOf('float32', [2, 2], [1, 2, 3, 4])],
      ['b', tensorOf('uint8', [3], [5, 6, 7])],
    ]);
    await writeSafetensors(path, tensors, { metadata: { format: 'pt' } });
    const sound = await readFile(path);
    const dataStart = 8 + Number(sound.readBigUInt64LE());
    const damage = fc.record({ at: fc.nat(dataStart - 1), value: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(damage, async ({ at, value }) => {
        const bytes = Buffer.from(sound);
        bytes[at] = value;
        expect(await outcomeOf(path, bytes)).toMatch(/^SAFETENSORS_|^5,6,7;0,0,128,63,0,0,0,64,0,0,64,64,0,0,128,64$/);
      }),
      { numRuns: 250 },
    );
  });

  it('is refused when bytes are taken out or put in anywhere', async () => {
    const path = join(folder, 'spliced');
    const tensors = new Map<string, TensorData>([['a', tensorOf('float32', [2, 2], [1, 2, 3, 4])]]);
    await writeSafetensors(path, tensors, { metadata: { format: 'pt' } });
    const sound = await readFile(path);
    const splice = fc.record({ at: fc.nat(sound.length), taken: fc.nat(20), put: fc.uint8Array({ maxLength: 20 }) });
    await fc.assert(
      fc.asyncProperty(splice, async ({ at, taken, put }) => {
        const bytes = Buffer.concat([sound.subarray(0, at), put, sound.subarray(at + taken)]);
        fc.pre(bytes.length !== sound.length);
        expect(await outcomeOf(path, bytes)).toMatch(/^SAFETENSORS_/);
      }),
      { numRuns: 150 },
    );
  });

  it('is refused when cut at any byte', async () => {
    const path = join(folder, 'cut');
    await writeSafetensors(path, [['x', tensorOf('int16', [5], [1, 2, 3, 4, 5])]]);
    const sound = await readFile(path);
    for (let length = 0; length < sound.length; length++) {
      expect(await outcomeOf(path, sound.subarray(0, length))).toBe('SAFETENSORS_TRUNCATED');
    }
  });
});

/** The code of the error; or, where the file is taken, the bytes of its tensors: a changed letter may name a tensor
 *  anew or turn its type into an equally wide one, but never move it. */
async function outcomeOf(path: string, file: Uint8Array): Promise<string> {
  await writeFile(path, file);
  return loadSafetensors(path).then(
    ({ tensors }) => [...tensors.values()].map(({ bytes }) => bytes.join()).sort().reverse().join(';'), // prettier-ignore
    (error: unknown) => (EspalierError.isInstance(error) ? error.code : `crash: ${String(error)}`),
  );
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(length));
  return bytes;
}
