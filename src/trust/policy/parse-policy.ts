import { parseDocument } from 'yaml';
import { z } from 'zod';
import { createScope, didYouMean, EspalierError, messageOf } from '../../core/index.ts';
import type { PublicKey } from '../signatures/parsed-signature.ts';
import { parsePublicKey } from '../signatures/signature.ts';
import type { Policy, Signer } from './policy.ts';

const text = z.string({ error: 'a text is expected' }).min(1, { error: 'a text is expected' });
const texts = z.array(text, { error: 'a list is expected' }).min(1, { error: 'one at least is expected' });
const digest = text.regex(/^[0-9a-f]{64}$/, { error: 'the version of an adapter is expected, 64 hexadecimal digits' });
const fingerprint = text.regex(/^[\w-]+:[0-9a-f]{64}$/, {
  error: 'the fingerprint of a base is expected, as `espalier inspect` shows it',
});

const signer = z
  .strictObject({
    name: text.regex(/^[\w.@-]{1,128}$/, { error: 'letters, digits, "_", "-", "." and "@" are expected, at most 128' }),
    key: text.optional(),
    key_file: text.optional(),
    adapters: texts,
    bases: z.array(fingerprint).min(1).optional(),
    until: z.iso.date({ error: 'a date such as 2027-06-30 is expected' }).optional(),
  })
  .refine(({ key, key_file: file }) => (key === undefined) !== (file === undefined), {
    error: 'either key or key_file is expected',
  });

const schema = z.strictObject({
  signers: z.array(signer).default([]),
  adapters: z
    .strictObject({
      unsigned: z.enum(['refuse', 'allow'], { error: 'refuse or allow is expected' }).default('refuse'),
      named: z.boolean({ error: 'true or false is expected' }).default(false),
      revoked: z.array(digest).default([]),
    })
    .prefault({}),
  bases: z
    .strictObject({
      allowed: z.array(fingerprint).min(1).optional(),
      licences: texts.optional(),
      signed_by: texts.optional(),
    })
    .prefault({}),
});

type Written = z.output<typeof schema>;

/** Reads a file that a policy names. */
export type ReadKeyFile = (path: string) => Promise<string>;

/**
 * Reads a policy in YAML or JSON. Every field is known, and every key can be used: what is misspelt must not open a door.
 * @throws EspalierError POLICY_INVALID
 */
export async function parsePolicy(content: string, path: string, readKeyFile: ReadKeyFile): Promise<Policy> {
  const invalid = (problem: string): EspalierError => new EspalierError('POLICY_INVALID', { path, problem });
  const read = schema.safeParse(parseYaml(content, invalid));
  if (!read.success) throw invalid(read.error.issues.map(wordsOf).join('; '));
  const written = read.data;
  const signers: Signer[] = [];
  for (const each of written.signers) signers.push(await signerOf(each, { readKeyFile, invalid }));
  assertDistinct(signers, invalid);
  for (const name of written.bases.signed_by ?? []) {
    if (!signers.some((one) => one.name === name)) throw invalid(`bases.signed_by: no signer has the name ${name}`);
  }
  const { adapters, bases } = written;
  return {
    path,
    signers,
    takesUnsigned: adapters.unsigned === 'allow',
    requiresName: adapters.named,
    revoked: new Set(adapters.revoked),
    bases: {
      allowed: bases.allowed && new Set(bases.allowed),
      licences: bases.licences && new Set(bases.licences.map((licence) => licence.toLowerCase())),
      signedBy: bases.signed_by && new Set(bases.signed_by),
    },
  };
}

type Invalid = (problem: string) => EspalierError;

async function signerOf(
  { name, key, key_file: file, adapters, bases, until }: Written['signers'][number],
  { readKeyFile, invalid }: { readonly readKeyFile: ReadKeyFile; readonly invalid: Invalid },
): Promise<Signer> {
  const content =
    key ??
    (await readKeyFile(file ?? '').catch((error: unknown) => {
      throw invalid(`the key of ${name} cannot be read: ${messageOf(error)}`);
    }));
  const found: PublicKey | undefined = parsePublicKey(content);
  if (found === undefined) {
    throw invalid(`the key of ${name} is neither a public key of minisign nor a line that begins with ssh-ed25519`);
  }
  return {
    name,
    key: found,
    adapters: createScope(adapters),
    bases: bases && new Set(bases),
    // WHY the end of the day: a key is good on the date that is written.
    until: until === undefined ? undefined : Date.parse(until) + 86_400_000,
  };
}

function assertDistinct(signers: readonly Signer[], invalid: Invalid): void {
  const names = new Set<string>();
  for (const { name } of signers) {
    if (names.has(name)) throw invalid(`two signers have the name ${name}`);
    names.add(name);
  }
}

/** WHY no aliases: a few lines of them can stand for more than fits into memory. */
function parseYaml(content: string, invalid: Invalid): unknown {
  const document = parseDocument(content, { prettyErrors: false, uniqueKeys: true });
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    throw invalid(`line ${content.slice(0, error.pos[0]).split('\n').length} cannot be read as YAML (${error.code})`);
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw invalid('it cannot be read as YAML without aliases');
  }
}

const fields = ['signers', 'name', 'key', 'key_file', 'adapters', 'bases', 'until', 'unsigned', 'named', 'revoked'];
const known = [...fields, 'allowed', 'licences', 'signed_by'];

function wordsOf(issue: z.core.$ZodIssue): string {
  const place = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  if (issue.code !== 'unrecognized_keys') return `${place}${issue.message}`;
  return `${place}${issue.keys.map((key) => `there is no field ${key}${didYouMean(key, known)}`).join(', ')}`;
}
