'use strict';
const path = require('node:path');
const { jestProject } = require('./jest');

/** The deployment test alone: it needs Docker and takes minutes. */
module.exports = {
  rootDir: path.resolve(__dirname, '../..'),
  projects: [jestProject('apps/standalone', { testMatch: ['<rootDir>/test/**/*.deploy.ts'] })],
  testTimeout: 1_800_000,
};
