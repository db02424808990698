'use strict';
const path = require('node:path');
const root = path.resolve(__dirname, '../..');

const ts = {
  jsc: {
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    target: 'es2022',
    keepClassNames: true,
  },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};
const js = {
  jsc: { parser: { syntax: 'ecmascript' }, target: 'es2022', keepClassNames: true },
  module: { type: 'commonjs' },
};

/**
 * The Jest project of one room. Rooms resolve each other's sources (condition `@studybridge/source`), so no build is
 * needed before a test; Nest 12 and a few libraries are ESM only and are transformed too.
 */
function jestProject(folder, overrides = {}) {
  return {
    displayName: folder.replace(/^(apps|packages)\//, ''),
    rootDir: path.join(root, folder),
    testEnvironment: 'node',
    testEnvironmentOptions: {
      customExportConditions: ['@studybridge/source', 'node', 'node-addons', 'require', 'default'],
    },
    testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
    transformIgnorePatterns: [
      '/node_modules/(?!(@nestjs|file-type|strtok3|token-types|@tokenizer|uint8array-extras|@borewit|axios|zod|load-esm)/)',
    ],
    transform: { '^.+\\.ts$': ['@swc/jest', ts], '^.+\\.m?js$': ['@swc/jest', js] },
    ...overrides,
  };
}

module.exports = { jestProject };
