import { describe, expect, it } from 'vitest';
import { problemOfTimes, signersAt } from './signer-times.ts';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA ada';
const lineOf = (options: string, who = 'ada@example.com'): string => `${who} ${options} ${key}`;
const noon = Date.UTC(2026, 5, 15, 12);
const local = new Date(2026, 5, 15, 12, 30, 15).getTime();

describe('the times of allowed signers', () => {
  it.each([
    ['no option', `ada@example.com ${key}`],
    ['other options', lineOf('cert-authority,namespaces="git,valid-before=x"')],
    ['a time before', lineOf('valid-after="20260615Z"')],
    ['a time behind', lineOf('valid-before="202606151201Z"')],
    ['both', lineOf('namespaces="git",valid-after="20260101",valid-before="20270101UTC"')],
    ['an option in a name', lineOf('namespaces="git"', '"valid-before=1 ,valid-before=2"')],
    ['an option in the words behind the key', `${lineOf('namespaces="git"')} valid-before="20200101"`],
  ])('let a line with %s count', (_what, line) => {
    expect([problemOfTimes(line), signersAt(line, noon)]).toEqual([undefined, line]);
  });

  it.each([
    ['is over', 'valid-before="20250101"'],
    ['is over, in capitals', 'namespaces="git",VALID-BEFORE="20250101"'],
    ['is over, behind a comma in quotes', 'namespaces="git,file",valid-before="20250101"'],
    ['is over since this second', 'valid-before="20260615120000Z"'],
    ['has not come', 'valid-after="20260615120001z"'],
    ['has not come, while its end has not either', 'valid-after="20270101",valid-before="20280101"'],
  ])('leave a line out whose time %s', (_what, options) => {
    const text = `# who\n\n${lineOf(options, '"a b"')}\nbob ${key}\n`;
    expect([problemOfTimes(lineOf(options)), signersAt(text, noon)]).toEqual([undefined, `# who\n\nbob ${key}\n`]);
  });

  it.each([
    ['20260615', new Date(2026, 5, 15).getTime()],
    ['202606151230', local - 15_000],
    ['20260615123015', local],
    ['20260615Z', Date.UTC(2026, 5, 15)],
    ['202606151230Z', Date.UTC(2026, 5, 15, 12, 30)],
    ['20260615123015utc', Date.UTC(2026, 5, 15, 12, 30, 15)],
    ['20240229Z', Date.UTC(2024, 1, 29)],
  ])('read %s, local without Z', (text, time) => {
    const before = lineOf(`valid-before="${text}"`);
    const after = lineOf(`valid-after="${text}"`);
    expect([signersAt(before, time - 1), signersAt(before, time)]).toEqual([before, '']);
    expect([signersAt(after, time - 1), signersAt(after, time)]).toEqual(['', after]);
  });

  it.each([
    ['valid-before="2025-01-01"', 'valid-before is not a time'],
    ['valid-before=20250101', 'valid-before is not a time in quotes'],
    ['valid-before', 'valid-before is not a time'],
    ['valid-before=""', 'valid-before is not a time'],
    ['valid-after="20250230"', 'valid-after is not a time'],
    ['valid-after="202501012460"', 'valid-after is not a time'],
    ['valid-after="20250101120060"', 'valid-after is not a time'],
    ['valid-after="00000101"', 'valid-after is not a time'],
    ['valid-after="20250101+0100"', 'valid-after is not a time'],
    ['valid-before="20250101",Valid-Before="20990101"', 'it says valid-before twice'],
    ['valid-after="20260101",valid-before="20250101"', 'valid-before is not behind valid-after'],
  ])('are refused as %s, and let nobody sign', (options, problem) => {
    expect(problemOfTimes(lineOf(options))).toContain(problem);
    expect(signersAt(lineOf(options), noon)).toBe('');
  });
});
