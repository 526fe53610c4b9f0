import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createKey, noSshKeygen } from './git-repository.ts';

const program = '/usr/sbin/sshd';

/** Why tests over SSH are skipped on this machine; undefined: they are not. */
export const noSshServer = noSshKeygen ?? (exists(program) ? undefined : `there is no ${program} here`);

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

/** A real SSH server on loopback, with keys of its own, that lets one key in. It can be ended and started again on its port. */
export class SshServer implements AsyncDisposable {
  readonly #dir: string;
  #port = 0;
  #child: ChildProcess | undefined;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param dir an empty folder for its keys and its configuration */
  static async start(dir: string): Promise<SshServer> {
    const server = new SshServer(dir);
    createKey(dir, 'host');
    createKey(dir, 'client');
    createKey(dir, 'stranger');
    server.#port = await freePort();
    writeFileSync(join(dir, 'authorized_keys'), `restrict ${readFileSync(join(dir, 'client.pub'), 'utf8')}`);
    server.#knowHost('host');
    const settings = {
      Port: server.#port,
      ListenAddress: '127.0.0.1',
      HostKey: join(dir, 'host'),
      AuthorizedKeysFile: join(dir, 'authorized_keys'),
      PasswordAuthentication: 'no',
      KbdInteractiveAuthentication: 'no',
      PermitRootLogin: 'prohibit-password',
      StrictModes: 'no',
      UsePAM: 'no',
      PidFile: 'none',
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
    writeFileSync(join(dir, 'sshd_config'), lines.join(''));
    await server.open();
    return server;
  }

  /** The address of a folder of this machine. */
  url(path: string): string {
    return `ssh://${userInfo().username}@127.0.0.1:${this.#port}${path}`;
  }

  /** What GIT_SSH_COMMAND must be for a client with a key, and with the host's key among those that it knows. */
  command(key: 'client' | 'stranger' = 'client'): string {
    const options = {
      BatchMode: 'yes',
      IdentitiesOnly: 'yes',
      StrictHostKeyChecking: 'yes',
      UserKnownHostsFile: join(this.#dir, 'known_hosts'),
    };
    const words = Object.entries(options).map(([name, value]) => `-o${name}=${value}`);
    return ['ssh', '-F', '/dev/null', '-i', join(this.#dir, key), ...words].join(' ');
  }

  /** Writes another key for the host in the list of those that clients know, as after an attack or a move. */
  changeHost(): void {
    this.#knowHost('stranger');
  }

  #knowHost(key: 'host' | 'stranger'): void {
    const content = readFileSync(join(this.#dir, `${key}.pub`), 'utf8');
    writeFileSync(join(this.#dir, 'known_hosts'), `[127.0.0.1]:${this.#port} ${content}`);
  }

  async open(): Promise<void> {
    // A server that root starts gives up its rights in this folder.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
    const child = spawn(program, ['-D', '-e', '-f', join(this.#dir, 'sshd_config')], { stdio: 'ignore' });
    this.#child = child;
    for (let attempt = 0; !(await answers(this.#port)); attempt++) {
      if (child.exitCode !== null || attempt > 10_000) throw new Error('the SSH server did not start');
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => setImmediate(resolve, false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
