import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { formatMinisign, type MinisignSecretKey } from './signatures/sign-minisign.ts';
import { signatureEndings } from './signatures/signature.ts';
import { filesToSign, hashOfFile } from './signed-files.ts';
import { formatStatement } from './statement.ts';

/** What is signed with a list of files. */
export interface ListedFiles {
  /** The list that was written. */
  readonly list: string;
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Writes the list of the files of an adapter or a base, beside them.
 * @throws EspalierError FILE_NOT_FOUND
 */
export async function writeList(
  path: string,
  bound: { readonly name?: string | undefined; readonly base?: string | undefined },
): Promise<ListedFiles> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter or base', path }, { cause });
  });
  if (!found.isDirectory()) {
    const list = `${path}.sha256`;
    const sum = await hashOfFile(path);
    await writeFile(list, `${sum}  ${basename(path)}\n`);
    return { list, files: new Map([[basename(path), sum]]) };
  }
  const files = new Map<string, string>();
  for (const name of await filesToSign(path)) files.set(name, await hashOfFile(join(path, name)));
  const list = join(path, 'manifest.json');
  await writeFile(list, formatStatement({ name: bound.name, base: bound.base, files }));
  return { list, files };
}

/** Removes what signs a list. WHY: a signature of another key that is left would be read in the place of the new one. */
export async function removeSignatures(list: string): Promise<void> {
  await Promise.all(signatureEndings.map((ending) => rm(`${list}${ending}`, { force: true })));
}

/**
 * Signs a list with a key of minisign, in the place of what signed it before.
 * @returns the file of the signature
 */
export async function signList(list: string, secret: MinisignSecretKey): Promise<string> {
  await removeSignatures(list);
  const comment = `timestamp:${Math.floor(Date.now() / 1000)}\tfile:${basename(list)}\thashed`;
  await writeFile(`${list}.minisig`, formatMinisign(secret, await readFile(list), comment));
  return `${list}.minisig`;
}
