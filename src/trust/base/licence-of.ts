import { parseDocument } from 'yaml';

/**
 * The licence of a base according to its own files: the front matter of its model card, or the field `license` of its configuration. What
 * a publisher writes there is a claim, and no proof.
 *
 * @returns in lower case; undefined if neither says one, or if both say different ones
 */
export function licenceOf({ card, config }: { readonly card?: string; readonly config?: string }): string | undefined {
  const said = [ofCard(card ?? ''), ofConfig(config ?? '')].filter((licence) => licence !== undefined);
  return new Set(said).size === 1 ? said[0] : undefined;
}

function ofCard(card: string): string | undefined {
  const front = /^---\r?\n(?<yaml>[\s\S]*?)\r?\n---(?:\r?\n|$)/.exec(card)?.groups?.['yaml'];
  if (front === undefined) return undefined;
  try {
    const document = parseDocument(front, { prettyErrors: false });
    if (document.errors.length > 0) return undefined;
    return textOf(document.toJS({ maxAliasCount: 0 }));
  } catch {
    return undefined;
  }
}

function ofConfig(config: string): string | undefined {
  try {
    return textOf(JSON.parse(config));
  } catch {
    return undefined;
  }
}

function textOf(content: unknown): string | undefined {
  if (typeof content !== 'object' || content === null || !('license' in content)) return undefined;
  return typeof content.license === 'string' && content.license !== '' ? content.license.toLowerCase() : undefined;
}
