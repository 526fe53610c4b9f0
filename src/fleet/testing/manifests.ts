import { createHash } from 'node:crypto';

export const fingerprint = `safetensors-1:${'0'.repeat(64)}`;
export const facts = { fingerprint, baseName: 'base' };

/** The digest of a version that tests call by a letter. */
export function digestOf(letter: string): string {
  return createHash('sha256').update(letter).digest('hex');
}

/** A manifest that points names to versions, which lie at `adapters/<letter>`. */
export function manifestOf(names: Readonly<Record<string, string>>, more = ''): string {
  const letters = [...new Set(Object.values(names))];
  return [
    'apiVersion: espalier/v1alpha1',
    'kind: Fleet',
    'metadata: {name: test}',
    'spec:',
    `  bases: [{name: base, fingerprint: "${fingerprint}"}]`,
    '  adapters:',
    ...letters.map((letter) => `    - {digest: "sha256:${digestOf(letter)}", path: adapters/${letter}}`),
    ...(letters.length === 0 ? ['    []'] : []),
    '  aliases:',
    ...Object.entries(names).map(([name, letter]) => `    - {name: ${name}, digest: ${digestOf(letter)}}`),
    ...(Object.keys(names).length === 0 ? ['    []'] : []),
    ...(more === '' ? [] : [more]),
    '',
  ].join('\n');
}

/** The files of a repository with these versions. */
export function adapterFiles(letters: Iterable<string>): Record<string, string> {
  return Object.fromEntries([...letters].map((letter) => [`adapters/${letter}`, letter]));
}
