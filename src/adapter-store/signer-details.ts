import type { AdapterEvent } from '../core/index.ts';
import type { Vouched } from '../trust/index.ts';

/** What the event of an adapter says of the person who vouches for it. */
export function signerDetails(vouched: Vouched | undefined): Pick<AdapterEvent, 'details'> {
  const { signer, key } = vouched ?? {};
  return signer === undefined || key === undefined ? {} : { details: { signer, key } };
}
