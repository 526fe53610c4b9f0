import koffi from 'koffi';
import { loadNative } from './load-native.js';

/** Whether another program has the file open for writing; `unknown` where the system does not say. */
export type OpenWriters = 'none' | 'some' | 'unknown';

type Control = (descriptor: number, command: number, argument: number) => number;

// WHY module state: a binding to libc lasts as long as the process. It is created at its first use.
let binding: Control | undefined;

const commands = { setSignal: 10, setLease: 1024 };
const leases = { read: 0, none: 2 };
/** WHY this signal: by default it is ignored. A lease that is broken otherwise raises SIGIO, which ends a process. */
const ignoredSignal = 23;

/**
 * Whether anyone writes to an open file, on Linux. The system grants a read lease only on a file that nobody has open for writing. The
 * lease is given back at once. Only the owner of a file may take one, and network disks have none.
 *
 * @param descriptor  open for reading only
 */
export function openWriters(descriptor: number): OpenWriters {
  binding ??= bind();
  if (binding(descriptor, commands.setSignal, ignoredSignal) !== 0) return 'unknown';
  if (binding(descriptor, commands.setLease, leases.read) === 0) {
    binding(descriptor, commands.setLease, leases.none);
    return 'none';
  }
  return koffi.errno() === koffi.os.errno['EAGAIN'] ? 'some' : 'unknown';
}

function bind(): Control {
  // SIGURG is 23 on these; others of Linux' processors have other numbers.
  const isKnown = process.platform === 'linux' && ['x64', 'arm64', 'arm', 'ia32', 'riscv64'].includes(process.arch);
  if (!isKnown) return () => -1;
  try {
    const fcntl = loadNative('libc.so.6').func('fcntl', 'int', ['int', 'int', '...']);
    return (descriptor, command, argument) => Number(fcntl(descriptor, command, 'int', argument));
  } catch {
    return () => -1;
  }
}
