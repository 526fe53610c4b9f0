import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { EspalierError } from '../core/index.ts';
import { type Purpose, readMinisignSecretKey, removeSignatures, signList } from '../trust/index.ts';

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
  await removeSignatures(path);
  if (/^(?:-----BEGIN OPENSSH PRIVATE KEY-----|ssh-ed25519 )/.test(text)) {
    await runSshKeygen(['-Y', 'sign', '-q', '-n', purpose, '-f', key, path], key);
    return `${path}.sig`;
  }
  const password =
    passwordFile === undefined ? undefined : (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  const secret = await readMinisignSecretKey(text, { path: key, password });
  return signList(path, secret);
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
