/**
 * Thoughts in the place of OpenAI's `encrypted_content`. Clients that keep no responses on the server (`store: false`) send this text
 * back as it is, and some send nothing else of a reasoning item. It is not encrypted: the thoughts stand in `content` beside it, so
 * there is nothing to hide. WHY no key: it is read by every server, also after a restart.
 */
const mark = 'espalier-thoughts-1:';

export function carryThoughts(text: string): string {
  return mark + Buffer.from(text, 'utf8').toString('base64');
}

/** @returns undefined for a text that another server has made */
export function readCarriedThoughts(carried: string): string | undefined {
  if (!carried.startsWith(mark)) return undefined;
  const bytes = Buffer.from(carried.slice(mark.length), 'base64');
  const text = bytes.toString('utf8');
  // WHY compared: what was cut or changed would decode to other thoughts.
  return carryThoughts(text) === carried ? text : undefined;
}
