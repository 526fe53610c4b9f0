import { describe, expect, it } from 'vitest';
import { reasonOf } from './run-git.ts';

const advice = `
Please make sure you have the correct access rights
and the repository exists.
`;

describe('what git said', () => {
  it.each([
    [
      `ada@host: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n${advice}`,
      'ada@host: Permission denied (publickey).',
    ],
    [
      `@@@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@@@@\nHost key verification failed.\nfatal: Could not read from remote repository.\n${advice}`,
      'Host key verification failed.',
    ],
    [
      `fatal: '/srv/fleet' does not appear to be a git repository\nfatal: Could not read from remote repository.\n${advice}`,
      "fatal: '/srv/fleet' does not appear to be a git repository",
    ],
    [`fatal: Could not read from remote repository.\n${advice}`, 'fatal: Could not read from remote repository.'],
    ['warning: one\nfatal: two\u001b[31m', 'fatal: two [31m'],
    ['', 'git gave no reason'],
  ])('gives the reason of %j', (text, reason) => {
    expect(reasonOf(text)).toBe(reason);
  });
});
