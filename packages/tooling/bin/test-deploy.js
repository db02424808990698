#!/usr/bin/env node
'use strict';
// `npm run test:deploy`: builds the image, brings docker-compose.yml up with several replicas and the sandbox, plays the study
// through it and compares the end state, cell for cell, with that of one process.
const { spawnSync } = require('node:child_process');
const path = require('node:path');

const root = path.resolve(__dirname, '../../..');
const works = (...args) => spawnSync('docker', args, { stdio: 'ignore' }).status === 0;

if (!works('info') || !works('compose', 'version')) {
  console.error(`
*********************************************************************************
  NOT TESTED: there is no Docker engine with Compose here (\`docker info\` and
  \`docker compose version\` must both work). Nothing was tried, nothing is proven.
*********************************************************************************`);
  process.exit(1);
}

async function main() {
  const { prepare } = require('./prepare');
  await prepare();
  const result = spawnSync(
    process.execPath,
    [
      path.join(root, 'node_modules/jest/bin/jest.js'),
      '-c',
      path.join(root, 'packages/tooling/jest.deploy.config.js'),
      '--runInBand',
    ],
    { cwd: root, stdio: 'inherit' },
  );
  process.exit(result.status ?? 1);
}
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
