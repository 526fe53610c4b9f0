// `espalier train` as one of several ranks, which a test can let end, stop itself or lose its network at a given sum over all ranks. WHY without the other
// commands: to load them takes longer than the training.
import { ProcessGroup } from '../../../collectives/index.ts';
import { trainCommand } from '../../commands/train.ts';
import { listenForInterrupt } from '../../interrupt.ts';
import { runProgram } from '../../program.ts';
import { prepareCut } from './cut-network.ts';
import { cutSignal, faultOf } from './rank-fault.ts';

process.on(cutSignal, prepareCut());
const fault = faultOf(process.env);
if (fault !== undefined) {
  // WHY Reflect: a method that is taken off its class is called with another `this` below.
  const allReduce = Reflect.get(ProcessGroup.prototype, 'allReduce') as ProcessGroup['allReduce'];
  let sums = 0;
  ProcessGroup.prototype.allReduce = function (values, op) {
    sums += 1;
    if (sums === fault.at) process.kill(process.pid, fault.signal);
    return allReduce.call(this, values, op);
  };
}
using interrupt = listenForInterrupt();
process.exitCode = await runProgram(process.argv.slice(2), {
  commands: [trainCommand],
  version: '0.0.0',
  streams: process,
  signal: interrupt.signal,
});
