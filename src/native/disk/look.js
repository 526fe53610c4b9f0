// @ts-check
/** Looks at folders, links and texts. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { codeOf, tried } from './helpers.js';

/** @param {string} folder @returns {string[]} the names in a folder, in any order */
export function names(folder) {
  return fs.readdirSync(folder);
}

/** @param {string} path @returns {string} */
export function linkTarget(path) {
  return fs.readlinkSync(path);
}

/**
 * Where links lead.
 * @param {readonly string[]} paths
 * @returns {('nothing' | 'no link' | { readonly target: string })[]}
 */
export function linkTargets(paths) {
  return paths.map((path) => {
    try {
      return { target: fs.readlinkSync(path) };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'nothing';
      if (codeOf(error) === 'EINVAL') return 'no link';
      throw error;
    }
  });
}

/** @param {string} path @returns {string} */
export function readText(path) {
  return fs.readFileSync(path, 'utf8');
}

/** @typedef {'file' | 'folder' | 'link' | 'other'} EntryKind */

/** @param {import('node:fs').Stats | import('node:fs').Dirent} found @returns {EntryKind} */
function kindOf(found) {
  if (found.isSymbolicLink()) return 'link';
  if (found.isDirectory()) return 'folder';
  return found.isFile() ? 'file' : 'other';
}

/** @param {string} path @returns {EntryKind | undefined} undefined if nothing is there */
export function kindAt(path) {
  const found = tried(() => fs.lstatSync(path));
  return found && kindOf(found);
}

/** @typedef {{ readonly name: string, readonly kind: EntryKind }} FoundEntry */

/**
 * @param {string} folder
 * @param {readonly string[] | undefined} only  the names that are looked at; undefined: all
 * @returns {FoundEntry[]} what is in a folder; names that it does not have are left out
 */
export function entriesIn(folder, only) {
  return (only ?? fs.readdirSync(folder)).flatMap((name) => {
    const kind = kindAt(join(folder, name));
    return kind === undefined ? [] : [{ name, kind }];
  });
}

/** @param {string} folder @returns {FoundEntry[]} what is in a folder, as the folder itself says */
export function listed(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
}

/** @param {readonly string[]} folders @returns {FoundEntry[][]} what is in each of several folders; nothing in one that cannot be read */
export function insideOf(folders) {
  return folders.map((folder) => tried(() => listed(folder)) ?? []);
}
