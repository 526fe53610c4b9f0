import { EspalierError } from '../core/index.ts';

/** A model on the hub, at a revision. */
export interface HubReference {
  /** `org/name`, or `name` alone for the hub's oldest models. */
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const prefix = 'hf:';
const defaultRevision = 'main';

/** Whether a text names a model on the hub, rather than a folder. */
export function isHubReference(text: string): boolean {
  return text.startsWith(prefix);
}

/**
 * Parses `hf:org/name[@revision]`. Both parts become names of folders in the cache, so names that would lead outside the cache
 * are refused.
 * @throws EspalierError HUB_REFERENCE_INVALID
 */
export function parseHubReference(text: string): HubReference {
  const refused = (reason: string): EspalierError =>
    new EspalierError('HUB_REFERENCE_INVALID', { reference: text, reason });
  if (!isHubReference(text)) throw refused(`it does not begin with ${prefix}`);
  const [name = '', ...rest] = text.slice(prefix.length).split('@');
  const parts = name.split('/');
  if (parts.length > 2) throw refused('a name has one slash, between the organization and the model');
  if (!parts.every(isNamePart)) throw refused('a name is of letters, digits, and single . - _ between them');
  if (rest.length === 0) return { name, revision: defaultRevision };
  const revision = rest.join('@');
  if (!isRevision(revision)) throw refused(`the revision ${JSON.stringify(revision)} cannot be one of git`);
  return { name, revision };
}

export function formatHubReference({ name, revision }: HubReference): string {
  return revision === defaultRevision ? `${prefix}${name}` : `${prefix}${name}@${revision}`;
}

/** WHY no '--': folders of the cache are named models--org--name, with '--' as the separator. */
function isNamePart(part: string): boolean {
  return /^[\w](?:[\w.-]{0,94}[\w])?$/.test(part) && !part.includes('--') && !part.includes('..');
}

function isRevision(revision: string): boolean {
  const parts = revision.split('/');
  return revision.length <= 255 && parts.every((part) => /^[\w+=][\w+=.-]*$/.test(part) && !part.includes('..'));
}
