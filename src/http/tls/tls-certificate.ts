import type { Server as TlsServer } from 'node:tls';
import { SettledFiles } from '../door/settled-files.ts';
import { repeat, systemTimers, type Timers } from '../door/timers.ts';
import { publishKeysEvent } from '../keys/keys-events.ts';
import { type Certificate, readCertificate, type TlsFiles } from './read-certificate.ts';

/** WHY so often: a tool that renews certificates writes both files within a moment, and ends the old one's validity days later. */
const lookEveryMs = 10_000;

/**
 * The certificate of a server. When its files have changed, new connections get the new one; those that are open go on. While the files
 * cannot be used, the one from before stays in use.
 */
export class TlsCertificate implements Disposable {
  readonly #paths: TlsFiles;
  readonly #files: SettledFiles;
  #current: Certificate;
  #server: Pick<TlsServer, 'setSecureContext'> | undefined;
  #looking: Disposable | undefined;
  #isDisposed = false;

  /** @throws EspalierError FILE_NOT_FOUND, TLS_INVALID */
  static async open(paths: TlsFiles, timers: Timers = systemTimers): Promise<TlsCertificate> {
    const files = new SettledFiles([paths.cert, paths.key]);
    await files.take();
    const certificate = new TlsCertificate(paths, { files, current: await readCertificate(paths) });
    certificate.#tell();
    certificate.#looking = repeat(timers, lookEveryMs, () => certificate.look());
    return certificate;
  }

  private constructor(paths: TlsFiles, { files, current }: { files: SettledFiles; current: Certificate }) {
    this.#paths = paths;
    this.#files = files;
    this.#current = current;
  }

  get current(): Certificate {
    return this.#current;
  }

  /** The server whose new connections get a new certificate. */
  serve(server: Pick<TlsServer, 'setSecureContext'>): void {
    this.#server = server;
  }

  /** Looks whether the files have changed, and takes them if they can be used. */
  async look(): Promise<void> {
    if (!(await this.#files.look())) return;
    await this.#files.take();
    try {
      const next = await readCertificate(this.#paths);
      if (this.#isDisposed) return;
      const { cert, key } = next;
      this.#server?.setSecureContext({ cert, key });
      this.#current = next;
      this.#tell();
    } catch (error) {
      publishKeysEvent({ event: 'certificate-refused', path: this.#paths.cert, error });
    }
  }

  #tell(): void {
    publishKeysEvent({ event: 'certificate', path: this.#paths.cert, validTo: this.#current.validTo });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#looking?.[Symbol.dispose]();
  }
}
