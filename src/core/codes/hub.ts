import type { CodeEntry } from './code-entry.ts';

/** Errors of `hub`. Retired codes are never reused. */
export const hubCodes = {
  HUB_REFERENCE_INVALID: {
    status: 400,
    retryable: false,
    message: '{reference} names no model of the hub: {reason}. Write hf:org/name or hf:org/name@revision.',
    help: 'A reference to a model on the hub is misspelt. Nothing was asked for.',
  },
  HUB_REPOSITORY_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'The hub at {endpoint} shows no model {name}. Check its name; if it is private, set HF_TOKEN.',
    help: 'The hub gives the same answer for a model that does not exist and for a private one that the token may not see. Nothing was downloaded.',
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
    message: 'The hub lists {file} of {name} and does not give it. Try again later.',
    help: 'A file that the listing of a model names cannot be downloaded. What was complete before stays in the cache.',
  },
  HUB_GATED: {
    status: 403,
    retryable: false,
    message:
      'The model {name} is given only to those who accept its terms. Accept them at {page}, and set HF_TOKEN to a token of that account.',
    help: 'The authors of the model ask for an agreement first. Nothing was downloaded.',
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
    help: 'No connection could be made, and the cache holds no complete copy to use instead. A download that had begun goes on from where it broke.',
  },
  HUB_OFFLINE: {
    status: 404,
    retryable: false,
    message:
      'HF_HUB_OFFLINE is set and {cache} holds no complete copy of {reference}. Unset it, and pull the model once.',
    help: 'Only the cache may be used, and the model or a part of it is not there.',
  },
  HUB_FAILED: {
    status: 502,
    retryable: true,
    message: 'The hub answered {url} with status {status}: {reason}. Try again later.',
    help: 'The hub, or what stands before it, had an error of its own. A download that had begun goes on from where it broke.',
  },
  HUB_RESPONSE_INVALID: {
    status: 502,
    retryable: false,
    message: 'What {endpoint} says of {name} cannot be used: {reason}. Check HF_ENDPOINT.',
    help: 'The answer is not what a hub gives: another server, or a listing with impossible paths or checksums. Nothing was written.',
  },
  HUB_CHECKSUM_MISMATCH: {
    status: 502,
    retryable: true,
    message: '{file} of {name} arrived with {actual}, expected {expected}. Pull it again.',
    help: 'The bytes are not those that the hub lists. They were thrown away; files that were complete stay.',
  },
  HUB_NOTHING_TO_PULL: {
    status: 404,
    retryable: false,
    message: 'The model {name} has no {wanted}. It has: {files}. Choose other files by {option:include}.',
    help: 'None of the files of the model is of the kinds that are pulled. Nothing was downloaded.',
  },
  HUB_DISK_FULL: {
    status: 507,
    retryable: true,
    message:
      'There is no room for {name} in {folder}: {needed} more are needed, {free} are free. Make room, or set HF_HUB_CACHE.',
    help: 'The disk is full, or would be. What has arrived stays, and the download goes on from there.',
  },
} as const satisfies Record<string, CodeEntry>;
