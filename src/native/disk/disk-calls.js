// @ts-check
/**
 * Work on the disk in whole jobs. Each function makes all of its calls of the system one after the other on the thread that calls it.
 *
 * WHY jobs: a call of the system that the event loop hands to another thread costs the loop several times what the call itself costs,
 * and one adapter takes some seventy of them.
 * WHY JavaScript: a worker thread of Node 20 loads this file as it is, from the sources as from the build.
 */
export { createFile, createFolder, exchange, flush, link, rename, renameToFree, setMode, unlink } from './changes.js';
export { append, flushData, inOrder, removeTree } from './changes.js';
export { entriesIn, insideOf, kindAt, linkTarget, linkTargets, listed, names, readText } from './look.js';
export { areUnchanged, closeAll, fill, lookAtFiles, openFiles, readPart } from './open-files.js';
