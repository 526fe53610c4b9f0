// @ts-check
/** Opens the files of an adapter, and reads them. */
import * as fs from 'node:fs';
import { join, sep } from 'node:path';
import { tried } from './helpers.js';

/**
 * @typedef {object} DiskStamp  tells two states of a file or folder apart without its content
 * @property {bigint} device
 * @property {bigint} inode
 * @property {bigint} size
 * @property {bigint} modifiedNs
 * @property {bigint} changedNs
 * @property {bigint} bornNs
 */

/** @param {import('node:fs').BigIntStats} stats @returns {DiskStamp} */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs, birthtimeNs }) {
  return { device: dev, inode: ino, size, modifiedNs: mtimeNs, changedNs: ctimeNs, bornNs: birthtimeNs };
}

/** What makes an error of the file system one that callers tell from others. */
class DiskFailure extends Error {
  /** @param {'missing' | 'outside' | 'unreadable'} reason @param {string} path @param {unknown} [cause] */
  constructor(reason, path, cause) {
    super(`${path} is ${reason}`, { cause });
    this.reason = reason;
    this.path = path;
  }
}

/**
 * @typedef {object} SmallFile
 * @property {Uint8Array} bytes
 * @property {string} stamp  changes whenever the file does
 */

/**
 * @param {string} path
 * @param {number} most  bytes
 * @returns {SmallFile | undefined} undefined for what is no file, is larger, or cannot be read
 */
function readSmall(path, most) {
  return tried(() => {
    const found = fs.statSync(path, { bigint: true });
    if (!found.isFile() || found.size > most) return undefined;
    return { bytes: ownBytes(fs.readFileSync(path)), stamp: `${found.ino}.${found.ctimeNs}` };
  });
}

/** @param {Buffer} buffer @returns {Uint8Array} bytes in memory of their own, which can be handed over */
function ownBytes(buffer) {
  return new Uint8Array(buffer);
}

/**
 * @typedef {object} WantedFiles
 * @property {readonly string[]} required
 * @property {readonly string[]} optional
 * @property {{ readonly name: string, readonly ending: string } | undefined} [inner]  a folder in it, whose files with this ending are optional too
 */

/** Most files of the inner folder that are opened. */
const maxInner = 100;

/**
 * WHY the inner folder itself, too: its stamp shows that a file was added or removed.
 * @param {WantedFiles} wanted
 * @param {string} folder
 * @returns {string[]}
 */
function namesOf({ required, optional, inner }, folder) {
  if (inner === undefined) return [...required, ...optional];
  const found = (tried(() => fs.readdirSync(join(folder, inner.name))) ?? []).sort();
  const inside = found.filter((name) => name.endsWith(inner.ending)).slice(0, maxInner);
  return [...required, ...optional, inner.name, ...inside.map((name) => `${inner.name}/${name}`)];
}

/**
 * WHY only those that are there: each one that is looked for in vain costs a call of the system.
 * @param {WantedFiles} wanted
 * @param {string} folder
 * @returns {WantedFiles}
 */
function present({ inner, ...wanted }, folder) {
  const found = new Set(tried(() => fs.readdirSync(folder)) ?? []);
  const optional = wanted.optional.filter((name) => found.has(name));
  return { ...wanted, optional, ...(inner !== undefined && found.has(inner.name) && { inner }) };
}

/**
 * @typedef {object} OpenFile  a file or folder that was opened once, and is used only through its descriptor
 * @property {number} descriptor
 * @property {boolean} isFolder
 * @property {DiskStamp} stamp  at the time of opening
 */

/**
 * @typedef {object} OpenPlace
 * @property {string} name
 * @property {string} at  the path with which it is opened
 * @property {OpenFile | undefined} opened
 */

/**
 * @typedef {object} OpenedFiles
 * @property {OpenFile} top
 * @property {OpenPlace[]} places
 * @property {ReadonlyMap<string, Uint8Array> | undefined} contents  of its files, if they were to be read; an adapter in one file has one without a name
 * @property {boolean} isUnchanged  whether nothing happened to the files until they were read
 * @property {ReadonlyMap<string, SmallFile>} small  the small files that were asked for and are there, by their paths
 */

/**
 * @typedef {object} SmallNames  small files that are read as well, if they are there: `inside` a folder, or `beside` a file
 * @property {readonly string[]} inside  names
 * @property {readonly string[]} beside  what follows the name of the file
 * @property {number} most  bytes
 */

/**
 * @typedef {object} Opening
 * @property {string} path
 * @property {WantedFiles} files
 * @property {string | undefined} within  all opened files must lie in this folder, also through links
 * @property {boolean} isListed  whether optional files are looked for only if the folder lists them
 * @property {number} readUpTo  the files are read as well if they have at most so many bytes together
 * @property {SmallNames | undefined} small
 */

