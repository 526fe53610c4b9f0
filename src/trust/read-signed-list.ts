import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { SignedList } from './policy/decide-adapter.ts';
import { signatureEndings } from './signatures/signature.ts';

/** A list has a line for each file of an adapter or of a base. */
export const maxListBytes = 1_000_000;

/** A name, and those of the signatures beside it. */
export function withSignatures(name: string): string[] {
  return [name, ...signatureEndings.map((ending) => `${name}${ending}`)];
}

/** A list with its signature, as both lie on a disk. */
export interface FoundList extends SignedList {
  readonly path: string;
  /** Changes whenever the list or its signature does. */
  readonly stamp: string;
}

/** A file that is not long. */
interface SmallFile {
  readonly bytes: Uint8Array;
  /** Changes whenever the file does. */
  readonly stamp: string;
}

/** Reads files of at most `maxListBytes`; undefined for what is no such file, or cannot be read. */
export type ReadSmallFiles = (paths: readonly string[]) => Promise<readonly (SmallFile | undefined)[]>;

/**
 * Those of several lists that can be read: first the ones that are signed, then the others.
 * @param read  reads files. Default: through libuv
 */
export async function readLists(
  paths: readonly string[],
  read: ReadSmallFiles = readSmallFiles,
): Promise<readonly FoundList[]> {
  const wanted = paths.flatMap(withSignatures);
  const contents = await read(wanted);
  const files = new Map(wanted.map((path, index) => [path, contents[index]]));
  const found = paths.flatMap((path) => listAt(path, files) ?? []);
  const isSigned = (list: FoundList): boolean => list.signature !== undefined;
  return [...found.filter(isSigned), ...found.filter((list) => !isSigned(list))];
}

function listAt(path: string, files: ReadonlyMap<string, SmallFile | undefined>): FoundList | undefined {
  const list = files.get(path);
  if (list === undefined) return undefined;
  const { bytes } = list;
  for (const ending of signatureEndings) {
    const signature = files.get(`${path}${ending}`);
    if (signature === undefined) continue;
    const file = `${basename(path)}${ending}`;
    const stamp = `${list.stamp}.${signature.stamp}`;
    const text = Buffer.from(signature.bytes).toString('utf8');
    return { path, file: basename(path), bytes, stamp, signature: { file, text } };
  }
  return { path, file: basename(path), bytes, stamp: list.stamp, signature: undefined };
}

const readSmallFiles: ReadSmallFiles = (paths) => Promise.all(paths.map(readSmall));

async function readSmall(path: string): Promise<SmallFile | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined || !found.isFile() || found.size > maxListBytes) return undefined;
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : { bytes, stamp: `${found.ino}.${found.ctimeNs}` };
}
