import type { CodeEntry } from './code-entry.ts';

/** Errors of `fleet`. Retired codes are never reused. */
export const fleetCodes = {
  FLEET_INVALID: {
    status: 400,
    retryable: false,
    message: 'fleet.yaml cannot be used: {place}: {problem}',
    help: 'The manifest of a fleet breaks a rule of its form (docs/fleet.md, docs/fleet.schema.json). Nothing was changed: the state before serves on. Correct the manifest in a new commit.',
  },
  FLEET_EMPTY: {
    status: 400,
    retryable: false,
    message:
      'fleet.yaml declares no alias, which would take {count} names out of service. If that is meant, write `allowEmpty: true` below `spec`.',
    help: 'A manifest without aliases is more often a mistake than a wish. Nothing was changed.',
  },
  FLEET_BASE_MISMATCH: {
    status: 409,
    retryable: false,
    message: 'fleet.yaml is for bases with the fingerprints {expected}, but this server serves the base {actual}.',
    help: 'A server applies a manifest only if its own base is one of those in `spec.bases`. Nothing was changed. `espalier fleet init` writes the fingerprint of a base.',
  },
  FLEET_ADAPTER_MISSING: {
    status: 404,
    retryable: true,
    message: 'The version {version} of the alias {alias} cannot be had: {problem}',
    help: 'A digest that is declared is neither in the store of the server nor at the place that the manifest names. Nothing was changed. Commit or copy the adapter there, or upload it with `espalier adapter upload`.',
  },
  FLEET_DIGEST_MISMATCH: {
    status: 409,
    retryable: false,
    message: 'The adapter at {path} has the digest {actual}, but fleet.yaml says {expected}.',
    help: 'The files are others than those that the manifest pins. Nothing was changed. Correct the digest or the files in a new commit.',
  },
  FLEET_KEY_MISSING: {
    status: 409,
    retryable: false,
    message: 'fleet.yaml expects the keys {missing}, which the file of keys of this server does not have.',
    help: '`spec.keys` lists the names of keys that must be there, so that callers are not locked out. Nothing was changed. Add the keys with `espalier keys add`, or take the names out of the manifest.',
  },
  FLEET_SOURCE_INVALID: {
    status: 400,
    retryable: false,
    message: '{source} is no source of a fleet: expected {expected}.',
    help: 'A fleet comes from a Git repository (`file:///path`, `ssh://host/path` or `https://host/path`) or from a folder, each with `#folder` where fleet.yaml is not at the root.',
  },
  FLEET_SOURCE_UNREACHABLE: {
    status: 503,
    retryable: true,
    message: '{source} cannot be read: {problem}',
    help: 'The repository or the folder of the fleet cannot be reached, or holds no fleet.yaml. What was applied last serves on; its age is in `espalier fleet status` and in the metric `espalier_fleet_snapshot_age_seconds`. The server tries again by itself.',
  },
  FLEET_SIGNATURE_INVALID: {
    status: 403,
    retryable: false,
    message: 'The commit {commit} is not taken: {problem}',
    help: 'The server was given a list of signers (`--fleet-signers`), and the commit is not signed by one of them. Nothing was changed. Sign the commit with a key of the list. A key that has expired, or was revoked, signs nothing.',
  },
  FLEET_SIGNERS_INVALID: {
    status: 400,
    retryable: false,
    message: '{path} cannot be used as the list of signers of the fleet: {problem}.',
    help: '`--fleet-signers` names a file or a folder of files, each with lines of allowed signers for SSH keys or with armoured OpenPGP keys (docs/fleet.md). SSH keys need `ssh-keygen` on the machine, OpenPGP keys `gpg`. A server does not start with a list that it cannot use; if the list breaks while it runs, no commit is taken.',
  },
  FLEET_FOLLOWED: {
    status: 409,
    retryable: false,
    message: 'This server follows {source}, so a manifest is not applied by hand. Commit it there, or pause first.',
    help: 'What is applied by hand would be put back at the next look at the repository. `espalier fleet pause` stops that.',
  },
  FLEET_MISSING: {
    status: 409,
    retryable: false,
    message: 'This server has no fleet: {problem}',
    help: 'A fleet needs a server that generates text and has a store (`espalier serve BASE --store DIR`); what is paused or resumed is the following of a source (`--fleet`).',
  },
} as const satisfies Record<string, CodeEntry>;
