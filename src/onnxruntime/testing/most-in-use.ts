import { handle, pointer } from '../../native/index.ts';
import { ort, receive } from '../ffi/ort.ts';
import type { Session } from '../session.ts';

/** @returns the most bytes that were in use in the session's memory on the CPU at any moment, weights that it has copied included */
export function mostInUse(session: Session): number {
  const { api, hostMemory } = ort();
  session[handle].assertOpen();
  const allocator = receive((out) => api.CreateAllocator(session[pointer], hostMemory, out));
  const stats = receive((out) => api.AllocatorGetStats(allocator, out));
  try {
    return Number(api.GetKeyValue(stats, 'MaxInUse'));
  } finally {
    api.ReleaseKeyValuePairs(stats);
    api.ReleaseAllocator(allocator);
  }
}
