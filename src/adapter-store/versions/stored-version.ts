import { EspalierError } from '../../core/index.ts';

/** What the base and the server find out about an adapter when they verify it. */
export interface VerifiedFacts {
  /** The largest rank of its modules. */
  readonly rank: number;
  /** Host memory that its weights take. */
  readonly bytes: number;
  /** Whether a request can use it only alone, as for DoRA. */
  readonly isAlone: boolean;
  /** Modules that it changes and that a server serves only if it is asked to, such as embeddings and heads. */
  readonly targets: readonly string[];
  /** What else an engine must be opened for: `dora`, `lora_bias`. */
  readonly kinds: readonly string[];
}

/** A verified version, as it is known without reading its weights. */
export interface StoredVersion extends VerifiedFacts {
  /** The name of its folder in the store: the digest, followed by a hash of the tokenizer's files that lie beside the weights, if any. */
  readonly key: string;
  /** SHA-256 of everything that affects its results, in hexadecimal. */
  readonly digest: string;
  readonly format: string;
  /** Name of the base on which it was trained, according to its files. */
  readonly base: string | undefined;
  /** The fingerprint of that base; undefined if its files tell none. */
  readonly fingerprint: string | undefined;
  /** What it was verified against. A version that was verified against something else is verified again. */
  readonly context: string;
  /** When it was verified: ISO 8601, in UTC. */
  readonly verified: string;
  /** The folder or file from which it is loaded. */
  readonly path: string;
}

/** The name of the file in each version's folder. */
export const factsFile = 'verified.json';

const layoutVersion = 1;

/** The content of `verified.json`. WHY no path: a store may be moved as a whole. */
export function formatFacts({ path: _path, ...facts }: StoredVersion, content: string | undefined): string {
  return `${JSON.stringify({ layout: layoutVersion, ...facts, content }, null, 2)}\n`;
}

/**
 * @param folder  the version's folder
 * @throws EspalierError ADAPTER_FACTS_INVALID
 */
export function parseFacts(
  text: string,
  { key, folder }: { readonly key: string; readonly folder: string },
): StoredVersion {
  const fields = fieldsOf(text);
  const problems: string[] = [];
  const read = <T>(name: string, is: (value: unknown) => value is T, expected: string): T | undefined => {
    const value = fields.get(name);
    if (is(value)) return value;
    problems.push(`${name} is not ${expected}`);
    return undefined;
  };
  const optional = (name: string): string | undefined => (fields.has(name) ? read(name, isText, 'a text') : undefined);
  const content = optional('content');
  const facts = {
    digest: read('digest', isDigest, 'a SHA-256 in hexadecimal'),
    format: read('format', isText, 'a text'),
    rank: read('rank', isCount, 'a number'),
    bytes: read('bytes', isCount, 'a number'),
    isAlone: read('isAlone', isBoolean, 'true or false'),
    targets: read('targets', isTexts, 'a list of names'),
    kinds: read('kinds', isTexts, 'a list of names'),
    context: read('context', isText, 'a text'),
    verified: read('verified', isText, 'a text'),
  };
  const base = optional('base');
  const fingerprint = optional('fingerprint');
  if (fields.get('layout') !== layoutVersion) problems.push(`layout is not ${layoutVersion}`);
  if (fields.get('key') !== key) problems.push('it is of another version');
  if (content !== undefined && !/^adapter\.[a-z_]+$/.test(content))
    problems.push('content is not the name of its file');
  if (problems.length > 0 || !isComplete(facts)) {
    throw new EspalierError('ADAPTER_FACTS_INVALID', { name: `${folder}/${factsFile}`, problems });
  }
  return { key, ...facts, base, fingerprint, path: content === undefined ? folder : `${folder}/${content}` };
}

type Complete<T> = { readonly [Key in keyof T]-?: NonNullable<T[Key]> };

function isComplete<T extends object>(facts: T): facts is T & Complete<T> {
  return Object.values(facts).every((value) => value !== undefined);
}

function fieldsOf(text: string): Map<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    return new Map(typeof found === 'object' && found !== null ? Object.entries(found) : []);
  } catch {
    return new Map();
  }
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isDigest = (value: unknown): value is string => isText(value) && /^[0-9a-f]{64}$/.test(value);

/** Whether a name can be that of a version's folder. */
export function isVersionKey(text: string): boolean {
  return /^[0-9a-f]{64}(?:\.[0-9a-f]{12})?$/.test(text);
}

export function digestOfKey(key: string): string {
  return key.slice(0, 64);
}
