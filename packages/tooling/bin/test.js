#!/usr/bin/env node
'use strict';
// `npm test`: makes the checkout ready, says which servers the tests use, runs every test in one Jest run (arguments go to
// Jest), stops the servers it started (STUDYBRIDGE_KEEP=1 keeps them) and ends with one line of numbers.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { fail, prepare, root } = require('./prepare');

async function main() {
  await prepare();
  const { stopTestServers, testServers } = require(path.join(root, 'packages/testing/dist/servers.js'));
  const { postgres, kafka } = await testServers();
  announce(postgres, kafka);
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'studybridge-test-'));
  const resultFile = path.join(folder, 'results.json');
  try {
    await jest(['--json', `--outputFile=${resultFile}`, ...process.argv.slice(2)]);
    return report(resultFile);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
    if (process.env.STUDYBRIDGE_KEEP !== '1') {
      await stopTestServers({ postgres: !postgres.runs, kafka: !kafka.runs });
    }
  }
}

function announce(postgres, kafka) {
  const line = '*'.repeat(100);
  console.error(`Tests run against\n  PostgreSQL: ${postgres.description}\n  Kafka:      ${kafka.description}`);
  if (kafka.available) return;
  const outcome =
    process.env.CI === 'true'
      ? 'With CI=true the tests that need it FAIL.'
      : 'The tests that need it are SKIPPED: nothing is proven about Kafka.';
  console.error(`${line}\n  NO KAFKA. ${outcome}\n${line}`);
}

function jest(args) {
  return new Promise((resolve, reject) => {
    const config = path.join(root, 'packages/tooling/jest.config.js');
    const jestBin = path.join(root, 'node_modules/jest/bin/jest.js');
    // Its JSON goes to the file; standard output stays free for the last line.
    const child = spawn(process.execPath, [jestBin, '-c', config, ...args], {
      cwd: root,
      stdio: ['inherit', 'ignore', 'inherit'],
    });
    // The terminal's Ctrl-C reaches Jest by itself; we stay to stop the servers.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('close', resolve);
  });
}

/** The last line and the exit code. A test file that could not run at all counts as one failure. */
function report(resultFile) {
  const results = fs.existsSync(resultFile) ? JSON.parse(fs.readFileSync(resultFile, 'utf8')) : null;
  const passed = results?.numPassedTests ?? 0;
  const failed = results ? results.numFailedTests + results.numRuntimeErrorTestSuites : 1;
  const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
  const code = failed === 0 && passed > 0 && results?.success ? 0 : 1;
  return { code, line: `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}` };
}

main()
  .then(({ code, line }) => {
    process.exitCode = code;
    console.log(line);
  })
  .catch(fail);
