import { posix } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { EspalierError, isAdapterName, messageOf } from '../../core/index.ts';
import { readRolloutOptions, type RolloutOptions } from '../../routing/index.ts';
import type { AdapterPlace, DeclaredAlias, DesiredFleet } from './fleet.ts';
import { issueText, shown } from './issue-text.ts';
import { type Manifest, manifestSchema } from './manifest-schema.ts';

/** A hundred bytes for each of ten thousand names. */
export const maxManifestBytes = 2 ** 20;

/** The server for which a manifest is read. */
export interface ServerFacts {
  /** The fingerprint of its base. */
  readonly fingerprint: string;
  /** The name of its base, which no alias may have. */
  readonly baseName: string;
}

/**
 * Reads a manifest as the desired state of a server. Pure: it looks at nothing but the text.
 * @throws EspalierError FLEET_INVALID with the first problem, FLEET_BASE_MISMATCH
 */
export function readFleet(text: string, server: ServerFacts): DesiredFleet {
  const { metadata, spec } = parseManifest(text);
  const bases = new Map(spec.bases.map((base, at) => [base.name, { ...base, at }]));
  refuseDoubles(
    'spec.bases',
    spec.bases.map(({ name }) => name),
  );
  const own = spec.bases.filter(({ fingerprint }) => fingerprint === server.fingerprint);
  if (own.length === 0) {
    const expected = spec.bases.map(({ fingerprint }) => fingerprint).join(', ');
    throw new EspalierError('FLEET_BASE_MISMATCH', { expected, actual: server.fingerprint });
  }
  const ownNames = new Set(own.map(({ name }) => name));
  const places = new Map<string, AdapterPlace>();
  const others = new Set<string>();
  for (const [at, adapter] of spec.adapters.entries()) {
    const place = `spec.adapters[${at}]`;
    const digest = plain(adapter.digest);
    if (places.has(digest) || others.has(digest)) throw invalid(`${place}.digest`, `${digest} is listed twice`);
    if (isOfOwnBase(adapter.base, { bases, ownNames, place })) places.set(digest, placeOf(adapter, place));
    else others.add(digest);
  }
  refuseDoubles(
    'spec.aliases',
    spec.aliases.map(({ name }) => name),
  );
  const aliases = new Map<string, DeclaredAlias>();
  for (const [at, alias] of spec.aliases.entries()) {
    const place = `spec.aliases[${at}]`;
    const read = readAlias(alias, place, server.baseName);
    for (const digest of [read.digest, ...(read.canary === undefined ? [] : [read.canary.digest])]) {
      if (!places.has(digest) && !others.has(digest)) throw invalid(place, `${digest} is none of spec.adapters`);
      if (places.has(digest) !== places.has(read.digest)) throw invalid(`${place}.canary`, 'it is of another base');
    }
    if (places.has(read.digest)) aliases.set(alias.name, read);
  }
  const { prune, allowEmpty, keys } = spec;
  return { name: metadata.name, aliases, places, keys, prune, allowEmpty };
}

/**
 * Checks the form of a manifest, whatever the server.
 * @throws EspalierError FLEET_INVALID
 */
export function parseManifest(text: string): Manifest {
  const parsed = manifestSchema.safeParse(parseYaml(text), { error: issueText });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalid(pathText(issue?.path ?? []), issue?.message ?? 'it cannot be read');
}

function parseYaml(text: string): unknown {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxManifestBytes) throw invalid('the file', `it has ${bytes} bytes, and ${maxManifestBytes} are taken`);
  const documents = parseAllDocuments(text, { prettyErrors: false });
  const [document, second] = documents;
  if (document === undefined) throw invalid('the file', 'it is empty');
  if (second !== undefined) throw invalid('the file', 'one document is expected, got several');
  const [error] = [...document.errors, ...document.warnings];
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split('\n').length;
    throw invalid(`line ${line}`, `it cannot be read as YAML: ${error.message}`);
  }
  if (document.contents === null) throw invalid('the file', 'it is empty');
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw invalid('the file', 'YAML without aliases (&, *) is expected');
  }
}

