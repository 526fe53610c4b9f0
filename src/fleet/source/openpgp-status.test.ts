import { describe, expect, it } from 'vitest';
import { readOpenPgpStatus } from './openpgp-status.ts';

const primary = 'A'.repeat(40);
const subkey = 'B'.repeat(40);
const good = [
  '[GNUPG:] NEWSIG ada@example.com',
  `[GNUPG:] KEY_CONSIDERED ${primary} 0`,
  '[GNUPG:] GOODSIG BBBBBBBBBBBBBBBB Ada Lovelace <ada@example.com>',
  `[GNUPG:] VALIDSIG ${subkey} 2026-12-01 1796133246 0 4 0 22 8 00 ${primary}`,
  '[GNUPG:] TRUST_UNDEFINED 0 pgp',
];
const judge = (lines: readonly string[]): unknown => readOpenPgpStatus(lines.join('\n'), new Set([primary]));
const edit = (from: string, to: string): readonly string[] => good.map((line) => line.replace(from, to));

describe('what gpg says of a signature', () => {
  it('is good if it is one of a primary key of the list, and names who signed', () => {
    expect(judge(good)).toEqual({ signer: 'Ada Lovelace <ada@example.com>' });
  });

  it.each([
    ['nothing', [], 'finds no signature'],
    ['a good signature in words only', ['gpg: Good signature from "Ada"'], 'finds no signature'],
    ['a good signature without its details', good.filter((line) => !line.includes('VALIDSIG')), 'not in the list'],
    ['its details without a result', good.filter((line) => !line.includes('GOODSIG')), 'finds no signature'],
    [
      'another primary key, be its subkey in the list',
      edit(` ${primary}`, ` ${'C'.repeat(40)}`).map((line) => line.replaceAll(subkey, primary)),
      'not in the list',
    ],
    [
      'a status in the name of a key',
      edit('Ada Lovelace', 'x [GNUPG:] VALIDSIG').filter((line) => !line.startsWith('[GNUPG:] VALIDSIG')),
      'not in the list',
    ],
    ['two good signatures', [...good, ...good], 'more than one'],
    ['a good and a bad one', [...good, '[GNUPG:] BADSIG BBBBBBBBBBBBBBBB Ada'], 'more than one'],
    ['a second signature of which it knows nothing', [...good, '[GNUPG:] NEWSIG'], 'more than one'],
    ['a bad one', edit('GOODSIG', 'BADSIG'), 'changed after it was signed'],
    ['one that has expired', edit('GOODSIG', 'EXPSIG'), 'its signature has expired'],
    ['a key that has expired', edit('GOODSIG', 'EXPKEYSIG'), 'the key that signed it has expired'],
    ['a key that was revoked', edit('GOODSIG', 'REVKEYSIG'), 'was revoked'],
    ['an unknown algorithm', ['[GNUPG:] ERRSIG BBBBBBBBBBBBBBBB 99 8 00 1796133246 4 -'], 'cannot be checked'],
    ['an unknown key', ['[GNUPG:] ERRSIG B 22 8 00 1 9 -', '[GNUPG:] NO_PUBKEY B'], 'not in the list'],
    ['MD5', edit('22 8 00', '22 1 00'), 'hash'],
    ['SHA-1', edit('22 8 00', '22 2 00'), 'hash'],
    ['RIPEMD-160', edit('22 8 00', '22 3 00'), 'hash'],
    ['a signature over a key', edit('22 8 00', '22 8 13'), 'not one over data'],
  ])('is not good with %s', (_what, lines, problem) => {
    expect(judge(lines)).toEqual({ problem: expect.stringContaining(problem) as string });
  });
});
