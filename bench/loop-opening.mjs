// Opens a base in a process that has loaded the library and has other things to do, as bench/event-loop.mjs starts it.
//
//   LOOP_WATCH=FILE node --import ./bench/loop-watch.mjs bench/loop-opening.mjs BUILD BASE ADAPTERS
//
// Has two lines written by the watch: of the time before, and from the call of `serve` until all adapters are in memory.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [build, base, adapters] = process.argv.slice(2);
const { serve } = await import(pathToFileURL(join(build, 'dist', 'index.js')).href);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const tell = async () => {
  process.kill(process.pid, 'SIGUSR2');
  await pause(20);
};

// WHY: the first call of `fetch` loads what it needs, which is no part of the opening.
await fetch('http://127.0.0.1:9').catch(() => undefined);
await tell();
const server = await serve({ base, adapters, servedName: 'base', port: 0, maxSlots: 8, threads: 2 });
await untilLoaded(server.url);
await tell();
await server.close();

/** WHY asked seldom: the answers are work of this loop too. */
async function untilLoaded(url) {
  for (;;) {
    const { data } = /** @type {{ data: { state: string }[] }} */ (await (await fetch(`${url}/v1/adapters`)).json());
    if (data.every(({ state }) => state !== 'pending')) return;
    await pause(250);
  }
}
