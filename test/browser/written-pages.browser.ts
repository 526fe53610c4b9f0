import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { espalier, goldenFolder, writeGoldenRows } from '../../src/cli/testing/run-espalier.ts';
import { openBrowser } from './open-browser.ts';
import { accessibilityProblems } from './page-under-test.ts';
import { keys, servePage } from './serve.ts';

let folder: string;
let browser: Browser;
beforeAll(async () => {
  [folder, browser] = [await mkdtemp(join(tmpdir(), 'espalier-pages-')), await openBrowser()];
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What a reader without a network sees of a page that a command has written. */
async function readOffline(file: string) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 780 }, offline: true });
  try {
    const page = await context.newPage();
    const [complaints, asked]: [string[], string[]] = [[], []];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    const { href } = pathToFileURL(file);
    await page.goto(href);
    return {
      complaints,
      others: asked.filter((url) => url !== href),
      text: await page.locator('body').innerText(),
      charts: await chartsOf(page),
      overflow: await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
      problems: [...(await problemsIn(page, 'light')), ...(await problemsIn(page, 'dark'))],
    };
  } finally {
    await context.close();
  }
}

async function problemsIn(page: Page, colorScheme: 'light' | 'dark'): Promise<string[]> {
  await page.emulateMedia({ colorScheme });
  return accessibilityProblems(page);
}

/** The charts by their names, with how much of each a browser draws: the lengths of its lines and the number of its dots. */
function chartsOf(page: Page): Promise<{ name: string; drawn: boolean }[]> {
  return page.locator('svg[role=img]').evaluateAll((charts) =>
    charts.map((chart) => {
      const marks = [...chart.querySelectorAll<SVGGeometryElement>('path, polyline, circle')];
      const { width, height } = chart.getBoundingClientRect();
      const inside = marks.filter((mark) => {
        const box = mark.getBoundingClientRect();
        return mark.getTotalLength() > 0 && box.width <= width && box.height <= height;
      });
      return { name: chart.getAttribute('aria-label') ?? '', drawn: width > 100 && inside.length > 0 };
    }),
  );
}

describe('a page that a command writes', () => {
  it('shows the curves of a training, offline', async () => {
    const golden = goldenFolder('llama');
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const report = join(folder, 'report.html');
    const words = ['train', '--base', join(golden, 'model'), '--data', data, '--output', join(folder, 'out')];
    const { exitCode, stderr } = await espalier([...words, '--max-steps', '6', '--report', report]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const seen = await readOffline(report);
    expect(seen).toMatchObject({ complaints: [], others: [], problems: [] });
    expect(seen.overflow).toBeLessThanOrEqual(0);
    expect(seen.charts).toEqual(
      ['Loss', 'Learning rate', 'Norm of the gradients before clipping', 'Speed'].map((name) => ({
        name,
        drawn: true,
      })),
    );
    expect(seen.text).toMatch(/Result[\s\S]*loss\s+[\d.]+ in the first step/);
  });

  it('shows the times of a load, offline', async () => {
    await using server = await servePage({ adapters: 3 });
    const file = join(folder, 'load.html');
    const words = ['bench', 'serve', '--server', server.url, '--api-key', keys.read, '--page', file];
    const { exitCode, stderr } = await espalier([...words, '--rate', '4,8', '--duration', '1', '--answer-tokens', '4']);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const seen = await readOffline(file);
    expect(seen).toMatchObject({ complaints: [], others: [], problems: [] });
    expect(seen.overflow).toBeLessThanOrEqual(0);
    expect(seen.charts.length).toBeGreaterThan(1);
    expect(seen.charts.filter(({ drawn }) => !drawn)).toEqual([]);
    expect(seen.text).toMatch(/4\/s[\s\S]*8\/s/);
  });
});
