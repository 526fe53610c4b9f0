import { createHash } from 'node:crypto';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { NamedKey } from './key-ring.ts';
import { defaultRoles, type Role, roles } from './role.ts';
import { createScope } from './scope.ts';

/** A hundred thousand keys. */
export const maxKeysBytes = 32 * 2 ** 20;

const longestName = 512;

const expectedRoles = `of ${roles.join(', ')} one or more are expected`;

const perMinute = z
  .number({ error: 'a number is expected' })
  .int({ error: 'a whole number is expected' })
  .min(1, { error: '1 or more is expected; leave it away for no limit' })
  .max(1e12, { error: 'a smaller number is expected' })
  .optional();

const keySchema = z.strictObject({
  name: z
    .string({ error: 'a name is expected' })
    .regex(/^[\w.@-]{1,128}$/, { error: 'letters, digits, "_", "-", "." and "@" are expected, at most 128' }),
  key: z
    .string({ error: 'a text is expected; put it into quotation marks' })
    .regex(/^[\x21-\x7e]{8,512}$/, { error: '8 to 512 printable ASCII characters without spaces are expected' })
    .optional(),
  sha256: z
    .string({ error: 'a text is expected; put it into quotation marks' })
    .regex(/^[\da-f]{64}$/i, { error: '64 hexadecimal digits are expected' })
    .optional(),
  models: z.preprocess(
    (value) => (typeof value === 'string' ? [value] : value),
    z
      .array(z.string({ error: 'a name is expected' }).min(1, { error: 'a name is expected' }).max(longestName), {
        error: 'a list of names is expected, such as ["acme/*"], or "*" for every name',
      })
      .min(1, { error: 'a name at least is expected, or "*" for every name' }),
  ),
  admin: z.boolean({ error: 'true or false is expected' }).default(false),
  roles: z
    .preprocess(
      (value) => (typeof value === 'string' ? [value] : value),
      z.array(z.enum(roles, { error: expectedRoles }), { error: expectedRoles }).min(1, { error: expectedRoles }),
    )
    .optional(),
  requests_per_minute: perMinute,
  tokens_per_minute: perMinute,
});

const fileSchema = z.array(z.unknown(), { error: 'a list of keys is expected' });

/**
 * Reads the text of a file of keys: a list in YAML or JSON. No error repeats anything of it but the names of keys, because it is secret.
 * @throws EspalierError KEYS_FILE_INVALID
 */
export function parseKeys(text: string, path: string): NamedKey[] {
  const invalid = (problem: string): EspalierError => new EspalierError('KEYS_FILE_INVALID', { path, problem });
  const list = fileSchema.safeParse(parseYaml(text, invalid));
  if (!list.success) throw invalid('a list of keys is expected');
  const keys = list.data.map((entry, at) =>
    readKey(entry, (problem) => invalid(`key ${at + 1}${nameOf(entry)}: ${problem}`)),
  );
  const [names, hashes] = [new Set<string>(), new Set<string>()];
  for (const { name, sha256 } of keys) {
    if (names.has(name)) throw invalid(`two keys have the name ${name}`);
    if (hashes.has(sha256)) throw invalid(`the key of ${name} is listed twice`);
    names.add(name);
    hashes.add(sha256);
  }
  return keys;
}

type Invalid = (problem: string) => EspalierError;

function parseYaml(text: string, invalid: Invalid): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = [...document.errors, ...document.warnings];
  // WHY neither its message nor itself as the cause: both may quote a key.
  if (error !== undefined) {
    throw invalid(`line ${text.slice(0, error.pos[0]).split('\n').length} cannot be read as YAML (${error.code})`);
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw invalid('it cannot be read as YAML without aliases');
  }
}

function readKey(entry: unknown, invalid: Invalid): NamedKey {
  const read = keySchema.safeParse(entry);
  if (!read.success) throw invalid(wordsOf(read.error.issues[0]));
  const { name, key, sha256, models, admin, roles: listed } = read.data;
  if (admin && listed !== undefined) throw invalid('either admin or roles is expected');
  if ((key === undefined) === (sha256 === undefined)) throw invalid('either key or sha256 is expected');
  const hash =
    sha256?.toLowerCase() ??
    createHash('sha256')
      .update(key ?? '')
      .digest('hex');
  const limits = { requestsPerMinute: read.data.requests_per_minute, tokensPerMinute: read.data.tokens_per_minute };
  const held = new Set<Role>(admin ? ['admin'] : (listed ?? defaultRoles));
  return { name, sha256: hash, scope: createScope(models), roles: held, limits };
}

function wordsOf(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.code === 'unrecognized_keys') {
    return `it has a field that is not known; the fields are ${Object.keys(keySchema.shape).join(', ')}`;
  }
  if (issue === undefined || issue.path.length === 0)
    return 'a mapping such as {name: acme, sha256: ..., models: ["acme/*"]} is expected';
  return `${issue.path.join('.')}: ${issue.code === 'too_big' && issue.origin === 'string' ? `at most ${issue.maximum} characters are expected` : issue.message}`;
}

/** " (acme)", if the entry has a name of the form of names. */
function nameOf(entry: unknown): string {
  const read = z.object({ name: keySchema.shape.name }).safeParse(entry);
  return read.success ? ` (${read.data.name})` : '';
}
