// @ts-check
/** Changes of the disk. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { renameBy } from '../rename.js';
import { codeOf, tried } from './helpers.js';
import { kindAt } from './look.js';

/** @param {string} path */
export function createFolder(path) {
  fs.mkdirSync(path);
}

/**
 * Creates a file with this content.
 * @param {string} path
 * @param {string | Uint8Array} content
 * @param {{ isFlushed?: boolean | undefined, mode?: number | undefined }} [how]
 */
export function createFile(path, content, { isFlushed = true, mode } = {}) {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const file = fs.openSync(path, 'wx', mode);
  try {
    writeAll(file, bytes);
    if (isFlushed) fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** One call of the system writes at most 2 GiB on Linux. */
const bytesPerWrite = 2 ** 26;

/** @param {number} file @param {Uint8Array} bytes */
function writeAll(file, bytes) {
  for (let done = 0; done < bytes.length;) {
    done += fs.writeSync(file, bytes, done, Math.min(bytes.length - done, bytesPerWrite), done);
  }
}

/** @param {string} target @param {string} path */
export function link(target, path) {
  fs.symlinkSync(target, path);
}

/** Flushes a file, or the names in a folder. @param {string} path */
export function flush(path) {
  /** @type {number} */
  let file;
  try {
    file = fs.openSync(path, 'r');
  } catch (error) {
    // Windows opens no folders.
    if (process.platform === 'win32') return;
    throw error;
  }
  try {
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** @param {string} path @param {number} mode */
export function setMode(path, mode) {
  fs.chmodSync(path, mode);
}

/** @param {string} from @param {string} to */
export function rename(from, to) {
  fs.renameSync(from, to);
}

/** Renames to a path that is free. @param {string} from @param {string} to @returns {boolean} false if it is taken */
export function renameToFree(from, to) {
  const outcome = renameBy('exclusive', from, to);
  if (outcome !== 'unsupported') return outcome === 'done';
  if (kindAt(to) !== undefined) return false;
  fs.renameSync(from, to);
  return true;
}

/** Exchanges two names in one step. @param {string} a @param {string} b @returns {boolean} false if the system cannot */
export function exchange(a, b) {
  return renameBy('exchange', a, b) === 'done';
}

/**
 * Appends to an open file, and flushes what was appended.
 * @param {number} file
 * @param {Uint8Array} bytes
 * @returns {{ written: number, isFlushed: boolean }} the file may have taken a part only, and what it took may not have reached the disk
 */
export function append(file, bytes) {
  const written = fs.writeSync(file, bytes);
  return { written, isFlushed: tried(() => fs.fdatasyncSync(file) ?? true) === true };
}

/** @param {number} file */
export function flushData(file) {
  fs.fdatasyncSync(file);
}

/** @param {string} path */
export function unlink(path) {
  fs.unlinkSync(path);
}

/**
 * Removes a file, or a folder with everything in it, whatever its mode. Does nothing where there is none. WHY first as a file: most of
 * what is removed are links and small folders.
 * @param {string} path
 */
export function removeTree(path) {
  try {
    return fs.unlinkSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
  }
  try {
    for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) removeTree(inner);
      else fs.unlinkSync(inner);
    }
    fs.rmdirSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') removeProtected(path);
  }
  return undefined;
}

/** WHY the modes: what is in a folder that cannot be written to cannot be removed. @param {string} path */
function removeProtected(path) {
  if (kindAt(path) === 'folder') {
    tried(() => fs.chmodSync(path, 0o700));
    for (const name of fs.readdirSync(path)) removeProtected(join(path, name));
  }
  fs.rmSync(path, { recursive: true, force: true });
}

const changes = { createFolder, createFile, link, flush, setMode, rename, renameToFree, exchange, unlink, removeTree };

/** @typedef {typeof changes} Changes */

/**
 * Makes several changes one after the other, up to the first that fails, or that returns false.
 * @param {readonly (readonly [name: keyof Changes, ...args: readonly unknown[]])[]} list
 * @returns {unknown[]} what each has returned
 */
export function inOrder(list) {
  /** @type {unknown[]} */
  const results = [];
  for (const [name, ...args] of list) {
    const result = Reflect.apply(changes[name], undefined, args);
    results.push(result);
    if (result === false) break;
  }
  return results;
}
