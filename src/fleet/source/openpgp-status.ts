/** What gpg says of a signature. */
export type OpenPgpVerdict = { readonly signer: string } | { readonly problem: string };

/** What each result of a signature that is not good means. */
const problems: Readonly<Record<string, string>> = {
  BADSIG: 'its signature does not belong to it: it was changed after it was signed',
  EXPSIG: 'its signature has expired',
  EXPKEYSIG: 'the key that signed it has expired',
  REVKEYSIG: 'the key that signed it was revoked',
  ERRSIG: 'its signature cannot be checked',
};
/** MD5, SHA-1 and RIPEMD-160 in the numbers of RFC 9580, section 9.5: two commits may have the same one. */
const brokenHashes: ReadonlySet<string> = new Set(['1', '2', '3']);

/**
 * Decides by the status lines of `gpg --verify` whether a commit is taken: one signature, good, of a key that is neither expired nor
 * revoked, whose primary key is in the list. What is not known to be good is refused.
 *
 * @param text          what `git verify-commit --raw` has written: lines with `[GNUPG:]`, described in GnuPG's doc/DETAILS
 * @param fingerprints  of the primary keys that may sign
 */
export function readOpenPgpStatus(text: string, fingerprints: ReadonlySet<string>): OpenPgpVerdict {
  const lines = text
    .split('\n')
    .filter((line) => line.startsWith('[GNUPG:] '))
    .map((line) => line.split(' ').slice(1));
  const all = (keyword: string): readonly (readonly string[])[] => lines.filter(([first]) => first === keyword);
  const results = lines.filter(([first = '']) => first === 'GOODSIG' || problems[first] !== undefined);
  if (results.length > 1 || all('NEWSIG').length > 1 || all('VALIDSIG').length > 1) {
    return { problem: 'it has more than one signature' };
  }
  if (all('NO_PUBKEY').length > 0) return { problem: 'the key that signed it is not in the list of signers' };
  const [result, ...who] = results[0] ?? [];
  if (result === undefined) return { problem: 'gpg finds no signature in it' };
  if (result !== 'GOODSIG') return { problem: problems[result] ?? 'its signature is not good' };
  const [, , , , , , , , hash = '', kind, primary = ''] = all('VALIDSIG')[0] ?? [];
  if (!fingerprints.has(primary)) return { problem: 'the key that signed it is not in the list of signers' };
  if (brokenHashes.has(hash))
    return { problem: 'its signature is over a hash that is broken (MD5, SHA-1 or RIPEMD-160)' };
  if (kind !== '00') return { problem: 'its signature is not one over data' };
  return { signer: who.slice(1).join(' ') };
}
