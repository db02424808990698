#!/usr/bin/env node
'use strict';
// node run.js <app folder> [script.js] [arguments …]: makes the checkout ready, then becomes that program. In this very
// process, so that its signals and exit code are the program's own, and nothing is left behind when it is killed.
const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { PrepareError, fail, prepare, root } = require('./prepare');

async function main() {
  const [app, ...rest] = process.argv.slice(2);
  if (!app) throw new PrepareError('Which app? For example: node packages/tooling/bin/run.js apps/standalone');
  await prepare();
  const script = /\.[cm]?js$/.test(rest[0] ?? '') ? rest.shift() : 'dist/main.js';
  const file = path.resolve(root, app, script);
  if (!fs.existsSync(file)) throw new PrepareError(`There is no ${path.relative(root, file)}.`);
  process.chdir(root);
  process.setSourceMapsEnabled(true);
  process.argv = [process.argv[0], file, ...rest];
  Module.runMain();
}

main().catch(fail);
