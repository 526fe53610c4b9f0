import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What the demo runs on and how hard it tries; the defaults are what `npm run demo` does. */
export interface DemoOptions {
  readonly base: string;
  readonly data: string;
  /** Passes over each policy's rows. */
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

/** What is asked of the base and of both policies: none of it stands in the training rows. */
export const questions: readonly string[] = [
  'Hi! I want to send $4,800 to a new payee today.',
  'I lost my card in Lisbon. What should I do?',
  'Can I have a loan of $12,000?',
  'Someone called me and asked for my password. Is that normal?',
  'Please raise my transfer limit to $9,000.',
  'I travel to Japan next week. Do I have to tell you?',
];