function readAlias(given: Manifest['spec']['aliases'][number], place: string, baseName: string): DeclaredAlias {
  const { name, rollout, canary, fallback, pinned, required } = given;
  const digest = plain(given.digest);
  if (!isAdapterName(name)) throw invalid(`${place}.name`, `${shown(name)} cannot be the name of an adapter`);
  if (name === baseName) throw invalid(`${place}.name`, `${shown(name)} is the name of the base`);
  if (rollout.strategy === 'immediate' && rollout.steps !== undefined) {
    throw invalid(`${place}.rollout.steps`, 'steps are taken with strategy: progressive only');
  }
  if (canary !== undefined && plain(canary.digest) === digest) {
    throw invalid(`${place}.canary.digest`, 'another version than that of the alias is expected');
  }
  if (pinned !== false && canary !== undefined) throw invalid(`${place}.pinned`, 'a pinned name has no canary');
  return {
    name,
    digest,
    isProgressive: rollout.strategy === 'progressive',
    rolloutId: rollout.id,
    steps: stepsOf(rollout.steps, place),
    canary: canary && { digest: plain(canary.digest), share: canary.share },
    fallback,
    pin: pinned === false ? 'none' : pinned === true ? 'name' : 'weights',
    isRequired: required,
  };
}

function stepsOf(
  given: Manifest['spec']['aliases'][number]['rollout']['steps'],
  place: string,
): RolloutOptions['steps'] {
  if (given === undefined) return undefined;
  const steps = given.map(({ minimumSeconds, maximumSeconds, ...rest }) => ({
    ...rest,
    ...(minimumSeconds !== undefined && { minimumMs: minimumSeconds * 1000 }),
    ...(maximumSeconds !== undefined && { maximumMs: maximumSeconds * 1000 }),
  }));
  try {
    readRolloutOptions({ steps });
  } catch (error) {
    throw invalid(`${place}.rollout.steps`, messageOf(error));
  }
  return steps;
}

function placeOf({ path, folder }: Manifest['spec']['adapters'][number], place: string): AdapterPlace {
  if (path !== undefined && folder !== undefined) throw invalid(place, 'either path or folder is expected');
  const given = path ?? folder;
  if (given === undefined) return { kind: 'store' };
  const field = `${place}.${path === undefined ? 'folder' : 'path'}`;
  const normal = posix.normalize(given).replace(/\/$/, '');
  // WHY all of these: the text names a place in a repository of others, and must never name one outside of it.
  const isInside = !posix.isAbsolute(normal) && !normal.split('/').includes('..') && !/[\\\p{Cc}]/u.test(given);
  if (
    !isInside ||
    normal === '.' ||
    normal.startsWith('-') ||
    normal.startsWith(':') ||
    normal.split('/').includes('.git')
  ) {
    throw invalid(field, `a path below the folder is expected, without "..", got ${shown(given)}`);
  }
  return { kind: path === undefined ? 'folder' : 'repository', path: normal };
}

function isOfOwnBase(
  name: string | undefined,
  {
    bases,
    ownNames,
    place,
  }: { readonly bases: ReadonlyMap<string, unknown>; readonly ownNames: ReadonlySet<string>; readonly place: string },
): boolean {
  if (name === undefined && bases.size > 1)
    throw invalid(`${place}.base`, 'it is missing, and there are several bases');
  if (name !== undefined && !bases.has(name)) throw invalid(`${place}.base`, `${shown(name)} is none of spec.bases`);
  return name === undefined || ownNames.has(name);
}

function refuseDoubles(place: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const [at, name] of names.entries()) {
    if (seen.has(name)) throw invalid(`${place}[${at}].name`, `${shown(name)} is there twice`);
    seen.add(name);
  }
}

function plain(digest: string): string {
  return digest.replace(/^sha256:/, '');
}

function pathText(path: readonly PropertyKey[]): string {
  const text = path.reduce<string>(
    (sum, part) => (typeof part === 'number' ? `${sum}[${part}]` : `${sum}.${String(part)}`),
    '',
  );
  return text === '' ? 'the file' : text.replace(/^\./, '');
}

function invalid(place: string, problem: string): EspalierError {
  return new EspalierError('FLEET_INVALID', { place, problem });
}
