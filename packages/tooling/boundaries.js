'use strict';
const { existsSync, readdirSync } = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '../..');

/** What every service may build on. */
const forServices = ['contracts', 'studies', 'field-mapping', 'redcap-client', 'event-bus', 'effects', 'service-kit'];

/**
 * Which of our own rooms each room may import. A room that is not listed is refused, so that adding one means deciding.
 * `app/module` stands for the service definition an app exports.
 * - `tests`: what its tests may import besides;
 * - `libraries`: the only libraries it may use (Node's own modules and Jest always); without it, its own affair;
 * - `without`: libraries it must not use.
 */
const rooms = {
  'apps/redcap-gateway': { mayImport: forServices },
  'apps/agile-health': { mayImport: forServices },
  'apps/messaging': { mayImport: forServices },
  'apps/visit-tracking': { mayImport: forServices },
  'apps/inter-rater': { mayImport: forServices },
  'apps/brushing': { mayImport: forServices },
  'apps/pact-reports': { mayImport: forServices },
  'apps/console': { mayImport: forServices },
  'apps/sandbox': { mayImport: ['contracts', 'studies', 'service-kit', 'sandbox'] },
  'apps/standalone': {
    mayImport: [...forServices, 'sandbox', 'embedded-postgres', 'app/module'],
  },
  'apps/referee': { mayImport: [...forServices, 'sandbox', 'embedded-postgres', 'testing'] },
  'packages/contracts': { mayImport: [], libraries: ['zod'] },
  'packages/studies': { mayImport: ['contracts', 'field-mapping'] },
  'packages/field-mapping': { mayImport: ['contracts'] },
  'packages/redcap-client': { mayImport: ['contracts'], without: ['@nestjs'] },
  'packages/event-bus': { mayImport: ['contracts', 'service-kit'] },
  'packages/effects': { mayImport: ['contracts', 'service-kit'] },
  'packages/service-kit': { mayImport: ['contracts'] },
  'packages/sandbox': { mayImport: ['contracts', 'studies'], without: ['@nestjs'] },
  'packages/embedded-postgres': { mayImport: [] },
  'packages/testing': { mayImport: ['contracts', 'embedded-postgres'] },
  'packages/tooling': { mayImport: [] },
};

/** Every test may use the test helpers, and the outside world. */
const forTests = ['testing', 'sandbox', 'contracts', 'studies'];

const sentences = {
  testing: 'Test helpers are for tests (*.spec.ts, test/) and apps/referee.',
  sandbox: 'The outside world is a stand-in: only apps/sandbox, apps/standalone and tests know it.',
  'embedded-postgres':
    'Services are told their database in DATABASE_URL; only apps/standalone and the test helpers start one.',
  app: 'Apps meet on the bus only: say it as an event in packages/contracts. Only apps/standalone imports apps, by ./module.',
};

/** The rooms there are, `apps/…` and `packages/…`. */
function existingRooms() {
  return ['apps', 'packages'].flatMap((kind) =>
    readdirSync(path.join(root, kind))
      .map((name) => `${kind}/${name}`)
      .filter((folder) => existsSync(path.join(root, folder, 'package.json'))),
  );
}

/** ESLint settings that refuse every import across a boundary, with a sentence that says where to go instead. */
function boundaryRules(folders = existingRooms()) {
  return folders.flatMap((folder) => {
    const room = rooms[folder];
    if (!room) throw new Error(`${folder} has no line in packages/tooling/boundaries.js: decide what it may import.`);
    const tests = room.tests ?? forTests;
    return [
      refuse([`${folder}/**/*.{ts,js,mjs}`], folder, room, room.mayImport),
      refuse([`${folder}/**/*.{spec,deploy}.ts`, `${folder}/test/**/*.ts`], folder, room, [
        ...room.mayImport,
        ...tests,
      ]),
    ];
  });
}

function refuse(files, folder, room, allowed) {
  const patterns = forbidden(folder, room, allowed);
  return {
    name: `studybridge/boundaries of ${folder}`,
    files,
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      // The same for what that rule does not see: import(), require() and import types.
      'no-restricted-syntax': [
        'error',
        ...patterns.flatMap(({ regex, message }) =>
          [
            'ImportExpression > Literal.source',
            'CallExpression[callee.name="require"] > Literal.arguments',
            'CallExpression[callee.object.name="jest"] > Literal.arguments',
            'TSImportType Literal',
            'TSExternalModuleReference > Literal',
          ].map((selector) => ({ selector: `${selector}[value=/${regex.replaceAll('/', '\\u002f')}/]`, message })),
        ),
      ],
    },
  };
}

function forbidden(folder, room, allowed) {
  const own = ownName(folder);
  const permitted = allowed.map((name) => (name === 'app/module' ? `(${apps().join('|')})/module` : `${name}(/.*)?`));
  const explained = Object.entries(sentences)
    .filter(([name]) => !allowed.includes(name) && name !== own)
    .map(([name, message]) =>
      name === 'app'
        ? { regex: `^@studybridge/(?!(${permitted.join('|') || '(?!)'})$)(${apps().join('|')})(/|$)`, message }
        : { regex: `^@studybridge/${name}(/|$)`, message },
    );
  const others = [...Object.keys(sentences), ...apps(), own];
  return [
    ...explained,
    {
      regex: `^@studybridge/(?!(${[...permitted, ...others.map((name) => `${name}(/.*)?`)].join('|')})$)`,
      message: `${folder} may import of our own rooms only: ${room.mayImport.join(', ') || 'none'}.`,
    },
    { regex: `^@studybridge/${own}(/|$)`, message: 'A room imports its own files by their path.' },
    { regex: '^(\\.\\./)+(apps|packages)/', message: 'Import another room by its name, @studybridge/….' },
    ...(room.without ?? []).map((name) => ({ regex: `^${name}(/|$)`, message: `${folder} works without ${name}.` })),
    ...(room.libraries
      ? [
          {
            regex: `^(?!\\.{1,2}(/|$)|node:|@studybridge/|@jest/globals$|(${room.libraries.join('|')})(/|$))`,
            message: `${folder} uses no library but ${room.libraries.join(', ')}.`,
          },
        ]
      : []),
  ];
}

/** The part after @studybridge/; the two sandboxes differ in it. */
function ownName(folder) {
  return folder === 'apps/sandbox' ? 'sandbox-app' : folder.replace(/^(apps|packages)\//, '');
}

function apps() {
  return Object.keys(rooms)
    .filter((folder) => folder.startsWith('apps/'))
    .map(ownName);
}

module.exports = { boundaryRules, existingRooms, rooms };
