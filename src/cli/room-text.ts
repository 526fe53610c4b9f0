import type { Server } from '../http/index.ts';

type Room = NonNullable<Server['room']>;

/** How many requests run at once, and what they may take. */
export function roomText({ slots, maxLength, bytesPerToken, bytesPerState, bytes, budget }: Room): string {
  const counted = (count: number): string => count.toLocaleString('en-US');
  const places = `  Room for ${counted(slots)} requests at once with up to ${counted(maxLength)} tokens each`;
  if (bytesPerToken === 0) return places;
  const megabytes = (count: number): string => counted(Math.ceil(count / 2 ** 20));
  const state = bytesPerState === 0 ? '' : ` and ${counted(bytesPerState)} bytes a request`;
  const size = `${counted(bytesPerToken)} bytes a token${state}, ${megabytes(bytes)} of ${megabytes(budget)} MB when all are full`;
  return `${places}: ${size}`;
}
