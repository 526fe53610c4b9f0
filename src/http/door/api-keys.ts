import { createHash, timingSafeEqual } from 'node:crypto';
import { EspalierError } from '../../core/index.ts';
import type { RequestAccess } from './access.ts';

export interface ApiKeys {
  /** Key for every route that is not public; undefined leaves them open. */
  readonly apiKey?: string | undefined;
  /** Key for the routes of administration, in the place of `apiKey`; it opens all other routes too. */
  readonly adminApiKey?: string | undefined;
}

/** Checks the `Authorization` header of a request against what its route needs. */
export type KeyCheck = (access: RequestAccess, authorization: string | undefined) => void;

/** @throws EspalierError API_KEY_INVALID by the check, where a key is needed and another came or none */
export function createKeyCheck({ apiKey, adminApiKey }: ApiKeys): KeyCheck {
  const own = apiKey === undefined ? [] : [digest(apiKey)];
  const admin = adminApiKey === undefined ? [] : [digest(adminApiKey)];
  const accepted: Readonly<Record<RequestAccess, readonly Buffer[]>> = {
    public: [],
    inference: own.length === 0 ? [] : [...own, ...admin],
    admin: admin.length === 0 ? own : admin,
    unknown: [...own, ...admin],
  };
  return (access, authorization) => {
    const keys = accepted[access];
    if (keys.length === 0) return;
    if (authorization === undefined) throw new EspalierError('API_KEY_INVALID', { problem: 'missing' });
    const given = digest(authorization.replace(/^bearer\s+/i, ''));
    if (keys.some((key) => timingSafeEqual(key, given))) return;
    const isOther = own.some((key) => timingSafeEqual(key, given));
    throw new EspalierError('API_KEY_INVALID', { problem: isOther ? 'not that for administration' : 'wrong' });
  };
}

/** WHY hashes: they have one length, so that the time of a comparison tells nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
