import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFile,
  cp,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drop, write } from './testing/test-adapters.ts';
import { StoreUnderTest } from './testing/store-under-test.ts';
import { until } from './testing/test-time.ts';

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
});
afterEach(() => tested[Symbol.asyncDispose]());

const names = ['adapter_config.json', 'adapter_model.safetensors'] as const;

/** Copies a file in parts, with time between them, as a slow network does. */
async function copySlowly(from: string, to: string, between: () => Promise<void>): Promise<void> {
  const bytes = await readFile(from);
  const file = await open(to, 'w');
  const part = Math.ceil(bytes.length / 4);
  for (let start = 0; start < bytes.length; start += part) {
    await file.write(bytes.subarray(start, start + part));
    await between();
  }
  await file.close();
}

/** Some time, in which the store does what it can. */
const aWhile = (ms = 400): Promise<void> => tested.aWhile(ms);

const sumsOf = async (folder: string): Promise<string> => {
  const lines = names.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(folder, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  });
  return (await Promise.all(lines)).join('');
};

type Way = (made: string, place: string) => Promise<unknown>;

/** Every way in which an adapter reaches its place, from a folder that is complete elsewhere. */
const ways: readonly (readonly [string, Way])[] = [
  ['a folder moved in whole', (made, place) => rename(made, place)],
  ['a copy', (made, place) => cp(made, place, { recursive: true })],
  [
    'a copy with pauses inside each file',
    async (made, place) => {
      await mkdir(place);
      for (const name of names) await copySlowly(join(made, name), join(place, name), aWhile);
    },
  ],
  [
    'a copy that pauses with its file closed',
    async (made, place) => {
      await mkdir(place);
      await copyFile(join(made, names[0]), join(place, names[0]));
      const bytes = await readFile(join(made, names[1]));
      for (let end = 100; end < bytes.length; end += 200) {
        await writeFile(join(place, names[1]), bytes.subarray(0, end));
        await aWhile();
      }
      await writeFile(join(place, names[1]), bytes);
    },
  ],
  [
    'files moved in one by one',
    async (made, place) => {
      await mkdir(place);
      await aWhile();
      for (const name of [...names].reverse()) {
        await rename(join(made, name), join(place, name));
        await aWhile();
      }
    },
  ],
  [
    'hard links',
    async (made, place) => {
      await mkdir(place);
      for (const name of names) await link(join(made, name), join(place, name));
    },
  ],
  [
    'rsync, which writes under other names',
    async (made, place) => {
      await mkdir(place);
      for (const name of names) {
        await copySlowly(join(made, name), join(place, `.${name}.a1B2c3`), aWhile);
        await rename(join(place, `.${name}.a1B2c3`), join(place, name));
      }
    },
  ],
  [
    'tar',
    async (made, place) => {
      execFileSync('tar', ['-C', made, '-cf', `${made}.tar`, '.']);
      await mkdir(place);
      execFileSync('tar', ['-C', place, '-xf', `${made}.tar`]);
    },
  ],
  [
    'an editor, which writes beside and renames',
    async (made, place) => {
      await mkdir(place);
      for (const name of names) {
        await copyFile(join(made, name), join(place, `${name}~`));
        await rename(join(place, `${name}~`), join(place, name));
      }
    },
  ],
  [
    'a partial name that is renamed',
    async (made, place) => {
      await cp(made, `${place}.partial`, { recursive: true });
      await aWhile(3000);
      await rename(`${place}.partial`, place);
    },
  ],
  [
    'a list of checksums, then the files',
    async (made, place) => {
      await mkdir(place);
      await writeFile(join(place, 'SHA256SUMS'), await sumsOf(made));
      for (const name of names) await copySlowly(join(made, name), join(place, name), aWhile);
    },
  ],
  [
    'the files, then a list of checksums',
    async (made, place) => {
      await cp(made, place, { recursive: true });
      await writeFile(join(place, 'SHA256SUMS'), await sumsOf(made));
    },
  ],
];

