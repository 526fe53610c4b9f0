import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSignerLists } from './signer-lists.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-signers-'))));
afterEach(() => rm(folder, { recursive: true }));

const line = 'ada@example.com namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA ada';
const key = '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEaw7RfRYJKw==\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n';

async function fileOf(text: string): Promise<string> {
  const path = join(folder, 'signers');
  await writeFile(path, text);
  return path;
}

describe('a list of signers', () => {
  it.each([
    ['an SSH key', `# who\n\n${line}\n`],
    ['several names for a key of a security token', `ada,"a b" ${'sk-ssh-ed25519@openssh.com AAAAGnNr'}`],
    ['an authority that signs keys', '*@example.com cert-authority ecdsa-sha2-nistp256 AAAAE2Vj'],
  ])('takes %s', async (_what, text) => {
    expect(await readSignerLists(await fileOf(text))).toEqual({ ssh: `${text}\n`, openpgp: [] });
  });

  it('takes keys of OpenPGP, with words around them as gpg writes them, and ends of lines of Windows', async () => {
    const text = `This is a key of Ada.\n\n${key}Comment\n${key}`.replaceAll('\n', '\r\n');
    expect(await readSignerLists(await fileOf(text))).toEqual({ ssh: '', openpgp: [text] });
  });

  it('takes all files of a folder, as Kubernetes mounts a Secret', async () => {
    await mkdir(join(folder, '..data'));
    await writeFile(join(folder, '..data', 'ada.asc'), key);
    await writeFile(join(folder, '..data', 'bob'), line);
    for (const name of ['ada.asc', 'bob']) await symlink(join('..data', name), join(folder, name));
    expect(await readSignerLists(folder)).toEqual({ ssh: `${line}\n`, openpgp: [key] });
  });

  it.each([
    ['does not exist', undefined, 'ENOENT'],
    ['is empty', '', 'it names nobody'],
    ['has comments only', '# nobody\n', 'it names nobody'],
    ['has a key without its owner', `${line}\nssh-ed25519 AAAAC3Nz ada`, 'line 2 does not say whose key it is'],
    ['is of another form', `${line}\n\nada = 3`, 'line 3 is neither'],
    [
      'has a time of no form',
      `\n${line.replace(' namespaces', ' valid-before="soon",namespaces')}`,
      'line 2: valid-before is',
    ],
    ['has an OpenPGP key in bytes', '\u0098\u0033\u0004', 'line 1 is neither'],
    ['mixes both in a file', `${line}\n${key}`, 'two files of a folder'],
    ['has half a key', key.slice(0, 60), 'cut off'],
    ['has half a key behind a whole one', key + key.slice(0, 60), 'cut off'],
    ['has a signature', key.replaceAll('PUBLIC KEY BLOCK', 'SIGNATURE'), 'it holds a PGP SIGNATURE'],
    ['has a secret key', key + key.replaceAll('PUBLIC', 'PRIVATE'), 'it holds a secret key'],
  ])('is refused if it %s', async (_what, text, problem) => {
    const path = text === undefined ? join(folder, 'none') : await fileOf(text);
    await expect(readSignerLists(path)).rejects.toMatchObject({
      code: 'FLEET_SIGNERS_INVALID',
      message: expect.stringContaining(problem) as string,
    });
  });

  it('names the file of a folder that is wrong', async () => {
    await writeFile(join(folder, 'good'), line);
    await writeFile(join(folder, 'wrong'), 'ada = 3');
    await expect(readSignerLists(folder)).rejects.toThrow('wrong: line 1 is neither');
  });
});
