'use strict';
const tseslint = require('typescript-eslint');
const { boundaryRules } = require('./boundaries');

/** Programs: they read the environment and hand it on. */
const programs = [
  'apps/*/src/main.ts',
  'apps/*/src/*/main.ts',
  'apps/*/src/ops.ts',
  // What the referee starts inherits the surroundings, and what it loads into a process looks whether it may.
  'apps/referee/src/{system/replica,proof/preload}.ts',
  'packages/service-kit/src/service/run-service.ts',
];

/** These are told by the environment which servers to use, and start programs in it. */
const environmentReaders = ['packages/testing/**', 'packages/embedded-postgres/**', 'packages/tooling/**'];

const tests = ['**/*.spec.ts', '**/*.deploy.ts', '**/test/**'];

/** The lint rules of the whole work tree. `tsconfigRootDir`: its top. */
function preset(tsconfigRootDir) {
  return tseslint.config(
    { ignores: ['**/dist/**', '**/node_modules/**', '**/coverage/**', '.data/**', '.turbo/**'] },
    {
      files: ['**/*.{js,mjs,cjs}'],
      languageOptions: { globals: nodeGlobals() },
      linterOptions: { reportUnusedDisableDirectives: 'error' },
      rules: { 'no-undef': 'error', 'no-unused-vars': 'error' },
    },
    {
      files: ['**/*.ts'],
      extends: [tseslint.configs.recommended],
      languageOptions: { parserOptions: { projectService: true, tsconfigRootDir } },
      linterOptions: { reportUnusedDisableDirectives: 'error' },
      rules: {
        '@typescript-eslint/await-thenable': 'error',
        '@typescript-eslint/no-floating-promises': 'error',
        '@typescript-eslint/no-misused-promises': 'error',
        '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
        '@typescript-eslint/consistent-type-imports': [
          'error',
          { disallowTypeAnnotations: false, fixStyle: 'inline-type-imports' },
        ],
        eqeqeq: ['error', 'always', { null: 'ignore' }],
      },
    },
    {
      // Nest reads the classes of constructor parameters at run time: an import that looks like a type only is not one.
      files: ['apps/**/*.ts', 'packages/service-kit/**/*.ts', 'packages/event-bus/**/*.ts', 'packages/effects/**/*.ts'],
      rules: { '@typescript-eslint/consistent-type-imports': 'off' },
    },
    {
      // What came over the wire is looked at as it came.
      files: tests,
      rules: { '@typescript-eslint/no-explicit-any': 'off' },
    },
    ...boundaryRules(),
    {
      files: ['**/src/**/*.ts'],
      ignores: [...tests, ...programs, ...environmentReaders],
      plugins: { studybridge: { rules: { 'no-environment': noEnvironment } } },
      rules: { 'studybridge/no-environment': 'error' },
    },
  );
}

/** Settings come through one validated door. */
const noEnvironment = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { read: '{{what}} is read in main.ts only; take a validated setting instead.' },
  },
  create(context) {
    const report = (node) => context.report({ node, messageId: 'read', data: { what: 'process.env' } });
    return {
      'MemberExpression[object.name="process"][property.name="env"]': report,
      'MemberExpression[object.name="process"][property.value="env"]': report,
      'VariableDeclarator[init.name="process"] Property[key.name="env"]': report,
      'ImportDeclaration[source.value=/^(node:)?process$/] ImportSpecifier[imported.name="env"]': report,
    };
  },
};

function nodeGlobals() {
  const names = [
    'require',
    'module',
    'exports',
    '__dirname',
    '__filename',
    'process',
    'console',
    'Buffer',
    'URL',
    'fetch',
  ];
  const timers = [
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
    'setImmediate',
    'AbortSignal',
    'performance',
  ];
  return Object.fromEntries([...names, ...timers].map((name) => [name, 'readonly']));
}

module.exports = { preset };
