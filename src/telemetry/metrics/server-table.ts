import type { MetricTable } from './definition.ts';

/** Bounds of the conventions for generative AI. @see OpenTelemetry, semantic conventions for generative AI, metrics of servers */
const durations = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92] as const;
const firstToken = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const;
/** WHY from 0.5 ms, where the conventions begin at 10: the models that are served here are small. */
const eachToken = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5,
] as const;
const changes = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

/** Every series that a server has. `docs/metrics.md` says what each is for. */
export const serverTable = {
  // What routers of the Gateway API read, under the names that they look for.
  'vllm:num_requests_running': { kind: 'gauge', help: 'Sequences that run.', labels: ['model_name'] },
  'vllm:num_requests_waiting': { kind: 'gauge', help: 'Sequences that wait for a slot.', labels: ['model_name'] },
  'vllm:kv_cache_usage_perc': {
    kind: 'gauge',
    help: 'Share of the keys and values of all slots that is used, from 0 to 1.',
    labels: ['model_name'],
  },
  'vllm:lora_requests_info': {
    kind: 'gauge',
    help: 'Adapters that requests use and wait for. The value is the time at which it was read, in Unix seconds.',
    labels: ['max_lora', 'running_lora_adapters', 'waiting_lora_adapters'],
  },
  'vllm:lora_adapter_loaded': {
    kind: 'gauge',
    help: 'Adapters in memory: gpu where runs read them, cpu where they are only kept.',
    labels: ['adapter_name', 'level', 'pinned'],
  },
  'vllm:num_gpu_loaded_lora_adapters': {
    kind: 'gauge',
    help: 'Versions of adapters that are where runs read them.',
    labels: ['model_name'],
  },
  'vllm:num_cpu_loaded_lora_adapters': {
    kind: 'gauge',
    help: 'Versions of adapters whose weights are kept in memory.',
    labels: ['model_name'],
  },
  'vllm:max_gpu_lora_adapters': {
    kind: 'gauge',
    help: 'Adapters that can run at once, one for each slot.',
    labels: ['model_name'],
  },
  'vllm:lora_adapter_load_seconds': {
    kind: 'histogram',
    help: 'Time to read the weights of an adapter into memory.',
    buckets: changes,
  },
  device_up: {
    kind: 'gauge',
    help: 'Whether a device that is plugged in works. Each adapter is one.',
    labels: ['type', 'id'],
  },

  // The server.
  espalier_build_info: { kind: 'gauge', help: 'Always 1.', labels: ['version', 'node'] },
  espalier_ready: { kind: 'gauge', help: 'Whether the server takes requests.' },
  espalier_http_requests_total: {
    kind: 'counter',
    help: 'Requests by route and status; 499 where the caller left before the end of the answer.',
    labels: ['method', 'route', 'status'],
  },
  espalier_http_request_duration_seconds: {
    kind: 'histogram',
    help: 'Time from the head of a request to the end of its answer.',
    labels: ['route'],
    buckets: durations,
  },
  espalier_trace_spans_total: {
    kind: 'counter',
    help: 'Spans that were made, sent, and not taken by the collector (failed). Other ones wait, or were dropped.',
    labels: ['state'],
  },

  // Generation.
  espalier_slots: { kind: 'gauge', help: 'Sequences that can run at once.' },
  espalier_requests_accepted_total: { kind: 'counter', help: 'Sequences that the engine took.' },
  espalier_requests_total: {
    kind: 'counter',
    help: 'Sequences that ended or were refused, those of roll-outs included.',
    labels: ['outcome'],
  },
  espalier_requests_preempted_total: { kind: 'counter', help: 'Sequences that lost their slot and ran again.' },
  espalier_prompt_tokens_total: { kind: 'counter', help: 'Tokens of prompts that were run.' },
  espalier_generated_tokens_total: { kind: 'counter', help: 'Tokens that were generated.' },
  espalier_decode_steps_total: {
    kind: 'counter',
    help: 'Decode steps by the number of sequences in them.',
    labels: ['batch_size'],
  },
  espalier_queue_seconds: { kind: 'histogram', help: 'Time from arrival to the first run.', buckets: durations },
  espalier_time_to_first_token_seconds: {
    kind: 'histogram',
    help: 'Time from arrival to the first token.',
    buckets: firstToken,
  },
  espalier_time_per_output_token_seconds: {
    kind: 'histogram',
    help: 'Time of each token after the first, on average over an answer.',
    buckets: eachToken,
  },
  espalier_request_duration_seconds: {
    kind: 'histogram',
    help: 'Time from arrival to the last token.',
    buckets: durations,
  },
  espalier_prefix_asked_tokens_total: { kind: 'counter', help: 'Tokens of prompts that were looked up.' },
  espalier_prefix_hit_tokens_total: { kind: 'counter', help: 'Tokens of prompts that were kept and not run again.' },
  espalier_prefix_damaged_blocks_total: { kind: 'counter', help: 'Kept blocks whose checksum was wrong.' },
  espalier_prefix_bytes: { kind: 'gauge', help: 'Memory of what is kept of prompts.' },

  // Adapters.
  espalier_adapters: { kind: 'gauge', help: 'Names of adapters by state.', labels: ['state'] },
  espalier_adapters_folded: {
    kind: 'gauge',
    help: 'Names beyond the limit, whose series are added up as adapter="other".',
  },
  espalier_adapter_events_total: {
    kind: 'counter',
    help: 'What happened to adapters, as the channel espalier:adapter tells it.',
    labels: ['event', 'result'],
  },
  espalier_adapter_failures_total: {
    kind: 'counter',
    help: 'Events with an error, by its code.',
    labels: ['event', 'code'],
  },
  espalier_adapter_change_seconds: {
    kind: 'histogram',
    help: 'Time of a load, a swap, a roll-back, a verification or a reading.',
    labels: ['event'],
    buckets: changes,
  },
  espalier_adapter_activations_total: { kind: 'counter', help: 'Copies of adapters to where runs read them.' },
  espalier_adapter_rows: { kind: 'gauge', help: 'Rank rows for adapters.' },
  espalier_adapter_rows_used: { kind: 'gauge', help: 'Rank rows of the adapters that sequences use.' },
  espalier_adapter_memory_bytes: { kind: 'gauge', help: 'Memory of the weights that are kept.' },
  espalier_adapter_memory_limit_bytes: { kind: 'gauge', help: 'Memory that the weights may take.' },
  espalier_adapter_info: {
    kind: 'gauge',
    help: 'Always 1; the version that a name points to, and its state.',
    labels: ['adapter', 'version', 'state'],
  },
  espalier_adapter_resident: {
    kind: 'gauge',
    help: 'Whether the weights are in memory.',
    labels: ['adapter'],
  },
  espalier_adapter_active: {
    kind: 'gauge',
    help: 'Whether the weights are where runs read them.',
    labels: ['adapter'],
  },
  espalier_adapter_resident_bytes: { kind: 'gauge', help: 'Memory of the weights.', labels: ['adapter'] },
  espalier_adapter_leases: {
    kind: 'gauge',
    help: 'Requests under this name that have not ended.',
    labels: ['adapter'],
  },
  espalier_adapter_draining: { kind: 'gauge', help: 'Names that take no new requests.', labels: ['adapter'] },
  espalier_adapter_requests_total: {
    kind: 'counter',
    help: 'Sequences, and requests to an encoder, that ended, by adapter. The base has its own name.',
    labels: ['adapter', 'outcome'],
  },
  espalier_adapter_tokens_total: {
    kind: 'counter',
    help: 'Tokens of them, by adapter.',
    labels: ['adapter', 'kind'],
  },
  espalier_breaker_state: {
    kind: 'gauge',
    help: 'Always 1; the state of the breaker of a version that was called.',
    labels: ['adapter', 'version', 'state'],
  },
  espalier_rollout_phase: { kind: 'gauge', help: 'Always 1; the phase of a roll-out.', labels: ['adapter', 'phase'] },
  espalier_rollout_step: { kind: 'gauge', help: 'The step of a roll-out, from 0.', labels: ['adapter'] },
  espalier_rollout_share_ratio: {
    kind: 'gauge',
    help: 'Share of the requests that the candidate answers.',
    labels: ['adapter'],
  },
  espalier_rollout_mirror_ratio: {
    kind: 'gauge',
    help: 'Share of the requests that the candidate runs unseen.',
    labels: ['adapter'],
  },
  espalier_rollout_comparisons: {
    kind: 'gauge',
    help: 'Requests of this step in which both versions were compared.',
    labels: ['adapter'],
  },
  espalier_rollout_kl_nats: {
    kind: 'gauge',
    help: 'Mean divergence of the candidate in this step, in nats for each position.',
    labels: ['adapter'],
  },
  espalier_rollout_agreement_ratio: {
    kind: 'gauge',
    help: 'Share of the positions at which both versions find the same token likeliest.',
    labels: ['adapter'],
  },

  // The policy.
  espalier_policy_refused: {
    kind: 'gauge',
    help: '1 while the file of the policy cannot be used, and the policy from before stays in force.',
  },

  // The fleet.
  espalier_fleet_snapshot_age_seconds: {
    kind: 'gauge',
    help: 'Time since the source of the fleet last said that what is applied is its state.',
  },
  espalier_fleet_look_seconds: {
    kind: 'gauge',
    help: 'Time since the look at the source of the fleet began that goes on, 0 between two looks.',
  },
  espalier_fleet_sync: {
    kind: 'gauge',
    help: 'Always 1; the commit that is applied, and how the fleet stands.',
    labels: ['commit', 'state'],
  },
  espalier_fleet_names: {
    kind: 'gauge',
    help: 'Names by how what is declared and what lives differ, at the last look.',
    labels: ['kind'],
  },

  // Fine-tuning jobs.
  espalier_jobs: {
    kind: 'gauge',
    help: 'Jobs by state; of those that ended, the latest.',
    labels: ['state'],
  },
  espalier_job_places: { kind: 'gauge', help: 'Jobs that can train at once.' },
  espalier_job_training_seconds_total: {
    kind: 'counter',
    help: 'Time for which processes of jobs have trained since the server began, those that train now included.',
  },

  // The process.
  process_start_time_seconds: { kind: 'gauge', help: 'When the process began, in Unix seconds.' },
  process_cpu_seconds_total: { kind: 'counter', help: 'Processor time of the process.' },
  process_resident_memory_bytes: { kind: 'gauge', help: 'Memory of the process that is in place.' },
  nodejs_heap_size_used_bytes: { kind: 'gauge', help: 'Memory of JavaScript that is used.' },
  nodejs_external_memory_bytes: { kind: 'gauge', help: 'Memory outside the heap that JavaScript holds.' },
  nodejs_eventloop_lag_p50_seconds: {
    kind: 'gauge',
    help: 'Delay of the event loop since the last reading, median.',
  },
  nodejs_eventloop_lag_p99_seconds: {
    kind: 'gauge',
    help: 'Delay of the event loop since the last reading, 99th percentile.',
  },
  nodejs_eventloop_lag_max_seconds: { kind: 'gauge', help: 'Longest delay of the event loop since the last reading.' },
} as const satisfies MetricTable;

export type ServerTable = typeof serverTable;
