'use strict';
const { default: Sequencer } = require('@jest/test-sequencer');

/** The file that plays the whole study several times over takes as long as half of all others: it must not begin last. */
const longest = /walking-system\.spec\.ts$/;

module.exports = class LongestFirst extends Sequencer {
  async sort(tests) {
    const sorted = await super.sort(tests);
    return [...sorted.filter((test) => longest.test(test.path)), ...sorted.filter((test) => !longest.test(test.path))];
  }
};
