// Changes a store, or a record, once it is told to: `node child.js FOLDER ACTION [broken]`. It is stopped, or its calls fail, meanwhile.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { addRecords } from './audit-program.ts';
import { act, type ActionName } from './store-program.ts';

const [folder = '', action = '', way] = process.argv.slice(2);
const isBroken = way === 'broken';
process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
if (action === 'audit') await addRecords(folder, (count) => writeSync(1, `kept ${count}\n`), { isBroken });
else await act(folder, action as ActionName, { isBroken });
