/**
 * A process that changes a store, and kills itself at a step: `killed-child DIR ACTION STEP`. It prints the number of steps if it comes
 * to its end.
 */
import { AdapterStore } from '../adapter-store.ts';
import { digestOfKey } from '../versions/stored-version.ts';
import { steppedFiles } from './stepped-files.ts';
import { TestUser } from './store-under-test.ts';
import { TestTime } from './test-time.ts';

const [dir = '', action = '', end = ''] = process.argv.slice(2);

let steps = 0;
const files = steppedFiles(() => {
  // WHY no exit: nothing may be tidied up.
  if (steps++ === Number(end)) process.kill(process.pid, 'SIGKILL');
});

const time = new TestTime();
const store = await AdapterStore.open({
  dir,
  companions: { optional: [] },
  files,
  clock: time,
  timers: time,
  watch: false,
});
await store.begin(new TestUser());
for (const ms of [100, 2000, 5000]) {
  time.pass(ms);
  await store.settled();
}
const other = store.list().get('other')?.key ?? '';
if (action === 'activate') await store.activate('policy', digestOfKey(other));
if (action === 'withdraw') await store.withdraw('policy');
await store[Symbol.asyncDispose]();
process.stdout.write(String(steps));
