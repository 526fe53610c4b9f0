import type { EventEmitter } from 'node:events';

interface Streams {
  readonly stdout: Pick<EventEmitter, 'on'>;
  readonly stderr: Pick<EventEmitter, 'on'>;
  readonly exit: (code: number) => void;
}

/**
 * Lets those go who read what a command writes. A reader of answers, such as `| head`, may close its pipe early: nothing is left to be
 * done. A reader of remarks and of a server's log may end or be started again, and must not take the server along.
 */
export function allowClosedPipes({ stdout, stderr, exit }: Streams): void {
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    exit(0);
  });
  stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
