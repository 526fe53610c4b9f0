import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { dashboardFiles } from './routes.ts';

const folder = new URL('../../../dashboard/', import.meta.url);
const context = fakeContext({ apiKey: 'secret' });
const app = createApp(context, { generation: context });
afterAll(() => app.close());

const all = ['index.html', ...dashboardFiles];
const textOf = (name: string): Promise<string> => readFile(new URL(name, folder), 'utf8');

describe('GET /dashboard', () => {
  it('needs no key, and forbids what is not of this server', async () => {
    const answer = await app.inject('/dashboard');
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = String(answer.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  it('is asked for again, and sent only if it has changed', async () => {
    const { headers } = await app.inject('/dashboard/main.js');
    const again = await app.inject({ url: '/dashboard/main.js', headers: { 'if-none-match': String(headers.etag) } });
    expect([headers['cache-control'], again.statusCode, again.body]).toEqual(['no-cache', 304, '']);
  });

  it('leads from the folder to the page', async () => {
    const answer = await app.inject('/dashboard/');
    expect([answer.statusCode, answer.headers.location]).toEqual([308, '../dashboard']);
  });

  it.each(['/dashboard/tsconfig.json', '/dashboard/../package.json', '/dashboard/%2e%2e/package.json', '/dashboard/x'])(
    'keeps %s to itself',
    async (url) => {
      expect((await app.inject(url)).statusCode).toBe(401);
    },
  );
});

describe('the files of the page', () => {
  it('are all served, and no others are there', async () => {
    const there = await readdir(folder, { recursive: true, withFileTypes: true });
    const names = there
      .filter((one) => one.isFile() && one.name !== 'tsconfig.json')
      .map((one) => posix.join(one.parentPath.slice(folder.pathname.length - 1), one.name).replace(/^\//, ''));
    expect(names.toSorted()).toEqual(all.toSorted());
    for (const name of dashboardFiles) expect((await app.inject(`/dashboard/${name}`)).statusCode).toBe(200);
  });

  it('name no other server, and hold no script or style within the page', async () => {
    for (const name of all) {
      const text = await textOf(name);
      expect([name, text.match(/(?:https?:)?\/\/[\w-]+\.\w+/g) ?? []]).toEqual([
        name,
        name === 'icon.svg' || name === 'elements.js' ? ['http://www.w3'] : [],
      ]);
      expect([name, /innerHTML|outerHTML|insertAdjacentHTML|\beval\(|document\.write/.test(text)]).toEqual([
        name,
        false,
      ]);
    }
    const page = await textOf('index.html');
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/);
  });

  it('import only each other', async () => {
    for (const name of dashboardFiles.filter((one) => one.endsWith('.js'))) {
      for (const [, from = ''] of (await textOf(name)).matchAll(/^import .*? from '(.*?)';/gm)) {
        expect(dashboardFiles).toContain(posix.join(posix.dirname(name), from));
      }
    }
  });

  it('come with the package', async () => {
    const manifest = JSON.parse(await readFile(new URL('../package.json', folder), 'utf8')) as { files: string[] };
    expect(manifest.files).toEqual(expect.arrayContaining(['dashboard', '!dashboard/tsconfig.json']));
  });
});
