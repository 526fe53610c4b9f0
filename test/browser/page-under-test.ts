import { readFileSync } from 'node:fs';
import type { Browser, ConsoleMessage, Page } from 'playwright-core';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** A page, and what its browser complains of. */
export interface Watched extends AsyncDisposable {
  readonly page: Page;
  /** Errors and warnings of the page, among them what its Content Security Policy forbids. */
  readonly complaints: string[];
}

/** Answers that refuse are told in the browser's log, whatever the page does with them. */
const refusals = /the server responded with a status of 4\d\d/;

/** @param key  entered before the page is opened */
export async function openPage(browser: Browser, url: string, key?: string): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 780 }, deviceScaleFactor: 1 });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message: ConsoleMessage) => {
    const isComplaint = message.type() === 'error' || message.type() === 'warning';
    if (isComplaint && !refusals.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  if (key !== undefined) await page.addInitScript((text) => sessionStorage.setItem('espalier-key', text), key);
  await page.goto(`${url}/dashboard`);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/** What axe finds, as a line for each rule that is broken. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: run } = globalThis as unknown as { axe: { run(): Promise<AxeResults> } };
    const { violations } = await run.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  });
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly target: readonly string[] }[];
  }[];
}
