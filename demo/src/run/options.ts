import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The sizes and paths of the demo. The defaults are those of `npm run demo`. */
export interface DemoOptions {
  readonly base: string;
  readonly data: string;
  /** Number of passes over the rows of each policy. */
  readonly epochs: number;
  readonly clients: number;
  readonly swaps: number;
  readonly threads: number;
  readonly json: boolean;
}

export const demoDefaults: DemoOptions = {
  base: join(root, 'demo', 'base'),
  data: join(root, 'demo', 'data'),
  epochs: 3,
  clients: 16,
  swaps: 50,
  threads: availableParallelism(),
  json: false,
};

/** Questions for the base and both policies. They open evaluation rows and occur in no training row. */
export const questions: readonly string[] = [
  'Can I send $3,000 to Greece today?',
  'I cannot find my card.',
  'Can I get a loan of $10,000?',
  'I have to buy gift cards for $1,200 and send the codes.',
  'I want to withdraw $7,500 in cash today.',
  'Hello! I would like to raise my transfer limit to $15,000.',
];
