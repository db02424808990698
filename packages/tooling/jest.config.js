'use strict';
const { readdirSync, existsSync } = require('node:fs');
const path = require('node:path');
const { jestProject } = require('./jest');
const root = path.resolve(__dirname, '../..');
const rooms = ['packages', 'apps'].flatMap((kind) =>
  readdirSync(path.join(root, kind))
    .map((name) => `${kind}/${name}`)
    .filter((folder) => existsSync(path.join(root, folder, 'package.json'))),
);

/** One run over all rooms: one PostgreSQL, one Kafka, one result line. */
module.exports = {
  rootDir: root,
  projects: rooms.map((folder) => jestProject(folder)),
  maxWorkers: 2,
  testSequencer: path.join(__dirname, 'jest-sequencer.js'),
  testTimeout: 120_000,
};
