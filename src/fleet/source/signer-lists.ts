import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EspalierError, messageOf } from '../../core/index.ts';
import { problemOfTimes } from './signer-times.ts';

/** Who may sign commits. */
export interface SignerLists {
  /** Lines of allowed signers, in the form of `ssh-keygen`. '': none. */
  readonly ssh: string;
  /** Texts with armoured public keys of OpenPGP, or with certificates that revoke them. */
  readonly openpgp: readonly string[];
}

const block = /^-----BEGIN PGP ([A-Z ]+)-----$[\s\S]*?^-----END PGP \1-----$/gm;
const keyOfSsh = /(?:^|\s)(?:sk-)?(?:ssh|ecdsa)-\S+\s+AAAA/;

/**
 * Reads who may sign: a file, or all files of a folder, as a Secret of Kubernetes is mounted. Each file holds lines for SSH keys or
 * armoured keys of OpenPGP.
 * @throws EspalierError FLEET_SIGNERS_INVALID
 */
export async function readSignerLists(path: string): Promise<SignerLists> {
  const refuse = (problem: string, cause?: unknown): EspalierError =>
    new EspalierError('FLEET_SIGNERS_INVALID', { path, problem }, { cause });
  const files = await readFiles(path).catch((error: unknown) => {
    throw refuse(messageOf(error), error);
  });
  const texts = files.map(({ name, text }) => {
    const problem = problemOf(text);
    if (problem !== undefined) throw refuse(files.length > 1 ? `${name}: ${problem}` : problem);
    return text;
  });
  const isOpenPgp = (text: string): boolean => text.includes('-----BEGIN PGP ');
  const ssh = texts.filter((text) => !isOpenPgp(text)).join('\n');
  const openpgp = texts.filter(isOpenPgp);
  const lists = { ssh: entriesOf(ssh).length === 0 ? '' : `${ssh}\n`, openpgp };
  // WHY an error: a list of nobody refuses every commit, and is more often a mistake than a wish.
  if (lists.ssh === '' && openpgp.length === 0) throw refuse('it names nobody');
  return lists;
}

async function readFiles(path: string): Promise<readonly { readonly name: string; readonly text: string }[]> {
  if (!(await stat(path)).isDirectory()) return [{ name: basename(path), text: await readFile(path, 'utf8') }];
  // WHY not those with a dot: the links and folders by which Kubernetes exchanges the files.
  const names = (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(join(path, name), 'utf8') })));
}

function problemOf(text: string): string | undefined {
  if (text.includes('-----BEGIN PGP ')) return problemOfBlocks(text.replaceAll('\r', ''));
  const wrong = entriesOf(text).find(({ line }) => !keyOfSsh.test(line) || keyOfSsh.exec(line)?.index === 0);
  if (wrong === undefined) return problemOfLines(text);
  return keyOfSsh.test(wrong.line)
    ? `line ${wrong.number} does not say whose key it is: write the signer before it, as in "ada@example.com ssh-ed25519 AAAA..."`
    : `line ${wrong.number} is neither an allowed signer (ada@example.com ssh-ed25519 AAAA...) nor part of an armoured OpenPGP key (gpg --armor --export)`;
}

function problemOfLines(text: string): string | undefined {
  const problems = entriesOf(text).map(({ line, number }) => ({ number, problem: problemOfTimes(line) }));
  const wrong = problems.find(({ problem }) => problem !== undefined);
  return wrong && `line ${wrong.number}: ${wrong.problem}`;
}

function problemOfBlocks(text: string): string | undefined {
  const kinds = [...text.matchAll(block)].map(([, kind]) => kind);
  const began = [...text.matchAll(/^-----BEGIN PGP /gm)].length;
  if (kinds.includes('PRIVATE KEY BLOCK'))
    return 'it holds a secret key: write what gpg --armor --export gives instead';
  const other = kinds.find((kind) => kind !== 'PUBLIC KEY BLOCK');
  if (other !== undefined) return `it holds a PGP ${other}, and public keys are expected (gpg --armor --export)`;
  if (began === 0 || kinds.length !== began) return 'an OpenPGP key in it is cut off';
  if (keyOfSsh.test(text.replaceAll(block, ''))) {
    return 'it holds keys of OpenPGP and of SSH: put them in two files of a folder';
  }
  return undefined;
}

/** The lines that say something, with their numbers. */
function entriesOf(text: string): readonly { readonly line: string; readonly number: number }[] {
  return text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}
