import type { Mpi, MpiRequest } from '../../../native/index.ts';

/** A message that is on its way. */
export type Pending = MpiRequest;

/** What the transport needs of MPI: messages between two processes, which are done when they are asked about and never waited for. */
export type MessagePassing = Pick<Mpi, 'send' | 'receive' | 'isDone' | 'cancel' | 'close'>;

/** What messages are about. */
export const tags = { control: 1, header: 2, payload: 3 } as const;
