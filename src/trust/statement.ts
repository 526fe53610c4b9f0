import { z } from 'zod';
import { EspalierError } from '../core/index.ts';

/** What a list of checksums says, beside the checksums: what it is for. */
export interface Statement {
  /** The only name under which the adapter may be served. */
  readonly name: string | undefined;
  /** The fingerprint of the only base that it is for. */
  readonly base: string | undefined;
  /** SHA-256 in hexadecimal, by the name of the file. */
  readonly files: ReadonlyMap<string, string>;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/i, { error: 'expected a SHA-256 in hexadecimal' });
const statement = z.strictObject({
  name: z.string().min(1).optional(),
  base: z.string().min(1).optional(),
  files: z.record(z.string().min(1), sha256),
});

/**
 * Reads a signed list: the lines of `sha256sum`, or the JSON that `espalier adapter sign` writes. A signed list is read to its last
 * field: one that this version does not know may say something that must not be overlooked.
 *
 * @throws EspalierError STATEMENT_INVALID
 */
export function parseStatement(bytes: Uint8Array, path: string): Statement {
  const text = decoded(bytes, path);
  if (!path.endsWith('.json')) return { name: undefined, base: undefined, files: parseLines(text, path) };
  const read = statement.safeParse(parseJson(text, path));
  if (!read.success) {
    const problem = read.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; ');
    throw invalid(path, problem);
  }
  const { name, base, files } = read.data;
  return { name, base, files: withoutRepetition(Object.entries(files), path) };
}

/** The text of a statement, the same for the same content. */
export function formatStatement({ name, base, files }: Statement): string {
  const sorted = [...files].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify({ name, base, files: Object.fromEntries(sorted) }, null, 2)}\n`;
}

function decoded(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(path, 'it is not UTF-8');
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    const found: unknown = JSON.parse(text);
    // WHY: of a key that is there twice, the last one counts here and maybe the first one elsewhere.
    if (hasRepeatedKey(text)) throw invalid(path, 'a key is there twice');
    return found;
  } catch (error) {
    if (EspalierError.isInstance(error)) throw error;
    throw invalid(path, 'it is not JSON');
  }
}

/** Whether an object has a key twice. The text is known to be JSON. */
function hasRepeatedKey(text: string): boolean {
  const open: Set<string>[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (token.endsWith(':')) {
      const key: unknown = JSON.parse(token.slice(0, -1));
      const keys = open.at(-1);
      if (keys?.has(String(key)) === true) return true;
      keys?.add(String(key));
    }
  }
  return false;
}

/** The lines of `sha256sum`: a hash, two spaces or a space and a star, a name. A hash alone is that of the only file. */
function parseLines(text: string, path: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line !== '');
  const pairs = lines.map((line): [string, string] => {
    const match = /^(?<hash>[0-9a-f]{64})(?: [ *](?<name>.+))?$/i.exec(line);
    const hash = match?.groups?.['hash'];
    if (hash === undefined) throw invalid(path, 'a line is not that of sha256sum');
    return [match?.groups?.['name'] ?? '', hash];
  });
  return withoutRepetition(pairs, path);
}

function withoutRepetition(pairs: readonly (readonly [string, string])[], path: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [given, hash] of pairs) {
    const name = given.replace(/^\.\//, '');
    if (files.has(name)) throw invalid(path, 'a file is there twice');
    files.set(name, hash.toLowerCase());
  }
  if (files.size === 0) throw invalid(path, 'it lists no file');
  return files;
}

function invalid(path: string, problem: string): EspalierError {
  return new EspalierError('STATEMENT_INVALID', { path, problem });
}
