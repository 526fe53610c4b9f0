import { describe, expect, it } from 'vitest';
import { codes, type CodeEntry } from '../src/core/index.ts';
import { sourceFiles } from './source-files.ts';

function page(): string {
  const rows = Object.entries<CodeEntry>(codes)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, retryable, message, help }]) => {
      return `## ${code}\n\n> ${message.replaceAll(/\{option:(\w+)\}/g, '`$1`')}\n\n${help}\n\nHTTP status ${status}${retryable ? ', worth another try' : ''}.\n`;
    });
  return `# Errors\n\nEvery error that Espalier raises has a code that never changes its meaning. Branch on the code, never on the text.\nThis page is written from the table in \`src/core/codes\` (\`npx vitest run test/errors-page.test.ts -u\` writes it again).\n\n${rows.join('\n')}`;
}

describe('the page of errors', () => {
  it('holds every code of the table, and no other', async () => {
    await expect(page()).toMatchFileSnapshot('../docs/errors.md');
  });

  it('every code is raised somewhere', () => {
    const text = sourceFiles()
      .filter(({ path }) => !path.startsWith('core/codes/') && !path.endsWith('.test.ts'))
      .map((file) => file.text)
      .join('\n');
    expect(Object.keys(codes).filter((code) => !text.includes(`'${code}'`))).toEqual([]);
  });
});
