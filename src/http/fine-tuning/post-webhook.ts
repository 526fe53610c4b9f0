import type { PostWebhook } from '../../jobs/index.ts';
import { fetchReason } from '../client/fetch-reason.ts';

/** Sends a webhook. WHY redirects are not followed: what is signed for one receiver must not go to another. */
export const postWebhook: PostWebhook = async (url, { headers, body, signal }) => {
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
    await answer.body?.cancel();
    return answer.status;
  } catch (cause) {
    throw new Error(fetchReason(cause), { cause });
  }
};
