/** What Node itself needs of libuv's pool: files, names, cryptography. Its default size. */
const nodeThreads = 4;

/**
 * Sizes libuv's pool for `concurrentRuns` runs at once beside Node's own work. Call it before anything uses the pool:
 * its size is fixed at first use. WHY the start of `bin`: Node 20 reads ES modules through the pool, so that in an ES
 * module it is too late; there, set UV_THREADPOOL_SIZE outside. A size that is set already stays when it is larger.
 *
 * @returns the size that is set now
 */
export function ensureThreadPool(concurrentRuns: number): number {
  const wanted = nodeThreads + Math.max(1, Math.ceil(concurrentRuns));
  const size = Math.max(wanted, Number(process.env['UV_THREADPOOL_SIZE']) || 0);
  process.env['UV_THREADPOOL_SIZE'] = String(size);
  return size;
}
