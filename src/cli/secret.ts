import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EspalierError, messageOf } from '../core/index.ts';

/** Where secrets are read from. */
export interface SecretSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  /** Runs a program, and gives what it writes. */
  readonly run: (program: string, words: readonly string[]) => string;
}

const sourcesHere: SecretSources = {
  environment: process.env,
  readFile: (path) => readFileSync(path, 'utf8'),
  run: (program, words) =>
    execFileSync(program, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 }),
};

/**
 * The secret that a text refers to. WHY references: what stands on a command line, or in a manifest, is seen by others.
 *
 * - `file:PATH` the content of a file, without the end of its line
 * - `env:NAME` a variable of the environment
 * - `sops:PATH#key.of.it` one value of a file that SOPS has encrypted, through the `sops` of the machine
 * - anything else is the secret itself
 *
 * @throws EspalierError CLI_SECRET_UNREADABLE; nothing of a secret is in its message
 */
export function secretOf(text: string, sources: SecretSources = sourcesHere): string {
  const secret = secretTextOf(text, sources);
  if (secret === text) return text;
  if (/[\r\n]/.test(secret)) throw unreadable(text, 'it has several lines, and a secret has one');
  return secret;
}

/** The same of a secret that may have several lines, such as the file of a key. @throws EspalierError CLI_SECRET_UNREADABLE */
export function secretTextOf(text: string, sources: SecretSources = sourcesHere): string {
  const [, kind, place = ''] = /^(file|env|sops):(.*)$/s.exec(text) ?? [];
  if (kind === undefined) return text;
  const secret = read(kind, place, sources).trimEnd();
  if (secret === '') throw unreadable(text, 'it is empty');
  return secret;
}

function read(kind: string, place: string, { environment, readFile, run }: SecretSources): string {
  const reference = `${kind}:${place}`;
  switch (kind) {
    case 'env': {
      const value = environment[place];
      if (value === undefined) throw unreadable(reference, `no variable ${place} is set`);
      return value;
    }
    case 'file':
      return attempt(reference, () => readFile(place));
    default: {
      const [, path, keys] = /^(.+)#([^#]+)$/.exec(place) ?? [];
      if (path === undefined || keys === undefined) {
        throw unreadable(reference, 'it does not say which value; write sops:PATH#key, with dots between nested keys');
      }
      const extract = keys
        .split('.')
        .map((key) => (/^\d+$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`))
        .join('');
      return attempt(reference, () => run('sops', ['decrypt', '--extract', extract, '--', path]));
    }
  }
}

function attempt(reference: string, give: () => string): string {
  try {
    return give();
  } catch (error) {
    throw unreadable(reference, reasonOf(error), error);
  }
}

/** WHY not all that a program says: it could say a secret. Of what sops says, the first line is the reason. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  if ('code' in error && error.code === 'ENOENT' && 'syscall' in error && String(error.syscall).startsWith('spawn')) {
    return 'there is no sops on this machine';
  }
  const said = 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : undefined;
  return said === undefined || said === '' ? messageOf(error) : said;
}

function unreadable(reference: string, problem: string, cause?: unknown): EspalierError {
  return new EspalierError('CLI_SECRET_UNREADABLE', { reference, problem }, { cause });
}
