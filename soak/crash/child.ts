// Changes a store once it is told to: `node child.js FOLDER ACTION [broken]`. It is stopped, or its calls fail, meanwhile.
import { once } from 'node:events';
import { act, type ActionName } from './store-program.ts';

const [folder = '', action = '', way] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
process.stdin.destroy();
await act(folder, action as ActionName, { isBroken: way === 'broken' });
