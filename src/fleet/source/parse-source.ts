import { EspalierError } from '../../core/index.ts';

/** What `--fleet` names. */
export type SourceAddress =
  | { readonly kind: 'git'; readonly url: string; readonly scheme: 'file' | 'ssh' | 'https'; readonly folder: string }
  | { readonly kind: 'folder'; readonly path: string; readonly folder: string };

const expected =
  'a folder, or file:///path, ssh://host/path or https://host/path, each with #folder if fleet.yaml is not at the root';

/**
 * Reads the address of a fleet.
 * @throws EspalierError FLEET_SOURCE_INVALID
 */
export function parseSource(text: string): SourceAddress {
  const [address = '', folder = '', ...more] = text.split('#');
  const invalid = (what = expected): EspalierError =>
    new EspalierError('FLEET_SOURCE_INVALID', { source: withoutSecrets(text), expected: what });
  if (address === '' || more.length > 0 || !isFolder(folder)) throw invalid();
  if (/^[\w.-]+@[\w.-]+:/.test(address)) throw invalid(`ssh://${address.replace(':', '/')}`);
  const scheme = /^([a-z][a-z\d+.-]*):/i.exec(address)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: 'folder', path: address, folder };
  if (scheme !== 'file' && scheme !== 'ssh' && scheme !== 'https') throw invalid();
  if (!URL.canParse(address) || /[\s\p{Cc}]/u.test(address)) throw invalid();
  const { hostname, pathname, search } = new URL(address);
  // WHY a name that begins with a hyphen is refused: ssh would take it for an option.
  const isHost = scheme === 'file' ? hostname === '' : hostname !== '' && !hostname.startsWith('-');
  if (!isHost || pathname.length < 2 || search !== '') throw invalid();
  return { kind: 'git', url: address, scheme, folder };
}

function isFolder(folder: string): boolean {
  if (folder === '') return true;
  return (
    !folder.startsWith('/') &&
    !/[\\:\p{Cc}]/u.test(folder) &&
    folder.split('/').every((part) => part !== '..' && part !== '.git')
  );
}

/** An address without the password in it. */
export function withoutSecrets(text: string): string {
  return text.replace(/^([a-z][a-z\d+.-]*:\/\/)[^/@]*@/i, '$1');
}
