import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { SignedList } from './policy/decide-adapter.ts';
import { signatureEndings } from './signatures/signature.ts';

/** A list has a line for each file of an adapter or of a base. */
const maxBytes = 1_000_000;

/** A list with its signature, as both lie on a disk. */
export interface FoundList extends SignedList {
  readonly path: string;
  /** Changes whenever the list or its signature does. */
  readonly stamp: string;
}

/** Those of several lists that can be read: first the ones that are signed, then the others. */
export async function readLists(paths: readonly string[]): Promise<readonly FoundList[]> {
  const found = (await Promise.all(paths.map(readList))).filter((list) => list !== undefined);
  const isSigned = (list: FoundList): boolean => list.signature !== undefined;
  return [...found.filter(isSigned), ...found.filter((list) => !isSigned(list))];
}

async function readList(path: string): Promise<FoundList | undefined> {
  const list = await readSmall(path);
  if (list === undefined) return undefined;
  for (const ending of signatureEndings) {
    const signature = await readSmall(`${path}${ending}`);
    if (signature === undefined) continue;
    const file = `${basename(path)}${ending}`;
    const stamp = `${list.stamp}.${signature.stamp}`;
    const text = signature.bytes.toString('utf8');
    return { path, file: basename(path), bytes: list.bytes, stamp, signature: { file, text } };
  }
  return { path, file: basename(path), bytes: list.bytes, stamp: list.stamp, signature: undefined };
}

async function readSmall(path: string): Promise<{ readonly bytes: Buffer; readonly stamp: string } | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined || !found.isFile() || found.size > maxBytes) return undefined;
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? undefined : { bytes, stamp: `${found.ino}.${found.ctimeNs}` };
}
