// Validators by kind: the schemas that Kubernetes and its operators publish, and what we use of three that no package carries.
import Ajv from 'ajv';
import { Deployment } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, PersistentVolumeClaim, Service } from 'kubernetes-models/v1';
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const published = [
  Deployment,
  HorizontalPodAutoscaler,
  NetworkPolicy,
  PodDisruptionBudget,
  ConfigMap,
  PersistentVolumeClaim,
  Service,
  HTTPRoute,
  PodMonitor,
];

const object = (required, optional = {}) => ({
  type: 'object',
  required: Object.keys(required),
  properties: { ...required, ...optional },
  additionalProperties: false,
});
const text = { type: 'string', minLength: 1 };
const texts = { type: 'array', items: text, minItems: 1 };
const port = { type: 'integer', minimum: 1, maximum: 65_535 };
const labels = { type: 'object', additionalProperties: { type: 'string', maxLength: 63 }, minProperties: 1 };
const quantities = {
  type: 'object',
  additionalProperties: { type: 'string', pattern: '^\\d+(\\.\\d+)?(m|Ki|Mi|Gi)?$' },
};

/** The fields of these kinds that the manifests use, and no others. */
const ours = {
  'inference.networking.k8s.io/v1 InferencePool': object({
    selector: object({ matchLabels: labels }),
    targetPorts: { type: 'array', items: object({ number: port }), minItems: 1 },
    endpointPickerRef: object(
      { name: text, port: object({ number: port }) },
      { failureMode: { enum: ['FailOpen', 'FailClose'] } },
    ),
  }),
  'inference.networking.x-k8s.io/v1alpha2 InferenceObjective': object(
    { poolRef: object({ name: text }, { group: text, kind: text }) },
    { priority: { type: 'integer' } },
  ),
  'trainer.kubeflow.org/v1alpha1 TrainJob': object({
    runtimeRef: object(
      { name: text },
      { apiGroup: text, kind: { enum: ['ClusterTrainingRuntime', 'TrainingRuntime'] } },
    ),
    trainer: object(
      { image: text, command: texts, args: texts },
      {
        numNodes: { type: 'integer', minimum: 1 },
        resourcesPerNode: object({ requests: quantities }, { limits: quantities }),
      },
    ),
  }),
};

const ajv = new Ajv({ allErrors: true });
const compiled = new Map(Object.entries(ours).map(([kind, schema]) => [kind, ajv.compile(schema)]));

/**
 * A program whose types are right only if every object has the fields of its kind and no others. WHY besides the schemas: they let fields
 * pass that nobody knows, as a cluster does.
 */
export function typedProgram(objects) {
  const places = new Map([
    ['apps/v1', 'kubernetes-models/apps/v1'],
    ['autoscaling/v2', 'kubernetes-models/autoscaling/v2'],
    ['networking.k8s.io/v1', 'kubernetes-models/networking.k8s.io/v1'],
    ['policy/v1', 'kubernetes-models/policy/v1'],
    ['v1', 'kubernetes-models/v1'],
    ['gateway.networking.k8s.io/v1', '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'],
    ['monitoring.coreos.com/v1', '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  ]);
  return objects
    .filter(({ apiVersion }) => places.has(apiVersion))
    .map((one) => `(${JSON.stringify(one, null, 1)}) satisfies import('${places.get(one.apiVersion)}').I${one.kind};`)
    .join('\n');
}

/** @throws what is wrong with an object, or that nobody knows its kind */
export function validate({ apiVersion, kind, ...content }) {
  const known = published.find((one) => one.apiVersion === apiVersion && one.kind === kind);
  if (known !== undefined) return void new known(content).validate();
  const check = compiled.get(`${apiVersion} ${kind}`);
  if (check === undefined) throw new Error(`no schema for ${kind} of ${apiVersion}`);
  if (!check(content.spec)) throw new Error(ajv.errorsText(check.errors));
}
