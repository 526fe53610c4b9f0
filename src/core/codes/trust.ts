import type { CodeEntry } from './code-entry.ts';

/** Errors of `trust`. Retired codes are never reused. */
export const trustCodes = {
  POLICY_INVALID: {
    status: 400,
    retryable: false,
    message: 'The policy {path} cannot be used: {problem}.',
    help: 'A policy says who may sign what, and which bases may be served. A field that is unknown or misspelt is an error, so that no rule is overlooked. See docs/supply-chain.md.',
  },
  SIGNATURE_MISSING: {
    status: 403,
    retryable: false,
    message:
      'Nobody has signed {what}, and {policy} takes nothing that is not signed. Sign it: `espalier adapter sign`, or sign its SHA256SUMS.',
    help: 'The policy asks for a signature, and beside the list of checksums lies none. The version that was served before stays in use.',
  },
  SIGNATURE_INVALID: {
    status: 400,
    retryable: false,
    message: 'The signature {path} cannot be read: {problem}.',
    help: 'Signatures of minisign and of SSH keys (`ssh-keygen -Y sign`) are read, both of Ed25519. Nothing of the adapter was opened.',
  },
  SIGNATURE_WRONG: {
    status: 403,
    retryable: false,
    message:
      'The signature {path} does not hold for the key {key}: {problem}. Sign it again, or find out who changed it.',
    help: 'A signature claims a key that the policy knows, and was not made with it for this content. Nothing of the adapter was opened.',
  },
  SIGNER_UNKNOWN: {
    status: 403,
    retryable: false,
    message: 'The signature {path} is of the key {key}, and no signer in {policy} has it.',
    help: 'Somebody signed whom the policy does not name. Nothing of the adapter was opened.',
  },
  SIGNER_NOT_ALLOWED: {
    status: 403,
    retryable: false,
    message: '{signer} may not sign the adapter {name}: {problem}.',
    help: 'The signature is right, and the policy does not allow its signer this. Nothing of the adapter was opened.',
  },
  STATEMENT_INVALID: {
    status: 400,
    retryable: false,
    message: 'The signed list {path} cannot be used: {problem}.',
    help: 'A signed list has the SHA-256 of each file, as `sha256sum` writes it or as JSON with `files`, and `name` and `base` where it is bound to them. Nothing of the adapter was opened.',
  },
  STATEMENT_OF_OTHER: {
    status: 403,
    retryable: false,
    message: 'The signed list {path} is for something else: expected {expected}, but it says {actual}.',
    help: 'Whoever signed the adapter bound it to another name or base. Nothing of the adapter was opened.',
  },
  STATEMENT_INCOMPLETE: {
    status: 403,
    retryable: false,
    message: 'The signed list {path} says nothing of {name}. Sign a list of all files.',
    help: 'A file would be loaded that nobody vouches for. The version that was served before stays in use.',
  },
  ADAPTER_REVOKED: {
    status: 403,
    retryable: false,
    message: 'Version {version} of {name} is revoked by {policy}. Name another version.',
    help: 'The policy lists the version among those that are never served. The version that was served before stays in use, if it is not revoked itself.',
  },
  BASE_NOT_ALLOWED: {
    status: 403,
    retryable: false,
    message: 'The base {base} may not be served: {problem}. See {policy}.',
    help: 'The policy names the fingerprints, the licences or the signers of the bases that may be served. Nothing was opened for serving.',
  },
  SIGNING_KEY_INVALID: {
    status: 400,
    retryable: false,
    message: 'The secret key {path} cannot be used: {problem}.',
    help: 'Signing takes a secret key of minisign, or a private SSH key of Ed25519 with `ssh-keygen` on the machine. Nothing was written.',
  },
} as const satisfies Record<string, CodeEntry>;
