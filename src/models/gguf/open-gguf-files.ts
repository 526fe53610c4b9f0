import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EspalierError } from '../../core/index.ts';
import { modelLimits, readGgufHeader, type GgufContent, type GgufTensor, type GgufValue } from '../../tensor/index.ts';

/** A tensor in one of the files of a GGUF model. */
export interface PlacedTensor extends GgufTensor {
  readonly location: string;
}

/** The headers of a GGUF model, which may be split into several files. */
export interface GgufModel {
  readonly dir: string;
  /** The first file, which has the metadata. */
  readonly file: string;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  readonly locations: readonly string[];
}

const ending = /\.gguf$/i;
/** `name-00001-of-00003.gguf`, as llama.cpp names the parts of a split model. */
const part = /^(?<stem>.*)-(?<index>\d{5})-of-(?<count>\d{5})\.gguf$/i;

/**
 * The GGUF file that a path names: itself, or the only one of a folder that has no checkpoint. Of a split model it is the first part.
 * @returns undefined if there is none
 * @throws EspalierError GGUF_UNSUPPORTED if a folder has several
 */
export async function findGguf(path: string): Promise<string | undefined> {
  if (ending.test(path)) return (await isFile(path)) ? path : undefined;
  const names = await readdir(path).catch(() => []);
  if (names.some((name) => /\.safetensors(\.index\.json)?$/.test(name))) return undefined;
  const found = names
    .filter((name) => ending.test(name) && Number(part.exec(name)?.groups?.['index'] ?? 1) === 1)
    .sort();
  if (found.length > 1) {
    const reason = `the folder has several models, ${found.slice(0, 8).join(', ')}; name one of these files`;
    throw new EspalierError('GGUF_UNSUPPORTED', { path, reason });
  }
  return found[0] === undefined ? undefined : join(path, found[0]);
}

/** Opens the files of a model. @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED, FILE_NOT_FOUND for a missing part */
export async function openGgufFiles(path: string): Promise<GgufModel> {
  const [dir, file] = [dirname(path), basename(path)];
  const first = await readHeader(path);
  const { metadata } = first;
  const count = metadata.get('split.count') ?? 1;
  const tensors = new Map(placed(first, file));
  const locations = [file];
  const malformed = (reason: string): EspalierError => new EspalierError('GGUF_MALFORMED', { path, reason });
  if (typeof count === 'number' && count > 1) {
    const { stem, index, count: named } = part.exec(file)?.groups ?? {};
    if (Number(index) !== 1 || Number(named) !== count) {
      throw malformed(
        `it is one of ${count} parts, and its name is not that of the first: …-00001-of-${padded(count)}.gguf`,
      );
    }
    for (let i = 2; i <= count; i++) {
      const location = `${stem}-${padded(i)}-of-${padded(count)}.gguf`;
      locations.push(location);
      for (const [name, tensor] of placed(await readHeader(join(dir, location)), location)) {
        if (tensors.has(name)) throw malformed(`two parts hold ${name}`);
        tensors.set(name, tensor);
      }
    }
    const all = metadata.get('split.tensors.count');
    if (typeof all === 'number' && all !== tensors.size)
      throw malformed(`its parts hold ${tensors.size} tensors, not ${all}`);
  }
  return { dir, file, metadata, tensors, locations };
}

/** Whether a GGUF file holds a model and no adapter. @throws EspalierError GGUF_MALFORMED, GGUF_UNSUPPORTED, FILE_NOT_FOUND */
export async function isGgufModel(path: string): Promise<boolean> {
  const { metadata } = await readHeader(path);
  return metadata.get('general.type') !== 'adapter';
}

function padded(count: number): string {
  return String(count).padStart(5, '0');
}

function placed({ tensors }: GgufContent, location: string): [string, PlacedTensor][] {
  return [...tensors].map(([name, tensor]) => [name, { ...tensor, location }]);
}

async function readHeader(path: string): Promise<GgufContent> {
  await using file = await open(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'GGUF file', path }, { cause });
  });
  const { size } = await file.stat();
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  return await readGgufHeader({ path, size, read }, modelLimits);
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