/** Does not wait for the other end of a pipe, and makes no terminal its own. Windows has neither flag. */
const flags = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0) | (fs.constants.O_NOCTTY ?? 0);

/**
 * Opens a folder with its files, or one file. A folder's files are opened through its descriptor where the system can, so that all of
 * them come from one folder, and none from another that replaces it meanwhile.
 *
 * @param {Opening} opening
 * @returns {OpenedFiles}
 */
export function openFiles({ path, files, within, isListed, readUpTo, small }) {
  /** @type {OpenPlace[]} */
  const places = [];
  const root = within === undefined ? undefined : rootOf(within);
  const top = openInside({ at: path, path, root, isInFolder: false });
  if (top === undefined) throw new DiskFailure('missing', path);
  try {
    const folder = top.isFolder ? folderPath(top, path) : undefined;
    const wanted = folder === undefined ? [] : namesOf(isListed ? present(files, folder) : files, folder);
    for (const name of wanted) {
      const at = join(folder ?? '', name);
      const isInFolder = folder !== path && !name.includes('/');
      places.push({ name, at, opened: openInside({ at, path: join(path, name), root, isInFolder }) });
    }
    const opened = { top, places, contents: undefined, isUnchanged: true, small: smallFiles(path, top, small) };
    const sizes = filesOf(opened).map(([, { stamp }]) => Number(stamp.size));
    if (sizes.reduce((sum, size) => sum + size, 0) > readUpTo) return opened;
    const contents = new Map(filesOf(opened).map(([name, file]) => [name, readWhole(file, join(path, name))]));
    return { ...opened, contents, isUnchanged: areUnchanged(path, opened) };
  } catch (error) {
    closeAll([top, ...places.map(({ opened }) => opened)].flatMap((opened) => opened?.descriptor ?? []));
    throw error;
  }
}

/**
 * @param {string} path
 * @param {OpenFile} top
 * @param {SmallNames} [wanted]
 * @returns {Map<string, SmallFile>}
 */
function smallFiles(path, { isFolder }, wanted) {
  if (wanted === undefined) return new Map();
  const paths = isFolder ? wanted.inside.map((name) => join(path, name)) : wanted.beside.map((end) => `${path}${end}`);
  const found = paths.map((place) => /** @type {const} */ ([place, readSmall(place, wanted.most)]));
  return new Map(found.flatMap(([place, file]) => (file === undefined ? [] : [[place, file]])));
}

/** @param {Pick<OpenedFiles, 'top' | 'places'>} opened @returns {[string, OpenFile][]} */
function filesOf({ top, places }) {
  if (!top.isFolder) return [['', top]];
  return places.flatMap(({ name, opened }) =>
    opened === undefined || opened.isFolder ? [] : [/** @type {[string, OpenFile]} */ ([name, opened])],
  );
}

/** @param {string} within @returns {string} */
function rootOf(within) {
  try {
    return fs.realpathSync(within);
  } catch (error) {
    throw new DiskFailure('unreadable', within, error);
  }
}

/**
 * Opens a file or a folder. Anything else counts as missing. The descriptor is checked to lie inside the root, so a link that is
 * changed between a check and the opening has no effect.
 *
 * @param {{ at: string, path: string, root: string | undefined, isInFolder: boolean }} place  `isInFolder`: the path leads through the
 *   descriptor of a folder that lies inside: what is no link then lies inside too
 * @returns {OpenFile | undefined}
 */
