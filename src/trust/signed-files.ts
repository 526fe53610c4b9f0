import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { EspalierError } from '../core/index.ts';
import { assertListed } from './policy/decide-adapter.ts';
import type { Statement } from './statement.ts';

/**
 * Compares files on the disk with a signed list: those that are loaded must be listed, and every listed one must be as the list says.
 *
 * @param folder  in which the files lie
 * @param loaded  their names
 * @throws EspalierError STATEMENT_INCOMPLETE, STORE_CHECKSUM_MISMATCH
 */
export async function checkFiles(
  statement: Statement,
  { list, folder, loaded }: { readonly list: string; readonly folder: string; readonly loaded: readonly string[] },
): Promise<void> {
  assertListed(statement, loaded, join(folder, list));
  for (const [name, expected] of statement.files) {
    const file = name === '' ? (loaded[0] ?? '') : name;
    const actual = await hashOfFile(join(folder, file)).catch(() => 'none, since it cannot be read');
    if (actual === expected) continue;
    throw new EspalierError('STORE_CHECKSUM_MISMATCH', { path: join(folder, file), manifest: list, expected, actual });
  }
}

const isOfSignature = /^(?:SHA256SUMS|manifest\.json)(?:\.minisig|\.sig)?$/;

/** The files that a list of a folder must have: whatever lies in it, but what begins with a dot, lists and their signatures. */
export async function filesToSign(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .filter((name) => !/(?:^|\/)\./.test(name) && !isOfSignature.test(name))
    .toSorted();
}

export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
