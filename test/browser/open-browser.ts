import { execFileSync } from 'node:child_process';
import { type Browser, chromium } from 'playwright-core';

/** The browser that is named by the environment, or that is installed on this machine, such as Debian's package `chromium`. */
export async function openBrowser(): Promise<Browser> {
  // WHY no sandbox: in a container, the tests run as root, and it cannot be had. The page is our own.
  return chromium.launch({ executablePath: browserPath(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

function browserPath(): string {
  const named = process.env['CHROMIUM_PATH'];
  if (named) return named;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // The next one.
    }
  }
  throw new Error('No Chromium is installed. Install it (apt-get install chromium), or name it by CHROMIUM_PATH.');
}
