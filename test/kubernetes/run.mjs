// Builds the manifests as a cluster gets them, and checks them against the published schemas and against each other. Then each of many
// faults is made in them, and must be found.
//
//   npm ci --prefix test/kubernetes && node test/kubernetes/run.mjs
//
// It needs `kubectl` 1.21 or later (Debian 12 has an older one); KUBECTL may name the program. No cluster is asked.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { dockerFaults, problemsOfDockerfile } from './check-dockerfile.mjs';
import { faults, problemsOf } from './check-manifests.mjs';
import { typedProgram, validate } from './schemas.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const kubectl = process.env['KUBECTL'] ?? 'kubectl';
const problems = [];
const all = [];
let checked = 0;

const folder = mkdtempSync(join(tmpdir(), 'espalier-kubernetes-'));
try {
  cpSync(join(root, 'deploy/kubernetes'), folder, { recursive: true });
  // The overlay takes an adapter of yours; here it gets one of the tests.
  cpSync(join(root, 'test/golden/llama-d16/adapter'), join(folder, 'overlays/configmap/support'), { recursive: true });
  for (const name of ['base', 'overlays/configmap', 'overlays/monitoring', 'overlays/inference-gateway']) {
    checkObjects(name, build(join(folder, name)));
  }
  checkObjects('training', read(readFileSync(join(folder, 'training/train-job.yaml'), 'utf8')));
  findFaults(build(join(folder, 'base')));
  checkTypes(build(join(folder, 'base')));
} finally {
  rmSync(folder, { recursive: true });
}
checkDockerfile();
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`${checked} objects and faults checked, ${problems.length} problems\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function build(path) {
  return read(execFileSync(kubectl, ['kustomize', path], { encoding: 'utf8' }));
}

function read(text) {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS({ maxAliasCount: 0 });
  });
}

function checkObjects(name, objects) {
  for (const one of objects) {
    checked++;
    all.push(one);
    try {
      validate(oneLine(one));
    } catch (error) {
      problems.push(`${name}: ${one.kind} ${one.metadata?.name}: ${error.message}`);
    }
  }
  problems.push(...problemsOf(objects).map((words) => `${name}: ${words}`));
}

/** Every fault must be found, or the checks above say nothing. */
function findFaults(objects) {
  const without = objects.filter(({ kind }) => kind !== 'Deployment');
  for (const [what, word, change] of faults) {
    checked++;
    const deployment = structuredClone(objects.find(({ kind }) => kind === 'Deployment'));
    change(deployment);
    const found = problemsOf([...without, deployment]);
    if (!found.some((words) => words.includes(word))) problems.push(`nobody finds ${what}: ${JSON.stringify(found)}`);
  }
  const fields = [
    ['a list that is missing', (one) => delete one.spec.template.spec.containers],
    ['a number as a text', (one) => (one.spec.replicas = '2')],
    ['a probe without a place', (one) => delete one.spec.template.spec.containers[0].readinessProbe.httpGet.port],
  ];
  for (const [what, change] of fields) {
    checked++;
    const deployment = structuredClone(objects.find(({ kind }) => kind === 'Deployment'));
    change(deployment);
    try {
      validate(deployment);
      problems.push(`the schema does not find ${what}`);
    } catch {
      // It was found.
    }
  }
}

/** Base64 in one line: kubectl breaks it, and the schema wants it whole. A cluster takes both. */
function oneLine({ binaryData, ...one }) {
  if (binaryData === undefined) return one;
  const pairs = Object.entries(binaryData).map(([name, text]) => [name, text.replaceAll(/\s/g, '')]);
  return { ...one, binaryData: Object.fromEntries(pairs) };
}

/** No field but those of the published types; and a misspelt one must be found. */
function checkTypes(objects) {
  const deployment = structuredClone(objects.find(({ kind }) => kind === 'Deployment'));
  deployment.spec.template.spec.contaners = [];
  const [right, wrong] = [typeProblems(all), typeProblems([deployment])];
  checked += 2;
  if (right !== '') problems.push(right);
  if (!wrong.includes('contaners')) problems.push(`the types do not find a field that is misspelt: ${wrong}`);
}

function typeProblems(objects) {
  const file = fileURLToPath(new URL('types-of-manifests.ts', import.meta.url));
  writeFileSync(file, `${typedProgram(objects)}\n`);
  try {
    const words = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--ignoreConfig', file];
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...words], {
      encoding: 'utf8',
      cwd: root,
    });
    return '';
  } catch (error) {
    return String(error.stdout);
  } finally {
    rmSync(file);
  }
}

function checkDockerfile() {
  const text = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
  const exists = (path) => existsSync(join(root, path));
  checked++;
  problems.push(...problemsOfDockerfile(text, exists).map((words) => `Dockerfile: ${words}`));
  for (const [what, word, change] of dockerFaults) {
    checked++;
    const found = problemsOfDockerfile(change(text), exists);
    if (!found.some((words) => words.includes(word))) problems.push(`nobody finds ${what} in the Dockerfile`);
  }
}
