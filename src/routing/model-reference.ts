import { isFineTunedName } from '../core/index.ts';

/** What a request's `model` names. */
export interface ModelReference {
  /** Of the base or of an adapter. */
  readonly name: string;
  /** The beginning of the SHA-256 of one version, in lower case; undefined: the version to which the name points. */
  readonly version: string | undefined;
}

/** Fewer digits could be those of another version by chance. */
const withVersion = /^(.+)@([\da-f]{8,64})$/i;

/**
 * Reads `name`, `name@version`, and either with the name of the base and a colon in front. Pure function of the text. WHY it does not
 * look at what is served: whether a key may see a name is decided by the same reading, before the name is looked for.
 */
export function parseModel(model: string, baseName: string): ModelReference {
  const [, named = model, version] = withVersion.exec(model) ?? [];
  // WHY first: a base may be named `ft`.
  if (isFineTunedName(named)) return { name: named, version: version?.toLowerCase() };
  const prefix = `${baseName}:`;
  const name = named.startsWith(prefix) && named.length > prefix.length ? named.slice(prefix.length) : named;
  return { name, version: version?.toLowerCase() };
}

/** One adapter of those that answer a request together, and its strength. */
export interface MixedAdapter {
  /** Its name, as `model` would give it. */
  readonly model: string;
  /** The factor of its update. */
  readonly scale: number;
}
