// Reads a Dockerfile as far as ours goes, and says what is wrong with it. It is no Docker: it builds nothing.

/** The instructions, one each, with continued lines joined. */
export function parseDockerfile(text) {
  const joined = text.replace(/^#.*$/gm, '').replaceAll(/\\\n/g, ' ');
  return joined
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [undefined, line, ''];
      return { name, rest };
    });
}

const known = new Set(
  'ARG FROM WORKDIR ENV COPY RUN USER EXPOSE VOLUME HEALTHCHECK STOPSIGNAL ENTRYPOINT CMD LABEL'.split(' '),
);

/**
 * @param exists  whether a path is in the build context
 * @returns what is wrong, in words
 */
export function problemsOfDockerfile(text, exists) {
  const steps = parseDockerfile(text);
  const problems = [];
  const expect = (isSo, words) => void (isSo || problems.push(words));
  const from = steps.map(({ name }, at) => (name === 'FROM' ? at : -1)).filter((at) => at >= 0);
  const last = steps.slice(from.at(-1));
  const valueOf = (name) => last.findLast((step) => step.name === name)?.rest;
  for (const { name } of steps) expect(known.has(name), `${name} is no instruction that is expected`);
  expect(from.length === 2, 'there are not two stages');
  for (const at of from) {
    const [image = ''] = steps[at].rest.split(' ');
    const isByDigest = /@sha256:[0-9a-f]{64}$/.test(image);
    const argument = /^\$\{(\w+)\}$/.exec(image)?.[1];
    const isAsked = steps.slice(0, from[0]).some(({ name, rest }) => name === 'ARG' && rest === argument);
    expect(isByDigest || isAsked, `the image ${image} is neither named by its digest nor asked for without a default`);
  }
  expect(
    /^[1-9]\d*(:[1-9]\d*)?$/.test(valueOf('USER') ?? ''),
    'it runs as root, or as a name that a cluster cannot check',
  );
  expect(/CMD \[/.test(valueOf('HEALTHCHECK') ?? ''), 'its health is not checked without a shell');
  expect((valueOf('ENTRYPOINT') ?? '').startsWith('['), 'a shell stands between the signals and the server');
  for (const { rest } of steps.filter(({ name }) => name === 'COPY')) {
    if (rest.startsWith('--from=')) continue;
    for (const source of rest.split(/\s+/).slice(0, -1)) expect(exists(source), `there is no ${source} to copy`);
  }
  for (const { name, rest } of steps.filter(({ name }) => name === 'ENV' || name === 'ARG')) {
    expect(!/KEY|TOKEN|SECRET|PASSWORD/i.test(rest), `${name} ${rest} would leave a secret in the image`);
  }
  for (const { rest } of steps.filter(({ name }) => name === 'RUN')) {
    expect(!/npm (install|i)\b/.test(rest), 'packages are installed that the lock file does not name');
  }
  return problems;
}

/** Changes that make it wrong, each with a word of the problem that must be found. */
export const dockerFaults = [
  ['an image by its tag', 'neither named', (text) => text.replace('FROM ${NODE_IMAGE}\n', 'FROM node:22\n')],
  ['a default image', 'neither named', (text) => text.replace('ARG NODE_IMAGE', 'ARG NODE_IMAGE=node:22')],
  ['root', 'as root', (text) => text.replace('USER 1000:1000\n', '')],
  ['one stage', 'two stages', (text) => text.slice(0, text.lastIndexOf('FROM'))],
  ['a shell in front', 'signals', (text) => text.replace(/^ENTRYPOINT .*$/m, 'ENTRYPOINT node bin/espalier')],
  ['no health check', 'health', (text) => text.replace('HEALTHCHECK', 'LABEL')],
  ['a key', 'secret', (text) => text.replace('ENV NODE_ENV', 'ENV ESPALIER_API_KEY=a NODE_ENV')],
  ['packages without their lock file', 'lock file', (text) => text.replace('npm ci', 'npm install')],
  ['a folder that is not there', 'no lib', (text) => text.replace('COPY bin bin', 'COPY lib lib')],
  ['an instruction that fetches', 'no instruction', (text) => `${text}ADD https://example.com/a /a\n`],
];
