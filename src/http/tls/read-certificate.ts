import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { EspalierError } from '../../core/index.ts';
import { readSmallFile } from '../door/read-small-file.ts';

/** A chain of certificates with its key is some kilobytes. */
const maxBytes = 2 ** 20;

/** Files in PEM. */
export interface TlsFiles {
  /** The server's certificate, and those that lead from it to one that clients know. */
  readonly cert: string;
  /** Its private key, without a passphrase. */
  readonly key: string;
}

export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly validTo: Date;
}

/**
 * Reads a certificate and its key, and checks that they fit.
 * @throws EspalierError FILE_NOT_FOUND, TLS_INVALID. No error repeats anything of the key.
 */
export async function readCertificate({ cert, key }: TlsFiles): Promise<Certificate> {
  const [chain, secret] = [await readWhole(cert, 'certificate'), await readWhole(key, 'key')];
  const first = usable(cert, 'is not a certificate in PEM', () => new X509Certificate(chain));
  const privateKey = usable(key, 'is not a private key in PEM without a passphrase', () => createPrivateKey(secret));
  if (!first.checkPrivateKey(privateKey)) {
    throw new EspalierError('TLS_INVALID', { path: key, problem: `is not the key of the certificate ${cert}` });
  }
  usable(cert, 'cannot be used', () => createSecureContext({ cert: chain, key: secret }));
  return { cert: chain, key: secret, validTo: new Date(first.validTo) };
}

/** WHY no cause: it may quote the file. */
function usable<T>(path: string, problem: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new EspalierError('TLS_INVALID', { path, problem });
  }
}

async function readWhole(path: string, what: string): Promise<Buffer> {
  const refusal = (): EspalierError =>
    new EspalierError('TLS_INVALID', { path, problem: `is not a file of at most ${maxBytes} bytes` });
  return (await readSmallFile(path, { what, maxBytes, refusal })).content;
}
