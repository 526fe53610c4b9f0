import type { CodeEntry } from './code-entry.ts';

/** Errors of `adapter-store`. Retired codes are never reused. */
export const adapterStoreCodes = {
  STORE_BUSY: {
    status: 409,
    retryable: true,
    message: 'The store of adapters {dir} is used by process {pid} already. End that server, or use another store.',
    help: 'One server at a time changes a store. Nothing was changed.',
  },
  STORE_VERSION_UNKNOWN: {
    status: 404,
    retryable: false,
    message:
      'The store has no version {version}, or more than one that differ in their tokenizers. Name a version that it lists.',
    help: 'A name can be pointed only to a version that was verified and is still kept. Nothing was changed.',
  },
  STORE_ENTRY_STRANGE: {
    status: 409,
    retryable: false,
    message:
      '{path} is not served: {found}. In this folder belong symbolic links to versions of the store, such as ../store/<sha256>.',
    help: 'Something else than a link to a version lies in the folder `active` of a store. It was left as it is. Remove it, or drop the adapter into the folder `incoming`.',
  },
  STORE_CHECKSUM_MISMATCH: {
    status: 400,
    retryable: false,
    message: '{path} has the SHA-256 {actual}, but {manifest} says {expected}. Copy the adapter again.',
    help: 'An adapter came with a list of checksums, and a file has another content than the list says. The version that was served before stays in use.',
  },
  STORE_ENTRY_INCOMPLETE: {
    status: 400,
    retryable: false,
    message: '{path} has been without {missing} for {seconds} s. Drop the adapter again, with all its files.',
    help: 'A folder was dropped into a store, and files that an adapter must have did not come. The version that was served before stays in use.',
  },
  STORE_NAME_INVALID: {
    status: 400,
    retryable: false,
    message: '{name} cannot be the name of an adapter: expected {expected}.',
    help: 'An adapter gets the name of the folder or file that is dropped into a store. Rename it.',
  },
  ADAPTER_SELF_TEST_FAILED: {
    status: 400,
    retryable: false,
    message:
      'The adapter {name} fails its self-test: the answer to {prompt} should begin with {expected}, but is {actual}.',
    help: 'A new version answers the golden prompts before requests get it. The version that is served stays in use. Train the adapter again, or correct the file of `--golden`.',
  },
  ADAPTER_QUARANTINED: {
    status: 409,
    retryable: false,
    message:
      'Version {version} of {name} is in quarantine: {reason} To clear it, remove {path} after you have found the cause.',
    help: 'A version that failed is not taken into use again before a person has cleared it. The version that is served stays in use.',
  },
  STORE_PINS_UNREADABLE: {
    status: 500,
    retryable: false,
    message: 'The record of pinned names at {path} cannot be read. Mend it, or remove it if no name is pinned.',
    help: 'The store remembers which names must keep their version. Without the record a name could move that must not, so the server does not start.',
  },
  STORE_FALLBACKS_UNREADABLE: {
    status: 500,
    retryable: false,
    message:
      '{path} does not say which names fall back to what. Restore it, or remove it to give every name the usual fall-back.',
    help: 'A store keeps in this file what answers for a name whose version fails, where it was declared for that name. The server was not started, because a name could be answered by what must not answer for it.',
  },
} as const satisfies Record<string, CodeEntry>;
