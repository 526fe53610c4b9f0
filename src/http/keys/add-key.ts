import { createHash, randomBytes } from 'node:crypto';
import { isSeq, parseDocument } from 'yaml';
import type { QuotaLimits } from './quota.ts';
import type { Role } from './role.ts';
import { parseKeys } from './read-keys.ts';

export interface NewKey {
  readonly name: string;
  readonly models: readonly string[];
  readonly roles: readonly Role[];
  readonly limits?: QuotaLimits | undefined;
}

/**
 * Makes a key, and adds its hash to the text of a file of keys. What stands there stays, with its comments.
 *
 * @param text  '' for a new file
 * @param path  of the file, for errors
 * @returns the key, which is in no file, and the new text
 * @throws EspalierError KEYS_FILE_INVALID for a text that cannot be used, or a key that cannot be added to it
 */
export function addKey(
  text: string,
  { name, models, roles, limits = {} }: NewKey,
  path: string,
): { readonly key: string; readonly text: string } {
  const key = `esp-${randomBytes(32).toString('base64url')}`;
  const { requestsPerMinute, tokensPerMinute } = limits;
  const sha256 = createHash('sha256').update(key).digest('hex');
  const added = withEntry(text.trim() === '' ? '[]' : text, path, {
    name,
    sha256,
    models,
    roles,
    ...(requestsPerMinute !== undefined && { requests_per_minute: requestsPerMinute }),
    ...(tokensPerMinute !== undefined && { tokens_per_minute: tokensPerMinute }),
  });
  // WHY the whole: a name or a pattern of the new key may not be one.
  parseKeys(added, path);
  return { key, text: added };
}

function withEntry(text: string, path: string, entry: object): string {
  parseKeys(text, path);
  const json = jsonOf(text);
  if (json !== undefined && json.length > 0) return `${JSON.stringify([...json, entry], null, 2)}\n`;
  const document = parseDocument(text);
  if (isSeq(document.contents) && json !== undefined) document.contents.flow = false;
  document.add(document.createNode(entry));
  return document.toString();
}

/** @returns undefined if the text is no list in JSON, but one in YAML */
function jsonOf(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
