import { type Cause, EspalierError } from '../../core/index.ts';
import type { AdapterFacts } from './adapter-arena.ts';
import type { AdapterSource, SourcedAdapter } from './adapter-source.ts';

/** What is known of a version that was verified before, without reading its weights again. */
export interface KnownVersion extends AdapterFacts {
  /** SHA-256 of everything that affects its results, in hexadecimal. */
  readonly digest: string;
  /** Name of the base on which it was trained, according to its configuration. */
  readonly base: string | undefined;
  /** The fingerprint of that base; undefined if its files tell none. */
  readonly fingerprint: string | undefined;
  /** The folder or file that holds it. */
  readonly path: string;
}

/** @throws EspalierError ADAPTER_FACTS_INVALID. The facts come from a record, which may be damaged. */
export function assertUsable(name: string, { digest, rank, bytes }: KnownVersion): void {
  const problems: string[] = [];
  if (digest === '') problems.push('the digest is empty');
  if (!Number.isSafeInteger(rank) || rank < 1) problems.push(`the rank is ${rank} and not an integer from 1`);
  if (!Number.isSafeInteger(bytes) || bytes < 0) problems.push(`the size is ${bytes} and not a number of bytes`);
  if (problems.length > 0) throw new EspalierError('ADAPTER_FACTS_INVALID', { name, problems });
}

/** A known version, and the place from which its weights are read. */
export interface AdoptedVersion extends KnownVersion, Pick<SourcedAdapter, 'openTokenizer'> {
  readonly source: AdapterSource;
}

/** What differs between the facts that were recorded and those of the content itself. */
export function differences(recorded: AdapterFacts, actual: AdapterFacts): string[] {
  const facts = ['rank', 'bytes', 'isAlone'] as const;
  return facts
    .filter((fact) => recorded[fact] !== actual[fact])
    .map((fact) => `${fact} was recorded as ${recorded[fact]} and is ${actual[fact]}`);
}

/** A move of a name by an earlier process. */
export interface EarlierMove extends Cause {
  readonly known: AdoptedVersion;
  /** Unix time in milliseconds. */
  readonly time: number;
}
