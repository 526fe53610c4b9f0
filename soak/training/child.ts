// Trains with checkpoints: `node child.js JSON`. It ends itself by SIGKILL before a given write, or is ended by its parent.
import { writeSync } from 'node:fs';
import { openEnvironment } from '../../src/onnxruntime/index.ts';
import { resolveConfig, runTraining } from '../../src/train/index.ts';
import { AdamW } from '../../src/train/optimizer/adamw.ts';
import type { TrainingOrder } from './killed-training.ts';

// WHY as: the order is written by killed-training.ts.
const { flags, killAt, fullFrom, isBroken } = JSON.parse(process.argv[2] ?? '') as TrainingOrder;
if (isBroken === true) AdamW.prototype.resume = () => undefined;

let writes = 0;
using environment = openEnvironment({ threads: 1 });
await runTraining(resolveConfig({ flags }), {
  environment,
  onEvent: (event) => writeSync(1, `${event.kind === 'warned' ? `warned: ${event.message}` : event.kind}\n`),
  beforeWrite: () => {
    writes += 1;
    if (writes === killAt) process.kill(process.pid, 'SIGKILL');
    if (fullFrom !== undefined && writes >= fullFrom) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
  },
});
writeSync(1, `writes ${writes}\n`);
