import { statfs } from 'node:fs/promises';
import { openFolderWatcher, type FolderEvent, type FolderWatcher } from '../../native/index.ts';

/** File systems on which changes may be made by other machines, of which the system does not tell. */
const remote = new Map([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x517b, 'SMB'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9P'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x5346414f, 'AFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
]);

/** How changes of a store are noticed: the system tells of them, or the folders are looked at again and again. */
export type Watching =
  | { readonly kind: 'told'; readonly watcher: FolderWatcher }
  | { readonly kind: 'scan'; readonly reason: string };

export async function openWatch(folder: string, listener: (event: FolderEvent) => void): Promise<Watching> {
  const network = remote.get(await typeOf(folder));
  if (network !== undefined) return { kind: 'scan', reason: `${folder} is on a disk of the type ${network}` };
  const watcher = openFolderWatcher(listener);
  return watcher ? { kind: 'told', watcher } : { kind: 'scan', reason: 'the system does not tell of changes' };
}

async function typeOf(folder: string): Promise<number> {
  return statfs(folder).then(
    ({ type }) => type >>> 0,
    () => 0,
  );
}