describe.each([
  ['told of changes', true],
  ['looking from time to time', false],
])('a store that is %s', (_how, watch) => {
  it.each(ways)('loads once what comes as %s', async (_way, bring) => {
    await tested.open({ watch });
    const made = await write(join(tested.elsewhere, 'made'), 7);
    await bring(made, tested.incoming('policy'));
    await tested.until(() => tested.user.heard.length > 0, 'a load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=7']);
    expect(await readdir(tested.incoming())).toEqual([]);
    expect(await readdir(tested.at('quarantine'))).toEqual([]);
    expect(await readdir(tested.at('store'))).toHaveLength(1);
    expect(await readdir(tested.at('staging'))).toEqual([]);
  });

  it.runIf(watch).each(ways)('replaces a version by what comes as %s', async (_way, bring) => {
    await tested.open({ watch });
    await drop(tested.elsewhere, tested.incoming('policy'), 1);
    await tested.until(() => tested.user.heard.length === 1, 'the first load');
    const made = await write(join(tested.elsewhere, 'made'), 2);
    await bring(made, tested.incoming('policy'));
    await tested.until(() => tested.user.heard.length > 1, 'the second load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2']);
  });

  it('loads each state once to which the link of a volume leads', async () => {
    await tested.open({ watch });
    // As Kubernetes lays out a volume: files behind a link `..data` that is exchanged.
    const publish = async (version: number): Promise<void> => {
      await drop(tested.elsewhere, tested.incoming(`..v${version}`, 'policy'), version);
      await symlink(`..v${version}`, tested.incoming('..data_tmp'));
      await rename(tested.incoming('..data_tmp'), tested.incoming('..data'));
    };
    await publish(1);
    await symlink('..data/policy', tested.incoming('policy'));
    await tested.until(() => tested.user.heard.length === 1, 'the first load');
    await tested.rest();
    await publish(2);
    await rm(tested.incoming('..v1'), { recursive: true });
    await tested.until(() => tested.user.heard.length > 1, 'the second load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2']);
    await tested.reopen({ watch });
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=2']);
    expect(tested.user.reads).toEqual([]);
  });

  it('loads each state once of a folder that is a volume', async () => {
    await tested.open({ watch });
    const place = tested.incoming('policy');
    const publish = async (version: number): Promise<void> => {
      await drop(tested.elsewhere, join(place, `..v${version}`), version);
      await symlink(`..v${version}`, join(place, '..data_tmp'));
      await rename(join(place, '..data_tmp'), join(place, '..data'));
    };
    await mkdir(place);
    await publish(1);
    for (const name of names) await symlink(`..data/${name}`, join(place, name));
    await tested.until(() => tested.user.heard.length === 1, 'the first load');
    await tested.rest();
    await publish(2);
    await tested.until(() => tested.user.heard.length > 1, 'the second load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2']);
    expect((await readdir(place)).sort()).toContain('..data');
  });

  it('loads each state once to which a link of git-sync leads', async () => {
    await tested.open({ watch });
    for (const version of [1, 2]) {
      await drop(tested.elsewhere, tested.incoming('.worktrees', `rev${version}`), version);
    }
    const publish = async (version: number): Promise<void> => {
      await symlink(join('.worktrees', `rev${version}`), tested.incoming('.tmp-link'));
      await rename(tested.incoming('.tmp-link'), tested.incoming('policy'));
    };
    await publish(1);
    await tested.until(() => tested.user.heard.length === 1, 'the first load');
    await publish(2);
    await tested.until(() => tested.user.heard.length > 1, 'the second load');
    await publish(1);
    await tested.until(() => tested.user.heard.length > 2, 'the third load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1', 'policy=2', 'policy=1']);
  });

  it('loads the same content once, in whatever format it comes again', async () => {
    await tested.open({ watch });
    await drop(tested.elsewhere, tested.incoming('policy'), 3);
    await tested.until(() => tested.user.heard.length === 1, 'the load');
    await drop(tested.elsewhere, tested.incoming('policy'), 3);
    await tested.rest();
    await drop(tested.elsewhere, tested.incoming('policy.bin'), 3, 'bin');
    await tested.rest();
    await drop(tested.elsewhere, tested.incoming('policy.onnx_adapter'), 3, 'onnx');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=3']);
    expect(await readdir(tested.incoming())).toEqual([]);
    expect(await readdir(tested.at('store'))).toHaveLength(1);
  });

  it.each(['bin', 'onnx'] as const)('loads a file of the format %s', async (format) => {
    await tested.open({ watch });
    const made = await write(join(tested.elsewhere, 'made'), 4, format);
    await copySlowly(made, tested.incoming(`policy.${format === 'bin' ? 'bin' : 'onnx_adapter'}`), aWhile);
    await tested.until(() => tested.user.heard.length > 0, 'the load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=4']);
    await tested.reopen({ watch });
    expect(tested.user.heard).toEqual(['policy=4']);
  });

  it('loads a file with a checksum beside it', async () => {
    await tested.open({ watch });
    const made = await write(join(tested.elsewhere, 'made'), 4, 'bin');
    const hash = createHash('sha256')
      .update(await readFile(made))
      .digest('hex');
    await writeFile(tested.incoming('policy.bin.sha256'), `${hash}  policy.bin\n`);
    await copySlowly(made, tested.incoming('policy.bin'), aWhile);
    await tested.until(() => tested.user.heard.length > 0, 'the load');
    expect(tested.user.heard).toEqual(['policy=4']);
  });

  it('loads names with a slash', async () => {
    await tested.open({ watch });
    await drop(tested.elsewhere, tested.incoming('org', 'policy'), 5);
    await tested.until(() => tested.user.heard.length > 0, 'the load');
    await drop(tested.elsewhere, tested.incoming('org', 'other'), 6);
    await tested.until(() => tested.user.heard.length > 1, 'the load');
    await tested.rest();
    expect(tested.user.heard).toEqual(['org/policy=5', 'org/other=6']);
    expect(await readdir(tested.incoming())).toEqual(['org']);
    await tested.reopen({ watch });
    expect([...tested.user.heard].sort()).toEqual(['org/other=6', 'org/policy=5']);
  });

  it('loads nothing of what is hidden, unfinished or gone', async () => {
    await tested.open({ watch });
    for (const name of ['.policy', '..policy', 'policy.tmp', 'policy.partial', 'policy~', '.policy.Ab12Cd']) {
      await drop(tested.elsewhere, tested.incoming(name), 1);
    }
    const made = await write(join(tested.elsewhere, 'made'), 2);
    await mkdir(tested.incoming('gone'));
    for (const name of names) await copyFile(join(made, name), tested.incoming('gone', name));
    await aWhile(50);
    await rm(tested.incoming('gone'), { recursive: true });
    await symlink('nowhere', tested.incoming('dangling'));
    await mkdir(tested.incoming('empty', 'inner'), { recursive: true });
    await tested.rest();
    expect(tested.user.heard).toEqual([]);
    expect(await readdir(tested.incoming())).toHaveLength(8);
  });

  it('does not follow a link out of the folder', async () => {
    await tested.open({ watch });
    const made = await write(join(tested.elsewhere, 'made'), 1);
    await symlink(made, tested.incoming('policy'));
    await tested.rest();
    expect(tested.user.heard).toEqual([]);
    const [refused = ''] = await readdir(tested.at('quarantine'));
    const reason: unknown = JSON.parse(await readFile(tested.at('quarantine', refused, 'reason.json'), 'utf8'));
    expect(reason).toMatchObject({ name: 'policy', code: 'ADAPTER_PATH_OUTSIDE' });
    expect(await readdir(tested.incoming())).toEqual(['policy']);
    await tested.reopen({ watch });
    await tested.rest();
    expect(await readdir(tested.at('quarantine'))).toHaveLength(1);
  });
});

