import { createHmac } from 'node:crypto';

/** What is signed. */
export interface SignedParts {
  readonly id: string;
  /** Unix time in seconds. */
  readonly timestamp: number;
  readonly body: string;
}

/** The bytes of a secret: those behind `whsec_` in base64, and otherwise the text itself. */
export function secretBytes(secret: string): Buffer {
  const prefix = 'whsec_';
  return secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : Buffer.from(secret);
}

/**
 * The headers of a webhook: HMAC with SHA-256 of `id.timestamp.body`.
 * @see the Standard Webhooks specification, "Signature scheme"
 */
export function webhookHeaders(secret: string, { id, timestamp, body }: SignedParts): Record<string, string> {
  const signature = createHmac('sha256', secretBytes(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
