import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitSource, parseSource } from '../../fleet/index.ts';
import { GitRepository } from '../../fleet/testing/git-repository.ts';
import { adapterFiles, digestOf, manifestOf } from '../../fleet/testing/manifests.ts';
import { noSshServer, SshServer } from '../../fleet/testing/ssh-server.ts';
import { FleetHouse, namesOf, type Process } from '../testing/fleet-house.ts';

describe.skipIf(noSshServer !== undefined)(
  `a fleet in a repository behind SSH${noSshServer === undefined ? '' : ` (skipped: ${noSshServer})`}`,
  () => {
    let folder: string;
    let repository: GitRepository;
    let server: SshServer;
    let house: FleetHouse;
    let running: Process | undefined;
    const before = process.env['GIT_SSH_COMMAND'];
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-ssh-'));
      mkdirSync(join(folder, 'ssh'));
      repository = new GitRepository();
      repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a' }) });
      server = await SshServer.start(join(folder, 'ssh'));
      house = new FleetHouse();
      process.env['GIT_SSH_COMMAND'] = server.command();
    });
    afterEach(async () => {
      await running?.end();
      running = undefined;
      if (before === undefined) delete process.env['GIT_SSH_COMMAND'];
      else process.env['GIT_SSH_COMMAND'] = before;
      await server.close();
      repository[Symbol.dispose]();
      rmSync(folder, { recursive: true });
    });

    async function start(): Promise<Process> {
      const address = parseSource(server.url(repository.dir));
      if (address.kind !== 'git') throw new TypeError('a repository is expected');
      running = await house.start(new GitSource({ address, cache: join(folder, 'git') }));
      return running;
    }
    const problemOf = async ({ fleet }: Process): Promise<string> => String((await fleet.status()).unreachable?.error);

    it('is applied and followed, and serves on while the server is away', async () => {
      const started = await start();
      expect(namesOf(started)).toEqual({ one: digestOf('a') });
      await server.close();
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) });
      await started.fleet.look();
      expect((await started.fleet.status()).sync).toBe('stale');
      expect(namesOf(started)).toEqual({ one: digestOf('a') });
      await server.open();
      await started.fleet.look();
      expect((await started.fleet.status()).sync).toBe('synced');
      expect(namesOf(started)).toEqual({ one: digestOf('b') });
    });

    it('takes nothing from a host with another key, nor with a key that is not let in', async () => {
      const started = await start();
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) });
      process.env['GIT_SSH_COMMAND'] = server.command('stranger');
      await started.fleet.look();
      expect(await problemOf(started)).toMatch(/cannot be read: .*Permission denied/);
      process.env['GIT_SSH_COMMAND'] = server.command();
      server.changeHost();
      await started.fleet.look();
      expect(await problemOf(started)).toMatch(/cannot be read: Host key verification failed/);
      expect(namesOf(started)).toEqual({ one: digestOf('a') });
    });
  },
);
