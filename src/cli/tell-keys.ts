import { messageOf } from '../core/index.ts';
import type { KeysEvent, Server } from '../http/index.ts';

/** What an operator is told of the file of keys and of the certificate. */
export function noteOfKeys(event: KeysEvent): string {
  switch (event.event) {
    case 'loaded':
      return `Keys of ${event.path}: ${event.count}`;
    case 'refused':
      return `The keys stay as they are. ${messageOf(event.error)}`;
    case 'certificate':
      return `Certificate of ${event.path}, valid until ${event.validTo.toISOString()}`;
    case 'certificate-refused':
      return `The certificate stays as it is. ${messageOf(event.error)}`;
    case 'open':
      return `Others can read or write ${event.path} (mode ${event.mode}). Run: chmod 600 ${event.path}`;
  }
}

/** Reads the file of keys again when SIGHUP comes, as daemons do. WHY only with such a file: without one, SIGHUP ends the process. */
export function reloadOnHangup(
  hasKeys: boolean,
  server: Pick<Server, 'reloadKeys'>,
  source: Pick<NodeJS.EventEmitter, 'on' | 'off'> = process,
): Disposable {
  const reload = (): void => void server.reloadKeys();
  if (hasKeys) source.on('SIGHUP', reload);
  return { [Symbol.dispose]: () => void source.off('SIGHUP', reload) };
}
