import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Why tests with git are skipped on this machine; undefined: they are not. */
export const noGit = reasonOf(['git', '--version']);
export const noSshKeygen = noGit ?? reasonOf(['ssh-keygen', '-?']);

export function reasonOf([program = '', ...words]: readonly string[]): string | undefined {
  try {
    execFileSync(program, words, { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT'
      ? `there is no ${program} here`
      : undefined;
  }
}

export interface CommitOptions {
  /** A file of an SSH key that signs. */
  readonly key?: string;
  /** An OpenPGP key that signs, by its fingerprint, and the gpg that has it. */
  readonly openpgp?: { readonly key: string; readonly program: string };
  readonly subject?: string;
  /** When the committer says that it was made, in a form of git. Default: now. */
  readonly date?: string;
}

/** A real repository in a temporary folder. */
export class GitRepository implements Disposable {
  readonly dir: string;

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'espalier-git-'));
    this.git('init', '--quiet', '--initial-branch=main');
  }

  get url(): string {
    return `file://${this.dir}`;
  }

  git(...words: readonly string[]): string {
    return this.#git(words, {});
  }

  #git(words: readonly string[], more: Readonly<Record<string, string>>): string {
    const env = {
      ...process.env,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.com',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.com',
      ...more,
    };
    return execFileSync('git', ['-C', this.dir, ...words], {
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Writes files, and makes a commit of everything. @returns the commit */
  commit(
    files: Readonly<Record<string, string | Uint8Array>>,
    { key, openpgp, subject = 'a change', date }: CommitOptions = {},
  ): string {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.dir, name)), { recursive: true });
      writeFileSync(join(this.dir, name), content);
    }
    this.git('add', '--all');
    const ssh = key === undefined ? [] : ['gpg.format=ssh', `user.signingKey=${key}`];
    const gpg = openpgp === undefined ? [] : [`gpg.program=${openpgp.program}`, `user.signingKey=${openpgp.key}`];
    const settings = [...ssh, ...gpg];
    const how = settings.length === 0 ? '--no-gpg-sign' : '-S';
    const words = [...settings.flatMap((one) => ['-c', one]), 'commit', '--quiet', '--allow-empty', how, '-m', subject];
    this.#git(words, date === undefined ? {} : { GIT_COMMITTER_DATE: date });
    return this.git('rev-parse', 'HEAD').trim();
  }

  /** Puts a commit in place of the newest one, with another text. */
  forge(change: (raw: string) => string): void {
    const raw = this.git('cat-file', 'commit', 'HEAD');
    const changed = change(raw);
    if (changed === raw) throw new TypeError('nothing was changed');
    const file = join(this.dir, '.git', 'forged');
    writeFileSync(file, changed);
    this.git('update-ref', 'refs/heads/main', this.git('hash-object', '-t', 'commit', '-w', file).trim());
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A new SSH key. @returns its file; the public one ends with `.pub` */
export function createKey(dir: string, name: string): string {
  const file = join(dir, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  return file;
}
