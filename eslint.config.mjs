import tooling from './packages/tooling/eslint.js';

export default tooling.preset(import.meta.dirname);
