import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from 'node:process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { GitSource, parseSource } from '../../fleet/index.ts';
import { openSigners } from '../../fleet/source/signers.ts';
import { type CommitOptions, createKey, GitRepository } from '../../fleet/testing/git-repository.ts';
import { GpgHome, noGpg } from '../../fleet/testing/gpg-home.ts';
import { adapterFiles, digestOf, manifestOf } from '../../fleet/testing/manifests.ts';
import { FleetHouse, namesOf, type Process } from '../testing/fleet-house.ts';

const signal = new AbortController().signal;
const files = { ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a' }) };

describe.skipIf(noGpg !== undefined)(
  `commits signed with OpenPGP${noGpg === undefined ? '' : ` (skipped: ${noGpg})`}`,
  () => {
    let home: GpgHome;
    let ada: string;
    let eve: string;
    let program: string;
    beforeAll(() => {
      home = new GpgHome();
      ada = home.createKey('ada');
      eve = home.createKey('eve');
      program = home.program();
    });
    afterAll(() => home[Symbol.dispose]());

    let folder: string;
    let repository: GitRepository;
    let process: Process | undefined;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'));
      repository = new GitRepository();
    });
    afterEach(async () => {
      await process?.end();
      process = undefined;
      vi.unstubAllEnvs();
      repository[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    });

    /** A list of signers with these files. One file is the list itself, more are a folder. */
    function listOf(...texts: readonly string[]): string {
      const list = join(folder, 'signers');
      if (texts.length === 1) writeFileSync(list, texts[0] ?? '');
      else mkdirSync(list);
      if (texts.length > 1) for (const [at, text] of texts.entries()) writeFileSync(join(list, `${at}.asc`), text);
      return list;
    }

    function sourceOf(signers: string): GitSource {
      const address = parseSource(repository.url);
      if (address.kind !== 'git') throw new TypeError('a repository is expected');
      return new GitSource({ address, cache: join(folder, 'git'), signers });
    }

    async function start(signers: string): Promise<Process> {
      process = await new FleetHouse().start(sourceOf(signers));
      return process;
    }

    const by = (key: string, how = program): CommitOptions => ({ openpgp: { key, program: how } });
    const reasonFor = async ({ fleet }: Process): Promise<unknown> => {
      const { error } = (await fleet.status()).refused ?? {};
      return error instanceof Error ? [Reflect.get(error, 'code'), error.message.replace(/^.*not taken: /, '')] : error;
    };

    it.each([
      ['of a key of the list', () => ({ commit: by(ada), list: [home.export(ada)] })],
      ['of one of several keys in a file', () => ({ commit: by(eve), list: [home.export(ada, eve)] })],
      ['of a key in a folder of files', () => ({ commit: by(eve), list: [home.export(ada), home.export(eve)] })],
      [
        'of the subkey of a key of the list',
        () => {
          const key = home.createKey('carol', { usage: 'cert' });
          return { commit: by(`${home.addSubkey(key)}!`), list: [home.export(key)] };
        },
      ],
    ])('are taken if they are %s', async (_what, make) => {
      const { commit, list } = make();
      repository.commit(files, commit);
      const running = await start(listOf(...list));
      expect([await reasonFor(running), namesOf(running)]).toEqual([undefined, { one: digestOf('a') }]);
    });

    /** What is wrong with a commit, how it and the list come about, and the reason that is told. */
    interface Bad {
      readonly what: string;
      readonly make: () => { commit: CommitOptions; list: readonly string[]; forge?: (raw: string) => string };
      readonly reason: string;
    }
    const stranger = 'the key that signed it is not in the list of signers';
    const several = 'it has more than one signature';
    const bad: readonly Bad[] = [
      { what: 'no signature', make: () => ({ commit: {}, list: [home.export(ada)] }), reason: 'it is not signed' },
      { what: 'that of another key', make: () => ({ commit: by(eve), list: [home.export(ada)] }), reason: stranger },
      {
        what: 'that of a key that has expired',
        make: () => {
          const key = home.createKey('old', { expires: '30d' });
          return { commit: by(key, home.programOfPast()), list: [home.export(key)] };
        },
        reason: 'the key that signed it has expired',
      },
      {
        what: 'one that has expired',
        make: () => {
          const key = home.createKey('brief', { expires: '100y' });
          return { commit: by(key, home.programOfPast('--default-sig-expire', '1d')), list: [home.export(key)] };
        },
        reason: 'its signature has expired',
      },
      {
        what: 'that of a key that was revoked, whatever the order of the files',
        make: () => ({ commit: by(ada), list: [home.revocation(ada), home.export(ada)] }),
        reason: 'the key that signed it was revoked',
      },
      {
        what: 'that of a subkey that was revoked',
        make: () => {
          const key = home.createKey('dan', { usage: 'cert' });
          const commit = by(`${home.addSubkey(key)}!`);
          repository.commit(files, commit);
          home.revokeSubkey(key);
          return { commit: {}, list: [home.export(key)], forge: () => repository.git('cat-file', 'commit', 'HEAD~1') };
        },
        reason: 'the key that signed it was revoked',
      },
      {
        what: 'one over another content',
        make: () => ({
          commit: by(ada),
          list: [home.export(ada)],
          forge: (raw) => raw.replace('a change', 'b change'),
        }),
        reason: 'its signature does not belong to it: it was changed after it was signed',
      },
      {
        what: 'two in one',
        make: () => ({ commit: by(ada, home.program('--local-user', eve)), list: [home.export(ada, eve)] }),
        reason: several,
      },
      {
        what: 'two, one behind the other',
        make: () => ({
          commit: by(ada),
          list: [home.export(ada)],
          forge: (raw) => raw.replace(/^gpgsig .*\n(?: .*\n)*/m, '$&gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n'),
        }),
        reason: several,
      },
      {
        what: 'one over a hash that is broken',
        make: () => ({ commit: by(ada, home.program('--digest-algo', 'SHA1')), list: [home.export(ada)] }),
        reason: 'its signature is over a hash that is broken (MD5, SHA-1 or RIPEMD-160)',
      },
      {
        what: 'one over a text, whose ends of lines may change',
        make: () => ({ commit: by(ada, home.program('--textmode')), list: [home.export(ada)] }),
        reason: 'its signature is not one over data',
      },
      {
        what: 'one that is nonsense',
        make: () => ({
          commit: by(ada),
          list: [home.export(ada)],
          forge: (raw) => raw.replace(/(BEGIN PGP SIGNATURE-----\n \n)(?: .*\n)*( -----END)/, '$1 AAAA\n$2'),
        }),
        reason: 'gpg finds no signature in it',
      },
      {
        what: 'a form that git does not know',
        make: () => ({
          commit: by(ada),
          list: [home.export(ada)],
          forge: (raw) => raw.replaceAll('PGP SIG', 'GPP SIG'),
        }),
        reason: 'its signature is neither of an SSH key nor of an OpenPGP key',
      },
      {
        what: 'that of an SSH key, where the list has OpenPGP keys only',
        make: () => ({ commit: { key: createKey(folder, 'ssh') }, list: [home.export(ada)] }),
        reason: 'it has a signature of an SSH key, and the list of signers names OpenPGP keys only',
      },
      {
        what: 'that of an OpenPGP key, where the list has SSH keys only',
        make: () => ({ commit: by(ada), list: [sshLine(createKey(folder, 'ssh'))] }),
        reason: 'it has a signature of an OpenPGP key, and the list of signers names SSH keys only',
      },
    ];
    it.each(bad.map((one) => [one.what, one] as const))(
      'are refused if they have %s',
      async (_what, { make, reason }) => {
        const { commit, list, forge } = make();
        repository.commit(files, commit);
        if (forge !== undefined) repository.forge(forge);
        // The machine itself knows and trusts every key.
        vi.stubEnv('GNUPGHOME', home.dir);
        const running = await start(listOf(...list));
        expect([await reasonFor(running), namesOf(running)]).toEqual([['FLEET_SIGNATURE_INVALID', reason], {}]);
      },
    );

    const sshLine = (key: string): string => `ada@example.com namespaces="git" ${readFileSync(`${key}.pub`, 'utf8')}`;

    it('are taken beside those of SSH keys, where a list names both', async () => {
      const key = createKey(folder, 'ssh');
      repository.commit(files, { key });
      const running = await start(listOf(sshLine(key), home.export(ada)));
      expect([await reasonFor(running), namesOf(running)]).toEqual([undefined, { one: digestOf('a') }]);
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, by(ada));
      await running.fleet.look();
      expect(namesOf(running)).toEqual({ one: digestOf('b') });
      repository.commit({ 'fleet.yaml': manifestOf({ two: 'b' }) }, by(eve));
      await running.fleet.look();
      expect([await reasonFor(running), namesOf(running)]).toEqual([
        ['FLEET_SIGNATURE_INVALID', stranger],
        { one: digestOf('b') },
      ]);
    });

    it('are refused from the moment at which their key is taken out of the list', async () => {
      repository.commit(files, by(ada));
      const list = listOf(home.export(ada));
      const running = await start(list);
      writeFileSync(list, home.export(eve));
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, by(ada));
      await running.fleet.look();
      expect([await reasonFor(running), namesOf(running)]).toEqual([
        ['FLEET_SIGNATURE_INVALID', stranger],
        { one: digestOf('a') },
      ]);
      rmSync(list);
      repository.commit({ 'fleet.yaml': manifestOf({ two: 'b' }) }, by(ada));
      await running.fleet.look();
      expect([(await running.fleet.status()).refused?.error, namesOf(running)]).toMatchObject([
        { code: 'FLEET_SIGNERS_INVALID' },
        { one: digestOf('a') },
      ]);
    });

    /** A gpg and an ssh-keygen that find every signature good. */
    function liar(): string {
      const file = join(folder, 'liar');
      const lines = [
        '[GNUPG:] NEWSIG',
        `[GNUPG:] GOODSIG ${ada.slice(-16)} ada`,
        `[GNUPG:] VALIDSIG ${ada} 2026-12-01 1 0 4 0 22 8 00 ${ada}`,
        'Good "git" signature for ada@example.com with ED25519 key SHA256:abc',
      ];
      writeFileSync(file, `#!/bin/sh\ncat >/dev/null\necho '${lines.join('\n')}'\n`);
      chmodSync(file, 0o700);
      return file;
    }

    it.each([
      ['the user', 'home/.gitconfig'],
      ['the repository', 'git/config'],
    ])('are verified by gpg, whatever program the settings of %s name', async (_whose, place) => {
      repository.commit(files, by(eve));
      const list = listOf(home.export(ada));
      mkdirSync(join(folder, 'home'));
      vi.stubEnv('HOME', join(folder, 'home'));
      execFileSync('git', ['init', '--quiet', '--bare', join(folder, 'git')]);
      const settings = ['gpg.program', 'gpg.openpgp.program', 'gpg.ssh.program'];
      for (const name of settings) execFileSync('git', ['config', '--file', join(folder, place), name, liar()]);
      expect([await reasonFor(await start(list)), existsSync(join(folder, place))]).toEqual([
        ['FLEET_SIGNATURE_INVALID', stranger],
        true,
      ]);
    });

    it('are refused if their key is not in the list but in another keyring, which the global settings of gpg name', async () => {
      const bin = join(folder, 'bin');
      mkdirSync(bin);
      const gpg = execFileSync('which', ['gpg'], { encoding: 'utf8' }).trim();
      // As a line `keyring FILE` of /etc/gnupg/gpg.conf, which a test cannot write.
      const foreign = join(folder, 'foreign.kbx');
      copyFileSync(join(home.dir, 'pubring.kbx'), foreign);
      const wrapper = `#!/bin/sh\nexec ${gpg} --keyring '${foreign}' "$@"\n`;
      writeFileSync(join(bin, 'gpg'), wrapper, { mode: 0o700 });
      const carla = home.createKey('carla', { usage: 'cert' });
      const subkey = home.addSubkey(carla);
      vi.stubEnv('PATH', `${bin}:${env['PATH'] ?? ''}`);
      repository.commit(files, by(`${subkey}!`));
      const running = await start(listOf(home.export(carla)));
      expect([await reasonFor(running), namesOf(running)]).toEqual([undefined, { one: digestOf('a') }]);
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, by(eve));
      await running.fleet.look();
      expect([await reasonFor(running), namesOf(running)]).toEqual([
        ['FLEET_SIGNATURE_INVALID', stranger],
        { one: digestOf('a') },
      ]);
      const where = { folder: join(folder, 'keys'), timeoutMs: 60_000, now: Date.now, signal };
      await using signers = await openSigners(join(folder, 'signers'), where);
      expect(signers.openpgp?.fingerprints).toEqual(new Set([carla]));
    });

    it('are taken although settings of the user ask for more trust, name another home of gpg, or revoke keys', async () => {
      const key = createKey(folder, 'ssh');
      mkdirSync(join(folder, 'home'));
      const settings = `[gpg]\n  minTrustLevel = ultimate\n  program = false\n[gpg "ssh"]\n  revocationFile = ${key}.pub\n`;
      writeFileSync(join(folder, 'home/.gitconfig'), settings);
      vi.stubEnv('HOME', join(folder, 'home'));
      vi.stubEnv('GNUPGHOME', join(folder, 'nowhere'));
      repository.commit(files, by(ada));
      const running = await start(listOf(home.export(ada), sshLine(key)));
      expect(namesOf(running)).toEqual({ one: digestOf('a') });
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, { key });
      await running.fleet.look();
      expect([await reasonFor(running), namesOf(running)]).toEqual([undefined, { one: digestOf('b') }]);
    });

    it('leave no keyring behind, and remove what a killed process has left', async () => {
      mkdirSync(join(folder, 'git-signers'));
      writeFileSync(join(folder, 'git-signers/gnupg'), 'left');
      repository.commit(files, by(ada));
      expect(namesOf(await start(listOf(home.export(ada))))).toEqual({ one: digestOf('a') });
      expect(readdirSync(folder).sort()).toEqual(['git', 'signers']);
    });

    it('start no agent of gpg', async () => {
      const where = { folder: join(folder, 'keys'), timeoutMs: 60_000, now: Date.now, signal };
      await using signers = await openSigners(listOf(home.export(ada)), where);
      // An agent ends by itself when its folder goes, so it is looked for while the folder is there.
      expect([signers.openpgp?.fingerprints, commandsWith(folder)]).toEqual([new Set([ada]), []]);
    });

    it.each([
      ['a secret key', () => home.exportSecret(ada), 'it holds a secret key'],
      ['a key that is cut off', () => home.export(ada).slice(0, -60), 'cut off'],
      ['a key that is no key', () => home.export(ada).replace(/\n\n[^-]*/, '\n\nAAAA\n'), 'gpg cannot read'],
      ['a key of which nobody says whose it is', () => withoutUserId(home.export(ada)), 'has no user ID'],
      ['the revocation of a key that it does not have', () => home.revocation(ada), 'gpg cannot read'],
    ])('need a list that can be read, and not one with %s', async (_what, list, problem) => {
      await expect(sourceOf(listOf(list())).assertSigners(signal)).rejects.toMatchObject({
        code: 'FLEET_SIGNERS_INVALID',
        message: expect.stringContaining(problem) as string,
      });
      expect(readdirSync(folder)).toEqual(['signers']);
    });

    it.each([
      ['gpg', () => home.export(ada), 'there is no gpg on this machine: install the package gpg of Debian'],
      ['ssh-keygen', () => sshLine(createKey(folder, 'ssh')), 'there is no ssh-keygen on this machine: install'],
    ])('need %s, and say before the start that it is missing', async (program, list, problem) => {
      const path = listOf(list());
      await sourceOf(path).assertSigners(signal);
      const bin = join(folder, 'bin');
      mkdirSync(bin);
      for (const other of ['git', 'gpg', 'ssh-keygen'].filter((name) => name !== program)) {
        symlinkSync(execFileSync('which', [other], { encoding: 'utf8' }).trim(), join(bin, other));
      }
      vi.stubEnv('PATH', bin);
      await expect(sourceOf(path).assertSigners(signal)).rejects.toMatchObject({
        code: 'FLEET_SIGNERS_INVALID',
        message: expect.stringContaining(problem) as string,
      });
    });
  },
);

/** An armoured key without all that follows its first packet, as servers of keys give it. */
function withoutUserId(armoured: string): string {
  const bytes = Buffer.from(/\n\n([^=]*)/.exec(armoured)?.[1] ?? '', 'base64');
  const packet = bytes.subarray(0, 2 + (bytes[1] ?? 0)).toString('base64');
  return `-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${packet}\n-----END PGP PUBLIC KEY BLOCK-----\n`;
}

/** The commands of the running processes in which a text is. */
function commandsWith(text: string): readonly string[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return ids.map(commandOf).filter((command) => command.includes(text));
}

function commandOf(id: string): string {
  try {
    return readFileSync(`/proc/${id}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
