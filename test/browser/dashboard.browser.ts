import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from './open-browser.ts';
import { accessibilityProblems, openPage } from './page-under-test.ts';
import { keys, type ServedPage, servePage, somethingFails, versions } from './serve.ts';

/** Where screenshots are written, such as `docs/images`. Without it, none are. */
const folder = process.env['SCREENSHOTS'];

let browser: Browser;
let server: ServedPage;
beforeAll(async () => {
  [browser, server] = [await openBrowser(), await servePage({ adapters: 1000 })];
  somethingFails('support-answer');
  for (const name of ['billing-answer', 'claims-answer']) await server.swap(name);
  for (let at = 0; at < 30; at++) await server.ask(server.names[at % 7] ?? '');
});
afterAll(async () => {
  await browser?.close();
  await server?.[Symbol.asyncDispose]();
});

const views = ['Adapters', 'Timeline', 'Roll-outs', 'Live', 'Playground', 'Training', 'Audit'] as const;

async function go(page: Page, view: (typeof views)[number]): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: view }).click();
}

/** Answers the question whether something is to be done. */
async function confirm(page: Page, action: string, reason = ''): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill(reason);
  await dialog.getByRole('button', { name: action, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

const told = (page: Page, text: string): Promise<void> => page.locator('#messages').getByText(text).first().waitFor();

async function screenshot(page: Page, name: string): Promise<void> {
  if (folder === undefined) return;
  await mkdir(folder, { recursive: true });
  await page.locator('#messages').evaluate((element) => element.replaceChildren());
  await page.screenshot({ path: join(folder, `dashboard-${name}.png`) });
}

describe('the key', () => {
  it('is asked for, opens the page, and is kept for this tab only', async () => {
    await using watched = await openPage(browser, server.url);
    const { page, complaints } = watched;
    await page.getByRole('alert').getByRole('button', { name: 'Enter a key' }).click();
    await page.getByLabel('Key', { exact: true }).fill(keys.read);
    await page.getByRole('button', { name: 'Use the key' }).click();
    await page.getByText('1000 adapters').waitFor();
    await page.reload();
    await page.getByText('1000 adapters').waitFor();
    expect(await page.evaluate(() => JSON.stringify([localStorage, document.cookie]))).not.toContain(keys.read);
    await page.getByRole('button', { name: 'Key' }).click();
    await page.getByRole('button', { name: 'Forget the key' }).click();
    await page.getByRole('alert').getByRole('button').waitFor();
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain(keys.read);
    expect(complaints).toEqual([]);
  });

  it('for reading shows everything, and changes nothing', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    for (const view of views) await go(page, view);
    await go(page, 'Adapters');
    await page.getByLabel('Search').fill('legal-answer');
    await page.getByRole('link', { name: 'legal-answer', exact: true }).click();
    await page.getByRole('button', { name: 'Pin' }).click();
    await confirm(page, 'Pin');
    await page.getByRole('alert').getByText('not that for administration').waitFor();
    expect((await server.control.describe('legal-answer')).pin).toBeUndefined();
    expect(complaints).toEqual([]);
  });
});

describe('adapters', () => {
  it('are found, ordered, and drawn only where they are seen', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    await page.getByText('1000 adapters').waitFor();
    const rows = page.locator('tbody tr:not(.spacer)');
    expect(await rows.count()).toBeLessThan(60);
    const table = page.getByRole('region', { name: 'Table of adapters' });
    await table.evaluate((element) => (element.scrollTop = element.scrollHeight));
    await page.getByRole('link', { name: 'triage-translate-33', exact: true }).waitFor();
    expect(await rows.count()).toBeLessThan(60);
    await page.getByLabel('Search').fill('claims rewrite');
    await page.getByText('33 of 1000 adapters').waitFor();
    await page.getByLabel('Search').fill('is:active');
    await page.getByText('2 of 1000 adapters').waitFor();
    await page.getByLabel('Search').fill('nothing like that');
    await page.getByRole('heading', { name: 'Nothing is found' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('are pinned, drained and rolled back by clicks, with a reason', async () => {
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    const side = page.getByRole('complementary');
    await page.getByLabel('Search').fill('claims-answer');
    await page.getByRole('link', { name: 'claims-answer', exact: true }).click();
    for (const [button, done] of [
      ['Pin', 'is pinned'],
      ['Unpin', 'not pinned any more'],
      ['Drain', 'no new requests'],
      ['Resume', 'takes requests.'],
    ] as const) {
      await side.getByRole('button', { name: button, exact: true }).click();
      await confirm(page, button, 'ticket 17');
      await told(page, done);
    }
    await screenshot(page, 'adapter');
    expect((await server.control.describe('claims-answer')).version).toBe(versions.second);
    await side.getByRole('button', { name: 'Roll back' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    expect((await server.control.describe('claims-answer')).version).toBe(versions.second);
    await side.getByRole('button', { name: 'Roll back' }).click();
    await confirm(page, 'Roll back', 'wrong tone');
    await told(page, 'is rolled back');
    const { version, history } = await server.control.describe('claims-answer');
    expect([version, history[0]?.reason]).toEqual([versions.first, 'wrong tone']);
    await side.getByText('wrong tone').waitFor();
    expect(complaints).toEqual([]);
  });

  it('are reached with the keyboard alone', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    await page.getByText('1000 adapters').waitFor();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent ?? '');
    for (let at = 0; at < 6 && (await focused()) !== 'billing-answer'; at++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('complementary').getByRole('heading', { name: 'billing-answer' }).waitFor();
    expect(complaints).toEqual([]);
  });
});

describe('the timeline', () => {
  it('tells what happens, as it happens', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    await page.getByRole('status').getByText('live', { exact: true }).waitFor();
    await go(page, 'Timeline');
    await server.swap('legal-classify');
    const item = page.getByRole('listitem').filter({ hasText: 'legal-classify' }).first();
    await item.getByText('swapped').waitFor();
    await page.getByLabel('Show').selectOption({ label: 'Problems' });
    await page.getByText('quarantined').waitFor();
    expect(await page.getByText('plugged in').count()).toBe(0);
    await page.getByLabel('Show').selectOption({ label: 'Everything' });
    await screenshot(page, 'timeline');
    expect(complaints).toEqual([]);
  });

  it('is asked for now and then where the server has no room for listeners', async () => {
    await using watched = await openPage(browser, 'about:blank#');
    const { page } = watched;
    await page.addInitScript((text) => sessionStorage.setItem('espalier-key', text), keys.read);
    await page.route('**/v1/events*', async (route) => {
      const isStream = (await route.request().headerValue('accept')) === 'text/event-stream';
      await (isStream ? route.fulfill({ status: 429, json: { error: { message: 'Full.' } } }) : route.continue());
    });
    await page.goto(`${server.url}/dashboard#/timeline`);
    await page.getByText('every few seconds').waitFor();
    await server.swap('legal-extract');
    const items = page.getByRole('listitem').filter({ hasText: 'legal-extract' });
    await expect.poll(async () => (await items.allTextContents()).join(), { timeout: 20_000 }).toContain('swapped');
  });
});

describe('roll-outs', () => {
  const steps = [{ mirror: 1, minimumMs: 600_000, minimumSamples: 200 }, { share: 0.1 }, { share: 1 }];

  it('show their evidence, and are paused, resumed, promoted and aborted by clicks', async () => {
    for (const name of ['triage-answer', 'triage-classify'])
      await server.rollouts.start(name, versions.second, { rollout: { steps } });
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    await go(page, 'Roll-outs');
    const card = page.getByRole('region', { name: 'Roll-out of triage-answer' });
    for (let at = 0; at < 25; at++) {
      await server.ask('triage-answer');
      await page.waitForTimeout(110);
    }
    await card.getByRole('img', { name: /KL divergence.*now 0\.\d+, between .* with 95 %; limit 0\.500/ }).waitFor();
    await card.getByRole('img', { name: /Agreement.*now 9\d/ }).waitFor();
    await card.getByText('the step needs 175 more').waitFor();
    expect(await card.locator('path.line').first().getAttribute('d')).toMatch(/^M[\d. ]+(L[\d. ]+){5,}$/);
    await screenshot(page, 'rollouts');
    await card.getByRole('button', { name: 'Pause' }).click();
    await confirm(page, 'Pause', 'lunch');
    await card.getByText('Paused: lunch').waitFor();
    await card.getByRole('button', { name: 'Resume' }).click();
    await confirm(page, 'Resume');
    await card.getByText('running', { exact: true }).waitFor();
    await card.getByRole('button', { name: 'Promote' }).click();
    await confirm(page, 'Promote', 'looks good');
    await card.getByText('Promoted: looks good').waitFor();
    expect((await server.control.describe('triage-answer')).version).toBe(versions.second);
    const other = page.getByRole('region', { name: 'Roll-out of triage-classify' });
    await other.getByRole('button', { name: 'Abort' }).click();
    await confirm(page, 'Abort', 'not now');
    await other.getByText('Aborted: not now').waitFor();
    expect((await server.control.describe('triage-classify')).version).toBe(versions.first);
    expect(complaints).toEqual([]);
  });
});

describe('the other views', () => {
  it('show throughput and latency', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    await go(page, 'Live');
    await page.getByRole('img', { name: /^Tokens a second: now/ }).waitFor();
    for (let at = 0; at < 40; at++) {
      await server.ask(server.names[at % 5] ?? '');
      await page.waitForTimeout(120);
    }
    await page.getByRole('img', { name: /^Tokens a second: now [\d.]*[1-9]/ }).waitFor();
    await page.getByRole('img', { name: /^Time to the first token.*p95 1\d ms/ }).waitFor();
    await screenshot(page, 'live');
    expect(complaints).toEqual([]);
  });

  it('ask two versions, and mark where they differ', async () => {
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    await go(page, 'Playground');
    await page.getByLabel('Left').fill('billing-answer');
    await page.getByLabel('Right').fill(`billing-answer@${versions.first.slice(0, 12)}`);
    await page.getByLabel('Question').fill('When is the invoice due?');
    await page.getByRole('button', { name: 'Ask both' }).click();
    await page.getByText('They differ from token 27 on.').waitFor();
    const marked = await page.locator('mark').allTextContents();
    expect(marked.join('')).toBe('1430');
    await screenshot(page, 'playground');
    await page.getByText('Token by token').click();
    await page.getByRole('cell', { name: '"1"' }).waitFor();
    await page.getByLabel('Send as').selectOption({ label: 'a text to go on with' });
    await page.getByLabel('Left').fill('nobody');
    await page.getByRole('button', { name: 'Ask both' }).click();
    await page.getByText('No model or adapter named nobody').waitFor();
    expect(complaints).toEqual([]);
  });

  it('steer training jobs, and show their curves', async () => {
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    await go(page, 'Training');
    const job = page.getByRole('region', { name: 'Job ftjob-7Qk2' });
    await job.getByRole('img', { name: /Loss by step: now training 0\.\d+ · validation/ }).waitFor();
    await screenshot(page, 'training');
    for (const [button, state] of [
      ['Pause', 'paused'],
      ['Resume', 'running'],
      ['Cancel', 'cancelled'],
    ] as const) {
      await job.getByRole('button', { name: button }).click();
      await page.getByRole('dialog').getByRole('button', { name: button }).last().click();
      await job.getByText(state, { exact: true }).waitFor();
    }
    expect(complaints).toEqual([]);
  });

  it('show the audit record, in pages and by name', async () => {
    await using watched = await openPage(browser, server.url, keys.read);
    const { page, complaints } = watched;
    await go(page, 'Audit');
    const rows = page.getByRole('region', { name: 'Audit record' }).locator('tbody tr');
    await expect.poll(() => rows.count()).toBe(100);
    await page.getByRole('button', { name: 'Show older records' }).click();
    await expect.poll(() => rows.count()).toBe(200);
    await page.getByLabel('Only of the name').fill('support-answer');
    await page.getByRole('button', { name: 'Look' }).click();
    await expect
      .poll(() => rows.allTextContents())
      .toEqual(expect.arrayContaining([expect.stringContaining('quarantine')]));
    expect((await rows.allTextContents()).every((text) => text.includes('support-answer'))).toBe(true);
    expect(complaints).toEqual([]);
  });
});

describe('the page', () => {
  it('has no problem of accessibility that axe finds, in either theme', async () => {
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    await page.getByText('1000 adapters').waitFor();
    for (const theme of ['light', 'dark']) {
      while ((await page.evaluate(() => document.documentElement.dataset['theme'])) !== theme) {
        await page.getByRole('button', { name: 'Theme' }).click();
      }
      for (const view of views) {
        await go(page, view);
        await page.waitForTimeout(700);
        expect([theme, view, await accessibilityProblems(page)]).toEqual([theme, view, []]);
      }
      await go(page, 'Adapters');
      await page.getByRole('link', { name: 'billing-answer', exact: true }).click();
      await page.getByRole('button', { name: 'Drain' }).click();
      expect([theme, 'dialog', await accessibilityProblems(page)]).toEqual([theme, 'dialog', []]);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await go(page, 'Adapters');
      if (theme === 'dark') await screenshot(page, 'adapters');
    }
    expect(complaints).toEqual([]);
  });

  it('would be told of such a problem, and of what its policy forbids', async () => {
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page, complaints } = watched;
    await page.evaluate(() => document.body.append(document.createElement('input')));
    expect(await accessibilityProblems(page)).toContainEqual('label: body > input');
    const withHandler = page.evaluate(() => document.body.setAttribute('onclick', '1'));
    await expect(withHandler).rejects.toThrow('TrustedScript');
    await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
    await expect.poll(() => complaints.join()).toContain('Content Security Policy');
  });

  it('paints within 300 ms, and scrolls through 1,000 adapters without long frames', async () => {
    const paints: number[] = [];
    await using watched = await openPage(browser, server.url, keys.admin);
    const { page } = watched;
    for (let at = 0; at < 7; at++) {
      await page.reload();
      await page.getByText('1000 adapters').waitFor();
      paints.push(await page.evaluate(() => performance.getEntriesByName('first-paint')[0]?.startTime ?? Infinity));
    }
    const frames = await page.getByRole('region', { name: 'Table of adapters' }).evaluate(async (table) => {
      const times: number[] = [];
      for (let at = 0; at < 120; at++) {
        const before = performance.now();
        table.scrollTop += 350;
        // The work of the page for this frame, without the wait for the screen.
        table.dispatchEvent(new Event('scroll'));
        void table.getBoundingClientRect();
        times.push(performance.now() - before);
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
      return times.sort((a, b) => a - b);
    });
    const figures = { paints: paints.map(Math.round), median: frames[60], p95: frames[114], longest: frames.at(-1) };
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    // WHY the quickest: whatever else runs on the machine only makes them longer.
    expect(Math.min(...paints)).toBeLessThan(300);
    expect(frames[60]).toBeLessThan(16);
  });

  it('says how to begin where there is nothing', async () => {
    await using bare = await servePage({ adapters: 0, hasKeys: false, hasStore: false });
    await using watched = await openPage(browser, bare.url);
    const { page, complaints } = watched;
    await page.getByRole('heading', { name: 'No adapters yet' }).waitFor();
    await page.getByText('espalier serve BASE --store STORE').waitFor();
    expect(await page.getByRole('link', { name: 'Training' }).count()).toBe(0);
    for (const [view, title] of [
      ['Timeline', 'Nothing has happened yet'],
      ['Roll-outs', 'No roll-outs'],
      ['Audit', 'This server keeps no audit record'],
    ] as const) {
      await go(page, view);
      await page.getByRole('heading', { name: title }).waitFor();
      expect([view, await accessibilityProblems(page)]).toEqual([view, []]);
    }
    expect(complaints).toEqual([]);
  });
});
