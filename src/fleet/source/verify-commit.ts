import { EspalierError } from '../../core/index.ts';
import { type GitAnswer, reasonOf } from './run-git.ts';

export interface VerifyOptions {
  /** A file of allowed signers, in the form of `ssh-keygen`. */
  readonly signers: string;
  readonly git: (words: readonly string[]) => Promise<GitAnswer>;
}

/**
 * Checks that a commit is signed by an SSH key of the list.
 *
 * WHY the form of the signature is looked at first: git checks a signature of another form, such as that of OpenPGP, with what the
 * machine trusts, and not with the list.
 *
 * @returns who has signed it
 * @throws EspalierError FLEET_SIGNATURE_INVALID
 */
export async function verifyCommit(commit: string, { signers, git }: VerifyOptions): Promise<string> {
  const refuse = (problem: string): EspalierError =>
    new EspalierError('FLEET_SIGNATURE_INVALID', { commit: commit.slice(0, 12), problem });
  const raw = await git(['cat-file', 'commit', commit]);
  const [head = ''] = raw.stdout.split('\n\n');
  const signature = /^gpgsig(?:-sha256)? (.*)$/m.exec(head)?.[1];
  if (raw.code !== 0 || signature === undefined) throw refuse('it is not signed');
  if (signature !== '-----BEGIN SSH SIGNATURE-----') {
    throw refuse('it has no signature of an SSH key, and the list of signers names SSH keys only');
  }
  const settings = [
    'gpg.format=ssh',
    `gpg.ssh.allowedSignersFile=${signers}`,
    'gpg.ssh.program=ssh-keygen',
    'gpg.minTrustLevel=fully',
  ];
  const checked = await git([...settings.flatMap((one) => ['-c', one]), 'verify-commit', '--raw', commit]);
  const said = `${checked.stdout}\n${checked.stderr}`;
  const signer = /^Good "git" signature for (.+) with \S+ key SHA256:\S+$/m.exec(said)?.[1];
  if (checked.code === 0 && signer !== undefined) return signer;
  throw refuse(
    /No principal matched|with \S+ key/.test(said)
      ? 'the key that signed it is not in the list of signers'
      : reasonOf(said),
  );
}
