import { spawn } from 'node:child_process';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError } from '../core/index.ts';
import {
  filesToSign,
  formatMinisign,
  formatStatement,
  hashOfFile,
  type Purpose,
  readMinisignSecretKey,
  signatureEndings,
} from '../trust/index.ts';

/** What is signed with a list of files. */
export interface ListedFiles {
  /** The list that was written. */
  readonly list: string;
  readonly files: ReadonlyMap<string, string>;
}

/** Writes the list of the files of an adapter or a base, beside them. */
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

export interface SigningKey {
  /** A secret key of minisign, or a private key of SSH. */
  readonly key: string;
  readonly passwordFile?: string | undefined;
}

/**
 * Signs a file with a key of minisign, or with an SSH key by `ssh-keygen`.
 * @returns the file of the signature
 * @throws EspalierError FILE_NOT_FOUND, SIGNING_KEY_INVALID
 */
export async function signFile(path: string, { key, passwordFile }: SigningKey, purpose: Purpose): Promise<string> {
  const text = await readFile(key, 'utf8').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'secret key', path: key }, { cause });
  });
  // WHY both are removed: a signature of another key that is left would be read in the place of the new one.
  await Promise.all(signatureEndings.map((ending) => rm(`${path}${ending}`, { force: true })));
  if (/^(?:-----BEGIN OPENSSH PRIVATE KEY-----|ssh-ed25519 )/.test(text)) {
    await runSshKeygen(['-Y', 'sign', '-q', '-n', purpose, '-f', key, path], key);
    return `${path}.sig`;
  }
  const password =
    passwordFile === undefined ? undefined : (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  const secret = await readMinisignSecretKey(text, { path: key, password });
  const comment = `timestamp:${Math.floor(Date.now() / 1000)}\tfile:${basename(path)}\thashed`;
  await writeFile(`${path}.minisig`, formatMinisign(secret, await readFile(path), comment));
  return `${path}.minisig`;
}

async function runSshKeygen(words: readonly string[], key: string): Promise<void> {
  const invalid = (problem: string): EspalierError => new EspalierError('SIGNING_KEY_INVALID', { path: key, problem });
  const child = spawn('ssh-keygen', words, { stdio: ['inherit', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(invalid(`ssh-keygen cannot be run (${cause.message})`)));
    child.once('close', resolve);
  });
  if (code !== 0) throw invalid(`ssh-keygen says: ${said.trim().slice(0, 300)}`);
}
