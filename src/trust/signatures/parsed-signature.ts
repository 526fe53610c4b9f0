/** A signature that was read, and not verified yet. */
export type ParsedSignature = MinisignSignature | SshSignature;

export interface MinisignSignature {
  readonly kind: 'minisign';
  /** The 8 bytes by which the key is named, in hexadecimal. They are a hint, and prove nothing. */
  readonly keyId: string;
  readonly signature: Uint8Array;
  /** A text that is signed too. */
  readonly comment: string;
  /** The signature over the first one and the comment. */
  readonly commentSignature: Uint8Array;
}

export interface SshSignature {
  readonly kind: 'ssh';
  readonly publicKey: Uint8Array;
  /** What the signature is for. One that was made for something else is worth nothing here. */
  readonly namespace: string;
  readonly hash: 'sha256' | 'sha512';
  readonly signature: Uint8Array;
}

/** A public key of a signer. */
export interface PublicKey {
  readonly kind: 'minisign' | 'ssh';
  /** 32 bytes. */
  readonly bytes: Uint8Array;
  /** How the key is told of: `minisign 3FDDD1BD0FF423A8`, or `ssh SHA256:…` as ssh-keygen shows it. */
  readonly label: string;
  /** The 8 bytes of a key of minisign, in hexadecimal. */
  readonly keyId: string | undefined;
}
