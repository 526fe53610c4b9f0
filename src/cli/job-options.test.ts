import { afterEach, describe, expect, it, vi } from 'vitest';
import { jobSettingsOf } from './job-options.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the options for jobs', () => {
  it('become settings', () => {
    const url = 'https://example.com/hook';
    const given = { jobs: 'j', maxJobs: 2, jobThreads: 3, jobMemory: 4, jobWebhook: url, jobWebhookSecret: 'whsec_a' };
    expect(jobSettingsOf(given)).toEqual({
      dir: 'j',
      maxJobs: 2,
      threads: 3,
      memory: 4 * 2 ** 20,
      webhook: { url, secret: 'whsec_a' },
    });
    expect(jobSettingsOf({})).toBeUndefined();
  });

  it('take the secret of webhooks from the environment', () => {
    vi.stubEnv('ESPALIER_WEBHOOK_SECRET', 'whsec_b');
    const { webhook } = jobSettingsOf({ jobs: 'j', jobWebhook: 'https://example.com/hook' }) ?? {};
    expect(webhook?.secret).toBe('whsec_b');
  });

  it.each([
    [{ maxJobs: 2 }, '--jobs beside --max-jobs'],
    [{ jobWebhookSecret: 'a' }, '--jobs beside --job-webhook-secret'],
    [{ jobs: 'j', jobWebhook: 'https://example.com/hook' }, '--job-webhook-secret'],
  ])('are refused where one is missing: %j', (given, problem) => {
    vi.stubEnv('ESPALIER_WEBHOOK_SECRET', '');
    expect(() => jobSettingsOf(given)).toThrow(problem);
  });
});
