import { stringify } from 'yaml';
import { apiVersion } from './manifest-schema.ts';

/** A fleet as its first manifest says it. */
export interface NewFleet {
  readonly name: string;
  readonly base: { readonly name: string; readonly fingerprint: string };
  readonly adapters: readonly {
    readonly name: string;
    readonly digest: string;
    /** Relative to the manifest, or to the folder that the server is given. */
    readonly place: { readonly path: string } | { readonly folder: string };
  }[];
}

const head = `# The form: docs/fleet.md and docs/fleet.schema.json of Espalier.
# What a fleet of Espalier serves. A server follows it with: espalier serve BASE --store DIR --fleet <repository>
`;

/** Writes a manifest that declares what is there: each adapter under its name. The same adapter under several names is listed once. */
export function formatManifest({ name, base, adapters }: NewFleet): string {
  const versions = new Map(adapters.map(({ digest, place }) => [digest, place]));
  const manifest = {
    apiVersion,
    kind: 'Fleet',
    metadata: { name },
    spec: {
      bases: [base],
      adapters: [...versions].map(([digest, place]) => ({ digest: `sha256:${digest}`, ...place })),
      aliases: adapters.map((adapter) => ({ name: adapter.name, digest: `sha256:${adapter.digest}` })),
      ...(adapters.length === 0 && { allowEmpty: true }),
    },
  };
  return `${head}${stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}
