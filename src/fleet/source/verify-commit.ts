import { EspalierError } from '../../core/index.ts';
import { readOpenPgpStatus } from './openpgp-status.ts';
import { reasonOf } from './run-git.ts';
import type { ProgramAnswer } from './run-program.ts';
import type { OpenPgpKeys, Signers } from './signers.ts';

type Git = (words: readonly string[], env?: Readonly<Record<string, string>>) => Promise<ProgramAnswer>;

export interface VerifyOptions {
  readonly signers: Pick<Signers, 'sshFile' | 'openpgp'>;
  readonly git: Git;
}

type Verdict = { readonly signer: string } | { readonly problem: string };

/** WHY: settings of the machine and of its users would say which programs are asked, and whom else they trust. */
const ownSettingsOnly = { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };

/**
 * Checks that a commit is signed by a key of the list.
 *
 * WHY the form of the signature is looked at first: git asks the program that fits the form, and the list may name no key of that form.
 *
 * @returns who has signed it
 * @throws EspalierError FLEET_SIGNATURE_INVALID
 */
export async function verifyCommit(commit: string, { signers, git }: VerifyOptions): Promise<string> {
  const raw = await git(['cat-file', 'commit', commit]);
  const verdict =
    raw.code === 0 ? await judge(commit, raw.stdout, { signers, git }) : { problem: reasonOf(raw.stderr) };
  if ('signer' in verdict) return verdict.signer;
  throw new EspalierError('FLEET_SIGNATURE_INVALID', { commit: commit.slice(0, 12), problem: verdict.problem });
}

async function judge(commit: string, raw: string, { signers, git }: VerifyOptions): Promise<Verdict> {
  const [head = ''] = raw.split('\n\n');
  const signatures = [...head.matchAll(/^gpgsig(?:-sha256)? (.*)$/gm)];
  if (signatures.length > 1) return { problem: 'it has more than one signature' };
  const { sshFile, openpgp } = signers;
  switch (signatures[0]?.[1]) {
    case undefined:
      return { problem: 'it is not signed' };
    case '-----BEGIN SSH SIGNATURE-----':
      if (sshFile === undefined) return otherForm('an SSH key', 'OpenPGP');
      return verifySsh(commit, { file: sshFile, git });
    case '-----BEGIN PGP SIGNATURE-----':
      if (openpgp === undefined) return otherForm('an OpenPGP key', 'SSH');
      return verifyOpenPgp(commit, { keys: openpgp, git });
    default:
      return { problem: 'its signature is neither of an SSH key nor of an OpenPGP key' };
  }
}

function otherForm(form: string, listed: string): Verdict {
  return { problem: `it has a signature of ${form}, and the list of signers names ${listed} keys only` };
}

async function verifySsh(
  commit: string,
  { file, git }: { readonly file: string; readonly git: Git },
): Promise<Verdict> {
  const settings = [
    'gpg.format=ssh',
    `gpg.ssh.allowedSignersFile=${file}`,
    'gpg.ssh.program=ssh-keygen',
    'gpg.minTrustLevel=fully',
  ];
  const checked = await git(verifyWords(settings, commit), ownSettingsOnly);
  const said = `${checked.stdout}\n${checked.stderr}`;
  const signer = /^Good "git" signature for (.+) with \S+ key SHA256:\S+$/m.exec(said)?.[1];
  if (checked.code === 0 && signer !== undefined) return { signer };
  return {
    problem: /No principal matched|with \S+ key/.test(said)
      ? 'the key that signed it is not in the list of signers, or has expired or is not valid yet there'
      : reasonOf(said),
  };
}

async function verifyOpenPgp(
  commit: string,
  { keys, git }: { readonly keys: OpenPgpKeys; readonly git: Git },
): Promise<Verdict> {
  // WHY no level of trust: it is about who vouches for whose name, and the list itself says who may sign.
  const settings = ['gpg.program=gpg', 'gpg.openpgp.program=gpg', 'gpg.minTrustLevel=undefined'];
  const checked = await git(verifyWords(settings, commit), { ...ownSettingsOnly, GNUPGHOME: keys.home });
  const verdict = readOpenPgpStatus(checked.stderr, keys.fingerprints);
  return 'signer' in verdict && checked.code !== 0 ? { problem: 'git does not take its signature' } : verdict;
}

function verifyWords(settings: readonly string[], commit: string): readonly string[] {
  return [...settings.flatMap((one) => ['-c', one]), 'verify-commit', '--raw', commit];
}
