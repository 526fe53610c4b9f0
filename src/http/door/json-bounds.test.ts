import { describe, expect, it } from 'vitest';
import { checkJsonBounds, requestBounds } from './json-bounds.ts';

const bounds = { depth: 3, containers: 5, members: 4, values: 6 };
const check = (text: string, limits = bounds): ReturnType<typeof checkJsonBounds> =>
  checkJsonBounds(Buffer.from(text), limits);

describe('checkJsonBounds', () => {
  it.each([
    ['[[[1]]]', 'within the depth'],
    ['[[],[],[],[]]', 'within the containers'],
    ['{"a":1,"b":2,"c":3,"d":4}', 'within the members'],
    ['[1,2,3,4,5,6,7]', 'within the values'],
    ['"[[[[{{{{,,,,,,,,::::::"', 'a string of marks'],
    ['"\\"[[[[[[\\\\\\"[[[["', 'a string with escaped quotes'],
    ['["\\\\",[["\\\\"]]]', 'strings that end with a backslash'],
    ['"never ended [[[[[[[[', 'a string that is not ended, which the parser refuses'],
    ['', 'nothing'],
  ])('takes %s: %s', async (text) => {
    await expect(check(text)).resolves.toBeDefined();
  });

  it.each([
    ['[[[[1]]]]', 'nested more than 3 deep'],
    ['["\\\\",[[[1]]]]', 'nested more than 3 deep'],
    ['[[],[],[],[],[]]', 'more than 5 lists and objects'],
    ['{"a":1,"b":2,"c":3,"d":4,"e":5}', 'more than 4 members'],
    ['[1,2,3,4,5,6,7,8]', 'more than 6 values'],
  ])('refuses %s', async (text, problem) => {
    await expect(check(text)).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining(problem),
    });
  });

  it('refuses three million brackets before any parser sees them', async () => {
    await expect(check('['.repeat(3_000_000), requestBounds)).rejects.toThrow('nested more than 64 deep');
  });

  it('lets other work run while it looks at megabytes', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await check(
      `["${'a,'.repeat(2 ** 10)}"${` ,"${'b'.repeat(2 ** 12)}"`.repeat(500)}${' '.repeat(6 * 2 ** 20)}]`,
      requestBounds,
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it.each([
    ['[1234567890123456]', true],
    ['[123456789012345]', false],
    ['["12345678901234567890"]', false],
    ['[12345678,12345678]', false],
  ])('sees whether %s has a long number: %s', async (text, hasLongNumber) => {
    expect((await check(text)).hasLongNumber).toBe(hasLongNumber);
  });
});
