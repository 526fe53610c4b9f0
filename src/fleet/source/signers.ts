import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, messageOf } from '../../core/index.ts';
import { reasonOf } from './run-git.ts';
import { environment, type ProgramAnswer, runProgram } from './run-program.ts';
import { readSignerLists } from './signer-lists.ts';
import { signersAt } from './signer-times.ts';

/** Who may sign, in the forms that git's programs read. It lies on the disk until it is disposed. */
export interface Signers extends AsyncDisposable {
  /** A file of the allowed signers whose time it is, in the form of `ssh-keygen`. It may be empty then. undefined: no SSH key may sign. */
  readonly sshFile: string | undefined;
  /** undefined: no key of OpenPGP may sign. */
  readonly openpgp: OpenPgpKeys | undefined;
}

export interface OpenPgpKeys {
  /** A home folder of gpg that holds the keys. gpg's global settings may add keys of other keyrings: only the fingerprints say who may sign. */
  readonly home: string;
  /** The fingerprints of the primary keys of the list. */
  readonly fingerprints: ReadonlySet<string>;
}

export interface OpenSignersOptions {
  /** What is made there. It is removed first if a process has left it, and again by dispose. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** The clock by which SSH keys of the list have a time. Unix time in milliseconds. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Settings of gpg for the keys of a list. WHY without agent and network: keys of the list are read, and nothing else is asked for. WHY
 * nothing of trust: who is in the list may sign, whatever gpg thinks of whose key it is.
 */
const gpgSettings = [
  'batch',
  'no-tty',
  'no-verbose',
  'no-autostart',
  'disable-dirmngr',
  'no-auto-key-retrieve',
  'no-auto-key-import',
];

/**
 * Prepares who may sign for one verification.
 * @param path  a file or a folder, see readSignerLists
 * @throws EspalierError FLEET_SIGNERS_INVALID, also where a program that the list needs is missing
 */
export async function openSigners(path: string, options: OpenSignersOptions): Promise<Signers> {
  const { folder, signal } = options;
  const lists = await readSignerLists(path);
  const dispose = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await dispose();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const sshFile = lists.ssh === '' ? undefined : await writeSsh(lists.ssh, options);
    const openpgp = lists.openpgp.length === 0 ? undefined : await importKeys(lists.openpgp, options);
    return { sshFile, openpgp, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    signal.throwIfAborted();
    throw new EspalierError('FLEET_SIGNERS_INVALID', { path, problem: messageOf(error) }, { cause: error });
  }
}

async function writeSsh(text: string, { folder, timeoutMs, now, signal }: OpenSignersOptions): Promise<string> {
  const file = join(folder, 'allowed-signers');
  await writeFile(file, signersAt(text, now()));
  // It says how it is used. What matters is that it is there: git would say of a missing one that the signature is wrong.
  await runProgram('ssh-keygen', ['-?'], { env: environment(), timeoutMs, maxBytes: 2 ** 20, signal });
  return file;
}

async function importKeys(
  texts: readonly string[],
  { folder, timeoutMs, signal }: OpenSignersOptions,
): Promise<OpenPgpKeys> {
  const home = join(folder, 'gnupg');
  await mkdir(home, { mode: 0o700 });
  await writeFile(join(home, 'gpg.conf'), gpgSettings.map((line) => `${line}\n`).join(''));
  const files = texts.map((_, index) => join(folder, `${index}.asc`));
  await Promise.all(files.map((file, index) => writeFile(file, texts[index] ?? '')));
  const env = { ...environment(), GNUPGHOME: home };
  const gpg = (...words: readonly string[]): Promise<ProgramAnswer> =>
    runProgram('gpg', words, { env, timeoutMs, maxBytes: 16 * 2 ** 20, signal });
  // WHY twice: a certificate that revokes a key may lie in a file before that of its key.
  await gpg('--import', ...files);
  const imported = await gpg('--status-fd=1', '--import', ...files);
  if (imported.code !== 0) throw new Error(`gpg cannot read an OpenPGP key of it: ${gpgReasonOf(imported.stderr)}`);
  const withoutName = /^\[GNUPG:\] IMPORT_RES \d+ (\d+)/m.exec(imported.stdout)?.[1];
  if (withoutName !== '0') {
    throw new Error('an OpenPGP key of it has no user ID, and gpg takes no such key: export it with its user ID');
  }
  const fingerprints = new Set(importedFingerprints(imported.stdout));
  if (fingerprints.size === 0) throw new Error('gpg finds no OpenPGP key in it');
  return { home, fingerprints };
}

function gpgReasonOf(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) => !/^gpg: +(?:Total number|imported|unchanged|w\/o user IDs)/.test(line));
  return reasonOf(lines.join('\n')).replace(/^gpg: /, '');
}

/**
 * The fingerprints of the primary keys that an import has read, new or known, of its status lines `IMPORT_OK`. WHY not those that gpg
 * lists: its global file of settings (/etc/gnupg/gpg.conf) may name further keyrings, whose keys are not of the list.
 */
function importedFingerprints(status: string): readonly string[] {
  return [...status.matchAll(/^\[GNUPG:\] IMPORT_OK \d+ ([\dA-F]+)$/gm)].map(([, fingerprint = '']) => fingerprint);
}
