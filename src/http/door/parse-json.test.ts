import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJsonBounds } from './json-bounds.ts';
import { parseJson } from './parse-json.ts';

const bounds = { depth: 64, containers: 1e6, members: 1e6, values: 1e6 };

/** What is made of a text whose pieces have at least so many bytes. */
async function parse(text: string | Uint8Array, pieceBytes: number): Promise<unknown> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return parseJson(bytes, await checkJsonBounds(bytes, bounds, pieceBytes));
}

/** The value of a text in JSON again, which also shows the order of members; `none` if there is no value. */
async function outcome(parsed: () => unknown): Promise<string> {
  try {
    return JSON.stringify(await parsed());
  } catch {
    return 'none';
  }
}

const key = fc.constantFrom('a', 'b', '', '__proto__', 'constructor', '1', 'é', '\\"', ']', '\u2028');
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"', '\\', '\\\\"', ',', '{"a":[', '😀😀😀', '\ud83d'),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false, 0),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members) => ({ members })),
  ),
}));

/** Writes JSON in which names may come twice and characters may be escaped. */
function write(one: unknown, space: string): string {
  if (Array.isArray(one)) return `[${space}${one.map((each) => write(each, space)).join(`${space},`)}${space}]`;
  if (typeof one === 'object' && one !== null && 'members' in one) {
    const members = (one.members as [string, unknown][]).map(
      ([name, each]) => `${JSON.stringify(name)}${space}:${space}${write(each, space)}`,
    );
    return `{${space}${members.join(`,${space}`)}}`;
  }
  return JSON.stringify(one).replaceAll(/[a-e]/g, (letter) =>
    typeof one === 'string' && !JSON.stringify(one).includes('\\')
      ? `\\u00${letter.charCodeAt(0).toString(16)}`
      : letter,
  );
}

const document = fc.tuple(value, fc.constantFrom('', ' ', '\n\t')).map(([one, space]) => write(one, space));
const pieceBytes = fc.integer({ min: 1, max: 24 });

describe('parseJson', () => {
  it('gives what JSON.parse gives, wherever the text is cut', async () => {
    await fc.assert(
      fc.asyncProperty(document, pieceBytes, async (json, size) => {
        expect(await parse(json, size)).toEqual(JSON.parse(json));
        expect(await outcome(() => parse(json, size))).toBe(JSON.stringify(JSON.parse(json)));
      }),
      { numRuns: 500 },
    );
  });

  it('refuses what JSON.parse refuses, and nothing else', async () => {
    const marks = fc.constantFrom('[', ']', '{', '}', ',', ':', '"', '\\', '1', ' ', 'a', '');
    const edits = fc.array(fc.tuple(fc.nat(), marks, fc.nat({ max: 2 })), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(document, edits, pieceBytes, async (json, changes, size) => {
        let broken = json;
        for (const [place, mark, removed] of changes) {
          const at = place % (broken.length + 1);
          broken = `${broken.slice(0, at)}${mark}${broken.slice(at + removed)}`;
        }
        // An edit may have divided a character.
        const sent = Buffer.from(broken).toString();
        expect(await outcome(() => parse(sent, size))).toBe(await outcome(() => JSON.parse(sent)));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    '[1,,2]',
    '[,1]',
    '[1,2,]',
    '{"a":1,}',
    '{"a":1,,"b":2}',
    '{,"a":1}',
    '{"a":1,2}',
    '[1,"b":2]',
    '[[1,2],3}',
    '[1,2]]',
    '[1,2],[3,4]',
    '["a,b',
    '[1,2',
    '["\\u12"]',
    '["\\x"]',
    '',
  ])('refuses %s in pieces of any size', async (json) => {
    for (let size = 1; size <= json.length + 1; size++) {
      await expect(parse(json, size)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    }
  });

  it('takes a byte order mark, and refuses what is not UTF-8', async () => {
    expect(await parse(Uint8Array.of(0xef, 0xbb, 0xbf, 0x5b, 0x5d), 1)).toEqual([]);
    await expect(parse(Uint8Array.of(0x22, 0xff, 0x22), 1)).rejects.toThrow('it is no JSON');
  });

  it('lets other tasks run while it parses megabytes, also of one text', async () => {
    for (const json of [`[${'[1.25000001,2.5000002,3.000003],'.repeat(240_000)}0]`, `["${'é'.repeat(6_000_000)}"]`]) {
      let turns = 0;
      const timer = setInterval(() => turns++, 0);
      const bytes = Buffer.from(json);
      const shape = await checkJsonBounds(bytes, bounds);
      turns = 0;
      expect(JSON.stringify(await parseJson(bytes, shape))).toBe(json);
      clearInterval(timer);
      expect(turns).toBeGreaterThan(0);
    }
  });
});