it('refuses a file that is larger than any memory without reading it', async () => {
  await tested.open();
  const made = await write(join(tested.elsewhere, 'made'), 1);
  // It has no content on the disk.
  await truncate(join(made, names[1]), 2 ** 40);
  await rename(made, tested.incoming('policy'));
  await tested.rest();
  expect([tested.user.heard, tested.user.reads]).toEqual([[], []]);
  const [refused = ''] = await readdir(tested.at('quarantine'));
  const reason: unknown = JSON.parse(await readFile(tested.at('quarantine', refused, 'reason.json'), 'utf8'));
  expect(reason).toMatchObject({ name: 'policy', code: 'SAFETENSORS_TRAILING_BYTES' });
});

describe.runIf(process.platform === 'linux')('without any time passing', () => {
  it('takes in what was renamed into its place, and what the link of a volume leads to', async () => {
    await tested.open();
    await drop(tested.elsewhere, tested.incoming('moved'), 1);
    await until(() => tested.user.heard.includes('moved=1'), 'the first load');
    await drop(tested.elsewhere, tested.incoming('org', 'moved'), 2);
    await until(() => tested.user.heard.includes('org/moved=2'), 'the second load');
    for (const version of [3, 4]) {
      await drop(tested.elsewhere, tested.incoming(`..v${version}`, 'policy'), version);
      await symlink(`..v${version}`, tested.incoming('..next'));
      await rename(tested.incoming('..next'), tested.incoming('..data'));
      if (version === 3) await symlink('..data/policy', tested.incoming('policy'));
      await until(() => tested.user.heard.includes(`policy=${version}`), 'a load');
    }
    expect(tested.time.now()).toBe(0);
  });
});
