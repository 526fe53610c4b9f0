// What must be true of manifests beyond their schemas. Pure functions: objects in, problems out.

/** Objects of one kind. */
const ofKind = (objects, kind) => objects.filter((one) => one.kind === kind);

/** The value that follows an option of a container. */
function optionOf(container, name) {
  const at = container.args.indexOf(name);
  return at < 0 ? undefined : container.args[at + 1];
}

const isSubset = (part, whole) => Object.entries(part).every(([key, value]) => whole?.[key] === value);

/** @returns what is wrong, in words */
export function problemsOf(objects) {
  const problems = [];
  const expect = (isSo, words) => void (isSo || problems.push(words));
  for (const image of imagesOf(objects)) {
    expect(/@sha256:[0-9a-f]{64}$/.test(image), `the image ${image} is not named by its digest`);
  }
  for (const { spec, metadata } of ofKind(objects, 'Deployment')) {
    const pod = spec.template.spec;
    const labels = spec.template.metadata.labels;
    expect(isSubset(spec.selector.matchLabels, labels), 'the deployment does not select its own pods');
    expect(spec.strategy.rollingUpdate.maxUnavailable === 0, 'a replica may go before another one is ready');
    expect(pod.securityContext.runAsNonRoot === true, 'the pod may run as root');
    expect(pod.securityContext.seccompProfile?.type === 'RuntimeDefault', 'no profile for seccomp');
    expect(pod.automountServiceAccountToken === false, 'the pod gets a token of the cluster');
    for (const container of pod.containers) problems.push(...problemsOfContainer(container, pod));
    for (const policy of [...ofKind(objects, 'PodDisruptionBudget'), ...ofKind(objects, 'Service')]) {
      const selector = policy.spec.selector.matchLabels ?? policy.spec.selector;
      expect(isSubset(selector, labels), `the ${policy.kind} selects other pods`);
    }
    for (const policy of ofKind(objects, 'NetworkPolicy')) {
      expect(isSubset(policy.spec.podSelector.matchLabels, labels), `${policy.metadata.name} selects other pods`);
    }
    for (const scaler of ofKind(objects, 'HorizontalPodAutoscaler')) {
      expect(scaler.spec.scaleTargetRef.name === metadata.name, 'the autoscaler scales something else');
      for (const budget of ofKind(objects, 'PodDisruptionBudget')) {
        const isFree = budget.spec.minAvailable < scaler.spec.minReplicas;
        expect(isFree, 'the disruption budget keeps every replica, so that no node can be emptied');
      }
    }
    for (const pool of ofKind(objects, 'InferencePool')) {
      const ports = pod.containers.flatMap((one) => one.ports.map(({ containerPort }) => containerPort));
      expect(isSubset(pool.spec.selector.matchLabels, labels), 'the pool selects other pods');
      expect(
        pool.spec.targetPorts.every(({ number }) => ports.includes(number)),
        'the pool asks at a port that nobody has',
      );
    }
  }
  expect(ofKind(objects, 'Secret').length === 0, 'a secret lies in a manifest');
  return problems;
}

function problemsOfContainer(container, pod) {
  const problems = [];
  const expect = (isSo, words) => void (isSo || problems.push(words));
  const { securityContext: own, readinessProbe: ready } = container;
  expect(own.readOnlyRootFilesystem === true, 'the root file system can be written to');
  expect(own.allowPrivilegeEscalation === false, 'privileges can grow');
  expect(own.capabilities.drop.includes('ALL'), 'capabilities are kept');
  expect(container.resources.limits?.memory !== undefined, 'no limit of memory');
  const [delay, drain] = ['--shutdown-delay', '--drain-timeout'].map((name) => Number(optionOf(container, name)));
  const grace = pod.terminationGracePeriodSeconds;
  expect(delay + drain < grace, `it is killed after ${grace} s, and may take ${delay} s and ${drain} s`);
  const noticed = ready.periodSeconds * ready.failureThreshold;
  expect(noticed + ready.timeoutSeconds < delay, `it ends after ${delay} s, before it is seen not to be ready`);
  expect(ready.httpGet.path === '/health/ready', 'it is not asked whether it is ready');
  for (const variable of container.env ?? []) {
    const isSecret = /KEY|TOKEN|SECRET|PASSWORD/.test(variable.name);
    expect(!isSecret || variable.valueFrom?.secretKeyRef !== undefined, `${variable.name} stands in the manifest`);
  }
  const volumes = new Set(pod.volumes.map(({ name }) => name));
  for (const { name } of container.volumeMounts) expect(volumes.has(name), `there is no volume ${name}`);
  const names = container.ports.map(({ name }) => name);
  expect(names.includes(ready.httpGet.port), 'readiness is asked at a port that nobody has');
  return problems;
}

/** Every image that an object names, wherever. */
export function imagesOf(objects) {
  const found = [];
  const visit = (value) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'image' && typeof inner === 'string') found.push(inner);
      else visit(inner);
    }
  };
  visit(objects);
  return found;
}

/** Changes that make manifests wrong, each with a word of the problem that must be found. */
export const faults = [
  ['an image by its tag', 'digest', (d) => (d.spec.template.spec.containers[0].image = 'espalier:latest')],
  ['a root that can be written to', 'root file', (d) => (container(d).securityContext.readOnlyRootFilesystem = false)],
  ['root', 'as root', (d) => (d.spec.template.spec.securityContext.runAsNonRoot = false)],
  ['too little time to end', 'killed', (d) => (d.spec.template.spec.terminationGracePeriodSeconds = 45)],
  [
    'no delay of the end',
    'before it is seen',
    (d) => container(d).args.splice(container(d).args.indexOf('10'), 1, '0'),
  ],
  ['a key in the manifest', 'stands', (d) => (container(d).env[0] = { name: 'ESPALIER_API_KEY', value: 'k' })],
  ['a volume that is not there', 'no volume', (d) => d.spec.template.spec.volumes.pop()],
  ['other labels', 'selects other', (d) => (d.spec.template.metadata.labels['app.kubernetes.io/name'] = 'other')],
  ['a replica that goes first', 'before another', (d) => (d.spec.strategy.rollingUpdate.maxUnavailable = 1)],
  [
    'readiness of the process alone',
    'whether it is ready',
    (d) => (container(d).readinessProbe.httpGet.path = '/health'),
  ],
];

function container(deployment) {
  return deployment.spec.template.spec.containers[0];
}
