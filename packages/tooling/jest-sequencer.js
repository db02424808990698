'use strict';
const { default: Sequencer } = require('@jest/test-sequencer');

/** The files that play a whole study several times over take as long as half of all others: they must not begin last. */
const longest = /(walking-system|ways-of-running|restored)\.spec\.ts$/;

module.exports = class LongestFirst extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted.filter((test) => longest.test(test.path)), ...sorted.filter((test) => !longest.test(test.path))];
  }
};
