import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { allowClosedPipes } from './closed-pipes.ts';

function open() {
  const [stdout, stderr] = [new EventEmitter(), new EventEmitter()];
  const ended: number[] = [];
  allowClosedPipes({ stdout, stderr, exit: (code) => void ended.push(code) });
  return { stdout, stderr, ended };
}
const error = (code: string): Error => Object.assign(new Error(code), { code });

it('a reader of answers that goes ends the command, and is no error', () => {
  const { stdout, ended } = open();
  stdout.emit('error', error('EPIPE'));
  expect(ended).toEqual([0]);
});

it('a reader of the log that goes does not end a server', () => {
  const { stderr, ended } = open();
  for (let line = 0; line < 3; line++) stderr.emit('error', error('EPIPE'));
  expect(ended).toEqual([]);
});

it('other failures of both stay errors', () => {
  const { stdout, stderr } = open();
  for (const stream of [stdout, stderr]) expect(() => stream.emit('error', error('EIO'))).toThrow('EIO');
});
