import type { CodeEntry } from './code-entry.ts';

/** Errors of `hub`. Retired codes are never reused. */
export const hubCodes = {
  HUB_REFERENCE_INVALID: {
    status: 400,
    retryable: false,
    message:
      '{reference} is not a reference to a model of the hub: {reason}. Write hf:org/name or hf:org/name@revision.',
    help: 'A reference to a model on the hub is misspelt. No request was sent.',
  },
  HUB_REPOSITORY_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'The hub at {endpoint} has no visible model {name}. Check its name; if it is private, set HF_TOKEN.',
    help: 'The hub gives the same answer for a model that does not exist and for a private model that the token may not read. Nothing was downloaded.',
  },
  HUB_REVISION_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'The model {name} has no revision {revision}. Name a branch, a tag or a commit of {page}.',
    help: 'The model exists, but not this branch, tag or commit of it. Nothing was downloaded.',
  },
  HUB_FILE_NOT_FOUND: {
    status: 404,
    retryable: true,
    message: 'The hub lists {file} of {name} but refuses to send it. Try again later.',
    help: 'A listed file of a model cannot be downloaded. Files that are already complete stay in the cache.',
  },
  HUB_GATED: {
    status: 403,
    retryable: false,
    message:
      'The model {name} is available only after accepting its terms. Accept them at {page}, and set HF_TOKEN to a token of that account.',
    help: 'The authors of the model require an agreement. Nothing was downloaded.',
  },
  HUB_UNAUTHORIZED: {
    status: 403,
    retryable: false,
    message:
      'The hub refuses access to {name} with status {status}, {token}. Set HF_TOKEN to a token that may read it, from {page}.',
    help: 'The token is missing, is no longer valid, or belongs to an account that may not read the model. Nothing was downloaded.',
  },
  HUB_UNREACHABLE: {
    status: 503,
    retryable: true,
    message: 'The hub at {endpoint} cannot be reached: {reason}. Check the network, or name a folder instead.',
    help: 'The connection failed, and the cache has no complete copy. The next attempt continues an interrupted download.',
  },
  HUB_OFFLINE: {
    status: 404,
    retryable: false,
    message:
      'HF_HUB_OFFLINE is set and {cache} holds no complete copy of {reference}. Unset it, and pull the model once.',
    help: 'With HF_HUB_OFFLINE only the cache is used, and it lacks the model or a part of it.',
  },
  HUB_FAILED: {
    status: 502,
    retryable: true,
    message: 'The hub answered {url} with status {status}: {reason}. Try again later.',
    help: 'The hub, or a proxy in front of it, failed. The next attempt continues an interrupted download.',
  },
  HUB_RESPONSE_INVALID: {
    status: 502,
    retryable: false,
    message: 'The answer of {endpoint} about {name} cannot be used: {reason}. Check HF_ENDPOINT.',
    help: 'The server is not a hub, or its listing has impossible paths or checksums. Nothing was written.',
  },
  HUB_CHECKSUM_MISMATCH: {
    status: 502,
    retryable: true,
    message: '{file} of {name} arrived with {actual}, expected {expected}. Pull it again.',
    help: 'The downloaded bytes do not match the size or the hash that the hub lists. They were deleted. Complete files stay in the cache.',
  },
  HUB_NOTHING_TO_PULL: {
    status: 404,
    retryable: false,
    message: 'The model {name} has no {wanted}. It has: {files}. Choose other files by {option:include}.',
    help: 'The model has no file of a kind that Espalier downloads. Nothing was downloaded.',
  },
  HUB_DISK_FULL: {
    status: 507,
    retryable: true,
    message:
      'There is no room for {name} in {folder}: {needed} more are needed, {free} are free. Make room, or set HF_HUB_CACHE.',
    help: 'The disk is full, or the download would fill it. Downloaded bytes stay, and the next attempt continues from them.',
  },
} as const satisfies Record<string, CodeEntry>;