function openInside({ at, path, root, isInFolder }) {
  // WHY before it is opened: opening a device can have effects.
  const found = tried(() => (isInFolder ? fs.lstatSync(at) : fs.statSync(at)));
  if (found?.isSymbolicLink() === true) return openInside({ at, path, root, isInFolder: false });
  if (found === undefined || !(found.isFile() || found.isDirectory())) return undefined;
  const isNoLink = isInFolder && fs.constants.O_NOFOLLOW !== undefined;
  const descriptor = openAt(at, path, isNoLink ? flags | fs.constants.O_NOFOLLOW : flags);
  try {
    const stats = fs.fstatSync(descriptor, { bigint: true });
    const isFolder = stats.isDirectory();
    const stamp = stampOf(stats);
    if (isFolder || stats.isFile()) {
      if (root !== undefined && !isNoLink) assertInside({ descriptor, stamp }, { at, path, root });
      return { descriptor, isFolder, stamp };
    }
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  fs.closeSync(descriptor);
  return undefined;
}

/** @param {string} at @param {string} path @param {number} how @returns {number} */
function openAt(at, path, how) {
  try {
    return fs.openSync(at, how);
  } catch (error) {
    throw new DiskFailure('unreadable', path, error);
  }
}

/**
 * @param {Pick<OpenFile, 'descriptor' | 'stamp'>} file
 * @param {{ at: string, path: string, root: string }} place
 */
function assertInside(file, { at, path, root }) {
  const real = realPathOf(file, at);
  if (real?.startsWith(root.endsWith(sep) ? root : root + sep) !== true) throw new DiskFailure('outside', path);
}

/**
 * On Linux the real path of a descriptor can be read. Elsewhere the path is resolved again, and must lead to the same file.
 * @param {Pick<OpenFile, 'descriptor' | 'stamp'>} file
 * @param {string} at
 */
function realPathOf({ descriptor, stamp }, at) {
  const told = tried(() => fs.readlinkSync(descriptorPath(descriptor)));
  if (told !== undefined) return told;
  const real = fs.realpathSync(at);
  return isSame(stampOf(fs.statSync(real, { bigint: true })), stamp) ? real : undefined;
}

/** @param {number} descriptor */
function descriptorPath(descriptor) {
  return `/proc/self/fd/${descriptor}`;
}

// WHY module state: a system has such paths, or has none.
let hasDescriptorPaths = false;

/** @param {OpenFile} top @param {string} path */
function folderPath({ descriptor }, path) {
  hasDescriptorPaths ||= tried(() => fs.readlinkSync(descriptorPath(descriptor))) !== undefined;
  return hasDescriptorPaths ? descriptorPath(descriptor) : path;
}

/** @param {DiskStamp | undefined} a @param {DiskStamp | undefined} b */
function isSame(a, b) {
  return a?.device === b?.device && a?.inode === b?.inode;
}

/** @param {DiskStamp | undefined} a @param {DiskStamp | undefined} b */
function isAsBefore(a, b) {
  return isSame(a, b) && a?.size === b?.size && a?.modifiedNs === b?.modifiedNs && a?.changedNs === b?.changedNs;
}

/** @param {string} path @returns {DiskStamp | undefined} what counts as missing for `openFiles` has no stamp */
function stampAt(path) {
  const stats = tried(() => fs.statSync(path, { bigint: true }));
  return stats !== undefined && (stats.isFile() || stats.isDirectory()) ? stampOf(stats) : undefined;
}

/**
 * @param {string} path
 * @param {Pick<OpenedFiles, 'top' | 'places'>} opened
 * @returns {boolean} whether the paths still lead to the opened files, and nothing was written to them since
 */
export function areUnchanged(path, { top, places }) {
  const now = stampAt(path);
  if (top.isFolder ? !isSame(now, top.stamp) : !isAsBefore(now, top.stamp)) return false;
  return places.every(({ at, opened: before }) => isAsBefore(stampAt(at), before?.stamp));
}

/**
 * @param {string} path
 * @param {WantedFiles} files
 * @returns {{ names: string[], top: DiskStamp, files: DiskStamp[] }} what `openFiles` would find there, without opening it
 */
export function lookAtFiles(path, files) {
  const top = tried(() => fs.statSync(path, { bigint: true }));
  if (top === undefined) throw new DiskFailure('missing', path);
  if (!top.isDirectory()) return { names: [], top: stampOf(top), files: [] };
  const found = namesOf(present(files, path), path).flatMap((name) => {
    const stats = tried(() => fs.statSync(join(path, name), { bigint: true }));
    return stats === undefined ? [] : [{ name, stats }];
  });
  return {
    names: found.flatMap(({ name, stats }) => (stats.isFile() ? [name] : [])),
    top: stampOf(top),
    files: found.map(({ stats }) => stampOf(stats)),
  };
}

/** @param {OpenFile} file @param {string} path @returns {Uint8Array} */
function readWhole({ descriptor, stamp }, path) {
  return readPart(descriptor, { offset: 0, length: Number(stamp.size), path });
}

/** One read call takes at most 2 GiB on Linux. */
const bytesPerRead = 64 * 2 ** 20;

/**
 * Fills bytes, which may be in memory that threads share, from an open file.
 * @param {number} descriptor
 * @param {{ bytes: Uint8Array, offset: number, path: string }} place
 * @throws an error of the code ESHORT if the file has become shorter
 */
export function fill(descriptor, { bytes, offset, path }) {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, bytesPerRead);
    const count = fs.readSync(descriptor, bytes, done, length, offset + done);
    if (count === 0) throw Object.assign(new Error(`${path} has become shorter`), { code: 'ESHORT' });
    done += count;
  }
}

/**
 * @param {number} descriptor
 * @param {{ offset: number, length: number, path: string }} part
 * @returns {Uint8Array} exactly these bytes
 */
export function readPart(descriptor, { offset, length, path }) {
  // WHY allocUnsafeSlow: it allocates separate memory, which can be handed over, and does not fill it with zeros.
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(length);
  const bytes = new Uint8Array(buffer, byteOffset, length);
  fill(descriptor, { bytes, offset, path });
  return bytes;
}

/** @param {readonly number[]} descriptors */
export function closeAll(descriptors) {
  for (const descriptor of descriptors) fs.closeSync(descriptor);
}
