// Watches the event loop of the process that imports it: by a timer of 1 ms, the time from one call to the next, and the processor time of
// the thread in between (Linux). On a machine that does other things too, most of a long delay is waiting for a core; the processor time is
// the loop's own work. Each SIGUSR2 appends a line of JSON to the file LOOP_WATCH, about all since the line before.
//
//   LOOP_WATCH=FILE node --import ./bench/loop-watch.mjs ...
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

/** CLOCK_THREAD_CPUTIME_ID of Linux. */
const threadCpuClock = 3;

const file = process.env.LOOP_WATCH;
if (isMainThread && file !== undefined) watch(file);

function watch(path) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const turns = createHistogram();
  const threadNs = threadClock();
  let last = threadNs();
  const timer = setInterval(() => {
    const now = threadNs();
    turns.record(Math.max(1, now - last));
    last = threadNs();
  }, 1);
  timer.unref();
  process.on('SIGUSR2', () => {
    appendFileSync(path, `${JSON.stringify({ delay: told(delays), own: told(turns) })}\n`);
    delays.reset();
    turns.reset();
  });
}

/**
 * A function that gives the processor time of this thread, in nanoseconds.
 * WHY not /proc/thread-self/schedstat: the kernel counts a running thread there at its own ticks, 4 ms apart.
 */
function threadClock() {
  const koffi = createRequire(import.meta.url)('koffi');
  const getTime = koffi.load('libc.so.6').func('int clock_gettime(int, int64_t *)');
  const time = new BigInt64Array(2);
  return () => {
    getTime(threadCpuClock, time);
    return Number(time[0]) * 1e9 + Number(time[1]);
  };
}

/** In milliseconds. */
function told(histogram) {
  const ms = (ns) => Math.round(ns / 1e4) / 100;
  return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), most: ms(histogram.max) };
}
