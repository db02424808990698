'use strict';
// Lets a child process of a test run the sources as they are: `node -C @studybridge/source -r load-typescript.cjs main.ts`.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { transformSync } = require('@swc/core');

const options = JSON.parse(readFileSync(path.resolve(__dirname, '../../tooling/swc.json'), 'utf8'));
require.extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), { ...options, filename, swcrc: false });
  module._compile(code, filename);
};
