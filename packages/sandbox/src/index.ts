export * from './world/create-world';
export * from './world/play-world';
export { readFaults } from './world/faults';
export { SandboxError } from './world/sandbox-error';
export { sandboxToken } from './world/tokens';
export type { World, WorldOptions } from './world/world';
