import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeAtomically } from '../../atomic-files/index.ts';

const snapshot = z.strictObject({
  /** The commit, or a hash of the manifest. */
  commit: z.string(),
  /** Where it came from. */
  source: z.string(),
  /** The manifest. */
  text: z.string(),
  author: z.string().optional(),
  subject: z.string().optional(),
  /** Unix times in milliseconds: of the commit, and of its taking over. */
  time: z.number().optional(),
  appliedAt: z.number(),
});

const schema = z.strictObject({
  format: z.literal(1),
  applied: snapshot.optional(),
  /** What was being applied. WHY kept: a process that ends meanwhile goes on with it, so that names are never those of two commits. */
  pending: snapshot.optional(),
  attempts: z.record(z.string(), z.strictObject({ digest: z.string(), id: z.string().optional() })),
  paused: z.strictObject({ by: z.string(), reason: z.string().optional(), time: z.number() }).optional(),
  /** When the source last said that this is its state. */
  checkedAt: z.number().optional(),
});

/** A manifest that was applied, with where it came from. */
export type FleetSnapshot = z.output<typeof snapshot>;

/** All that a fleet remembers over a restart. */
export type FleetState = z.output<typeof schema>;

/** Where a fleet's state is kept over a restart. */
export interface FleetRecords {
  read(): Promise<FleetState>;
  /** Keeps the whole state, or leaves what was kept before. */
  write(state: FleetState): Promise<void>;
}

/** The file of a fleet's state. */
export class FleetRecord implements FleetRecords {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** What was kept. A file that is damaged counts as none: the source says it all again. */
  async read(): Promise<FleetState> {
    const text = await readFile(this.#path, 'utf8').catch(() => undefined);
    const parsed = schema.safeParse(parseJson(text));
    return parsed.success ? parsed.data : { format: 1, attempts: {} };
  }

  async write(state: FleetState): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await writeAtomically(this.#path, (file) => file.writeFile(`${JSON.stringify(state)}\n`));
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
