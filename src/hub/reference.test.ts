import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelFolder } from './cache-layout.ts';
import { formatHubReference, isHubReference, parseHubReference } from './reference.ts';

describe('parseHubReference', () => {
  it.each([
    { text: 'hf:org/name', name: 'org/name', revision: 'main' },
    { text: 'hf:gpt2', name: 'gpt2', revision: 'main' },
    { text: 'hf:org/Name-1.5B_x@v1.0', name: 'org/Name-1.5B_x', revision: 'v1.0' },
    { text: 'hf:org/name@refs/pr/12', name: 'org/name', revision: 'refs/pr/12' },
    { text: `hf:org/name@${'a'.repeat(40)}`, name: 'org/name', revision: 'a'.repeat(40) },
  ])('reads $text', ({ text, name, revision }) => {
    const reference = parseHubReference(text);
    expect(reference).toEqual({ name, revision });
    expect(formatHubReference(reference)).toBe(text);
  });

  it.each([
    'hf:',
    'org/name',
    'hf:/name',
    'hf:a/b/c',
    'hf:../name',
    'hf:org/..',
    'hf:org/na--me',
    'hf:org/.hidden',
    'hf:org/name-',
    'hf:org/na me',
    'hf:org/name@',
    'hf:org/name@../../x',
    'hf:org/name@/etc',
    'hf:org/name@a..b',
    'hf:org/name@a//b',
    'hf:org/name@-x',
    'hf:org/name\n',
  ])('refuses %j', (text) => {
    expect(() => parseHubReference(text)).toThrow(
      expect.objectContaining({ code: 'HUB_REFERENCE_INVALID' }) as unknown as Error,
    );
  });

  it('lets no reference lead out of the cache', () => {
    const piece = fc.constantFrom('..', '.', '/', '-', '--', '@', 'a', 'B', '\\', '\0', '%2e', '~', ':');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = `hf:${pieces.join('')}`;
        expect(isHubReference(text)).toBe(true);
        let folders: string[];
        try {
          const { name, revision } = parseHubReference(text);
          folders = [modelFolder('', name), revision];
        } catch {
          return;
        }
        expect(folders[0]).toMatch(/^models--[\w.-]+$/);
        expect(folders.join('/').split('/')).not.toContain('..');
        expect(folders[1]).toMatch(/^[^/]/);
      }),
    );
  });
});
