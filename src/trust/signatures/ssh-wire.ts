/** Reads the strings of SSH's wire format (RFC 4251, section 5): four bytes of length, and the bytes. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
  }

  /** @returns undefined beyond the end */
  raw(length: number): Buffer | undefined {
    if (this.#at + length > this.#bytes.length) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(): number | undefined {
    return this.raw(4)?.readUInt32BE(0);
  }

  string(): Buffer | undefined {
    const length = this.number();
    return length === undefined ? undefined : this.raw(length);
  }

  text(): string | undefined {
    return this.string()?.toString('utf8');
  }

  /** Whether everything was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
}

export function sshString(content: Uint8Array | string): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
